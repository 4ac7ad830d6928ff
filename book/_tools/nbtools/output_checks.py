"""What stored outputs must keep to: short, clean, and the same on the next machine."""

import re
from collections.abc import Iterator

from nbtools import claims
from nbtools import pictures as compared
from nbtools.files import text_of
from nbtools.page import Page, is_picture

PRINTED_LINES = 15
KINDS = {
    "text/plain",
    "text/html",
    "text/markdown",
    "text/latex",
    "image/png",
    "image/jpeg",
}
FOLDERS = "home|Users|root|tmp|var|usr|opt|work|workspace|mnt|media|private|content|builds?|srv"
DRIFTING = {
    "an absolute path": re.compile(rf"(?<![\w.:/])/(?:{FOLDERS})/\S+|\b[A-Za-z]:\\\w\S*"),
    "an object's address": re.compile(r"\b0x[0-9a-fA-F]{6,}\b"),
    "a date or time of day": re.compile(r"\b20\d\d-\d\d-\d\d\b|\b\d{1,2}:\d\d:\d\d\b"),
    "a timing": re.compile(
        r"\b\d+(?:\.\d+)?\s?(?:ns|[µu]s|ms|s|secs?|seconds?|mins?|minutes?|hours?)\b|\bit/s\b"
    ),
}


def clean_streams(page: Page) -> Iterator[str]:
    """Yield a problem for a stored error, anything on stderr, or a progress bar."""
    for name, cell in page.code():
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{name} stores an error: {output.ename}: {output.evalue}"
            elif output.output_type == "stream" and output.name == "stderr":
                first = text_of(output.text).strip().splitlines() or [""]
                yield f"{name} stores a message on stderr: {first[0]}"
            elif output.output_type == "stream" and "\r" in text_of(output.text):
                yield f"{name} stores a line that overwrites itself, as a progress bar does"


def kinds(page: Page) -> Iterator[str]:
    """Yield a problem for an output that is neither text nor a readable picture."""
    for name, cell in page.code():
        for output in cell.outputs:
            data = output.get("data", {})
            foreign = sorted(set(data) - KINDS)
            if foreign:
                yield f"{name} stores {foreign}; allowed are {sorted(KINDS)}"
            if any("Figure(" in text_of(data[k]) for k in data if k == "text/plain"):
                yield f"{name} prints a figure as text; end it with plt.show()"
            for kind in filter(is_picture, set(data) & KINDS):
                try:
                    compared.decode(text_of(data[kind]))
                except ValueError as error:
                    yield f"{name}: {error}"


def printed_lines(page: Page) -> Iterator[str]:
    """Yield a problem for a cell that prints too many lines; a table's rows count."""
    for name, cell in page.code():
        lines = 0
        for output in cell.outputs:
            data = output.get("data", {})
            if output.output_type == "stream":
                lines += len(text_of(output.text).splitlines())
            elif "text/html" in data:
                lines += text_of(data["text/html"]).count("<tr")
            elif not any(map(is_picture, data)):
                lines += max((len(text_of(text).splitlines()) for text in data.values()), default=0)
        if lines > PRINTED_LINES:
            yield f"{name} prints {lines} lines, at most {PRINTED_LINES} are allowed"


def drifting(page: Page) -> Iterator[str]:
    """Yield a problem for printed text that differs from one machine to the next."""
    for name, text in page.printed():
        for what, pattern in DRIFTING.items():
            found = pattern.search(claims.drop(text))
            if found:
                cure = "; use claim(...), which masks it" if what == "a timing" else ""
                yield f"{name} prints {what}: {found.group()!r}{cure}"


def stored_claims(page: Page) -> Iterator[str]:
    """Yield a problem for a claim line that was broken, or whose stored number breaks its bound."""
    for name, text in page.printed():
        lines = list(claims.find(text))
        if len(lines) != len(re.findall(r"^claim:", text, re.MULTILINE)):
            yield f"{name} prints a line that begins with 'claim:' and was not printed by claim()"
        for line in lines:
            if not line.holds:
                yield (
                    f"{name} stores a claim that does not hold: {line.label}: {line.measured}, "
                    f"{line.relation} {line.bound}"
                )


def measured_in_prose(page: Page) -> Iterator[str]:
    """Yield a problem for prose that repeats a measured number instead of its bound."""
    for _, text in page.printed():
        for line in claims.find(text):
            digits = claims.digits(line.measured)
            if line.relation == "equals" or "." not in digits:
                continue
            value = claims.number(digits)
            if _is_round(value) or value == claims.number(line.bound):
                continue  # such a number stands in prose for other reasons
            for where, prose in page.prose():
                if _quotes(prose, value):
                    yield (
                        f"{where} quotes {digits}, which is measured ({line.label}) and may drift; "
                        f"quote the bound: {line.relation} {line.bound}"
                    )


def _is_round(value: float) -> bool:
    return len(f"{abs(value):.10g}".replace(".", "").strip("0")) < 2 or value == int(value)


def _quotes(prose: str, value: float) -> bool:
    for match in re.finditer(r"(?<![\w.])(\d*\.\d+|\d+)(\s?(?:%|per ?cent))?(?![\w])", prose):
        number = float(match[1])
        if number == value or (match[2] and abs(number - 100 * value) < 1e-9):
            return True
    return False


CHECKS = (clean_streams, kinds, printed_lines, drifting, stored_claims, measured_in_prose)
