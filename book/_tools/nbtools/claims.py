"""The lines that `companion.claims.claim` prints: their measured part may drift, the rest not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(
    r"^claim: (?P<label>[^|\n]*) \| (?P<measured>[^|\n]*) \| "
    r"(?P<relation>at least|at most|equals) (?P<bound>.*)$",
    re.MULTILINE,
)
_NUMBER = re.compile(r"[-+]?\d[\d,_]*\.?\d*(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class ClaimLine:
    """One stored claim line, taken apart."""

    label: str
    measured: str
    relation: str
    bound: str

    @property
    def holds(self) -> bool:
        """Whether the measured value keeps to the bound, as far as it was printed."""
        if self.relation == "equals" and self.measured == self.bound:
            return True
        measured, bound = number(self.measured), number(self.bound)
        slack = 0.5 * 10.0 ** -len(digits(self.measured).partition(".")[2])  # of rounding
        if self.relation == "at least":
            return measured + slack >= bound
        if self.relation == "at most":
            return measured - slack <= bound
        return abs(measured - bound) <= slack


def mask(text: str) -> str:
    """Return the text with the measured part of every claim line hidden."""
    return _LINE.sub(r"claim: \g<label> | <measured> | \g<relation> \g<bound>", text)


def drop(text: str) -> str:
    """Return the text without its claim lines."""
    return _LINE.sub("", text)


def find(text: str) -> Iterator[ClaimLine]:
    """Yield the claim lines in a printed text."""
    for match in _LINE.finditer(text):
        yield ClaimLine(**{key: value.strip() for key, value in match.groupdict().items()})


def digits(text: str) -> str:
    """Return the digits of the first number in a text, as printed, or an empty string."""
    match = _NUMBER.search(text)
    return match.group() if match else ""


def number(text: str) -> float:
    """Return the first number in a text; NaN, which keeps to no bound, where there is none."""
    found = digits(text)
    return float(found.replace(",", "").replace("_", "")) if found else float("nan")
