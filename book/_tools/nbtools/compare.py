"""Whether a cell's fresh outputs are those that the notebook stores."""

import difflib
from collections.abc import Iterator

from nbformat import NotebookNode

from nbtools import claims, pictures
from nbtools.files import text_of
from nbtools.normal import normalise_outputs

DRIFTS, VARIES = "picture-drifts", "picture-varies"


def differences(stored: NotebookNode, fresh: list[NotebookNode]) -> list[str]:
    """Return what differs between a stored cell and its fresh outputs; nothing if they agree.

    Texts are compared to the letter, but for the measured part of claim lines. Pictures are
    compared within a tolerance. With the tag "picture-drifts" on the cell their lines may move
    farther, and the tag "picture-varies" leaves only their size.
    """
    tags = stored.metadata.get("tags", [])
    leave = {"drifts": DRIFTS in tags, "varies": VARIES in tags}
    old, new = list(_parts(stored.outputs)), list(_parts(fresh))
    if [kind for kind, _ in old] != [kind for kind, _ in new]:
        return [
            f"the outputs are {_kinds(new)}; stored are {_kinds(old)}",
            *(line for kind, text in new if kind.startswith("std") for line in text.splitlines()),
        ]
    problems = []
    for (kind, before), (_, after) in zip(old, new, strict=True):
        if kind.startswith("image/"):
            try:
                problem = pictures.difference(before, after, **leave)
            except ValueError as error:
                problem = str(error)
            problems += [f"picture: {problem}"] if problem else []
        elif claims.mask(before) != claims.mask(after):
            problems += [f"{kind}:", *_changed_lines(before, after)]
    return problems


def _parts(outputs: list[NotebookNode]) -> Iterator[tuple[str, str]]:
    for output in normalise_outputs(outputs):
        if output.output_type == "stream":
            yield output.name, text_of(output.text)
        elif output.output_type == "error":
            yield "error", f"{output.ename}: {output.evalue}"
        else:
            for kind in sorted(output.data):
                yield kind, text_of(output.data[kind])


def _kinds(parts: list[tuple[str, str]]) -> str:
    return ", ".join(kind for kind, _ in parts) or "none"


def _changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(
        claims.mask(before).splitlines(),
        claims.mask(after).splitlines(),
        "stored",
        "this run",
        lineterm="",
        n=1,
    )
    return [line for line in lines if not line.startswith("@@")]
