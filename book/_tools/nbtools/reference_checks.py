"""What a page points to must be there: words of the glossary, sources, solutions of exercises.

And what is there must be pointed to: every figure from the text that speaks of it.

The build says so, too; these checks say it when a notebook is run.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from nbtools import files
from nbtools.page import Page

BOOK = files.ROOT / "book"


def terms(page: Page) -> Iterator[str]:
    """Yield a problem for a {term} that the glossary does not explain."""
    for place, text in page.prose():
        for given in re.findall(r"\{term\}`([^`]+)`", text):
            target = re.search(r"<([^<>]+)>$", given)
            word = " ".join((target[1] if target else given).split())
            if word.casefold() not in _glossary():
                yield (
                    f"{place} points to {word!r}, which book/glossary.md does not explain; "
                    "explain it there, in alphabetical order"
                )


def sources(page: Page) -> Iterator[str]:
    """Yield a problem for a {cite} that book/references.bib does not list."""
    for place, text in page.prose():
        for given in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text):
            for key in (each.strip() for each in given.split(",")):
                if key not in _sources():
                    yield (
                        f"{place} cites {key!r}, which book/references.bib does not list; "
                        "add the source there"
                    )


def exercises(page: Page) -> Iterator[str]:
    """Yield a problem for an exercise without a folded solution, unless it opens with "Open:"."""
    prose = "\n\n".join(cell.source for cell in page.prose_cells())
    solved = re.findall(r"\{solution(?:-start)?\}\s*(\S+)", prose)
    asked = {}
    for options, text in re.findall(
        r"\{exercise(?:-start)?\}[^\n]*\n((?::[\w-]+:[^\n]*\n)*)\s*([^\n]*)", prose
    ):
        label = re.search(r":label:\s*(\S+)", options)
        if not label:
            yield f"the exercise {text[:40]!r} has no label"
            continue
        asked[label[1]] = text
        if label[1] not in solved and not text.startswith("Open:"):
            yield f'the exercise {label[1]} has no solution; if it has none, begin it with "Open:"'
    for label in solved:
        if label not in asked:
            yield f"there is a solution to {label}, which is no exercise of this page"
    for label, options in re.findall(
        r"\{solution(?:-start)?\}\s*(\S+)\n((?::[\w-]+:[^\n]*\n?)*)", prose
    ):
        if not re.search(r":class:.*\bdropdown\b", options):
            yield f"the solution to {label} is not folded; give it the line :class: dropdown"


def figures(page: Page) -> Iterator[str]:
    """Yield a problem for a figure that the text does not point to by its name."""
    prose = "\n\n".join(cell.source for cell in page.prose_cells())
    named = set(re.findall(r"\{numref\}`(?:[^`<]*<)?([^`>]+)>?`", prose))
    for place, cell in page.code():
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        if name and name not in named:
            yield (
                f"{place} draws the figure {name}, which no text points to; "
                f"write {{numref}}`{name}` where it is spoken of"
            )


def repeated_names(paths: Iterable[Path]) -> list[str]:
    """One line for each figure whose name another figure of these notebooks bears.

    A file that is no notebook is passed over; `problems` tells of it.
    """
    seen: dict[str, str] = {}
    repeated = []
    for path in paths:
        try:
            page = Page.read(path)
        except ValueError:
            continue
        for place, cell in page.code():
            name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
            here = f"{path.stem}, {place}"
            if name in seen:
                repeated.append(f"the figure name {name!r} stands twice: {seen[name]}; {here}")
            elif name:
                seen[name] = here
    return repeated


@cache
def _glossary() -> frozenset[str]:
    """Words that the glossary explains, in small letters."""
    text = (BOOK / "glossary.md").read_text(encoding="utf-8")
    inside = re.findall(r"^:::\{glossary\}\n(.*?)^:::$", text, flags=re.MULTILINE | re.DOTALL)
    words = re.findall(r"^\w.*$", "\n".join(inside), flags=re.MULTILINE)
    return frozenset(" ".join(word.split()).casefold() for word in words)


@cache
def _sources() -> frozenset[str]:
    """Keys of the bibliography."""
    text = (BOOK / "references.bib").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^@\w+\{\s*([^,\s]+)\s*,", text, flags=re.MULTILINE))


CHECKS = (terms, sources, exercises, figures)
