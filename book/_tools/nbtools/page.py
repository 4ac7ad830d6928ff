"""A stored notebook as the checks see it: the file's text and what it says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode, ValidationError

from nbtools.files import text_of


@dataclass(frozen=True)
class Page:
    """One notebook file."""

    path: Path
    text: str
    notebook: NotebookNode

    @classmethod
    def read(cls, path: Path) -> "Page":
        """Read the notebook at `path`.

        Raises:
            ValueError: If it is not a notebook of format 4.
        """
        text = path.read_bytes().decode()
        try:
            if json.loads(text).get("nbformat") != 4:
                raise ValueError('it needs "nbformat": 4')
            notebook = nbformat.reads(text, as_version=4)
            nbformat.validate(notebook)
        except (ValidationError, AttributeError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        return cls(path, text, notebook)

    def name(self, number: int) -> str:
        """Return how a problem calls the cell at this place; it counts from 1, as ruff does."""
        lines = self.notebook.cells[number].source.strip().splitlines()
        return f"cell {number + 1} ({lines[0][:40] if lines else ''!r})"

    def code(self) -> Iterator[tuple[str, NotebookNode]]:
        """Yield each code cell with its name."""
        for number, cell in enumerate(self.notebook.cells):
            if cell.cell_type == "code":
                yield self.name(number), cell

    def prose_cells(self) -> Iterator[NotebookNode]:
        """Yield each markdown cell."""
        return (cell for cell in self.notebook.cells if cell.cell_type == "markdown")

    def prose(self) -> Iterator[tuple[str, str]]:
        """Yield each text that a reader reads: where, and the text."""
        for number, cell in enumerate(self.notebook.cells):
            if cell.cell_type == "markdown":
                yield self.name(number), cell.source
            for group, key in (("image", "alt"), ("figure", "caption")):
                text = cell.metadata.get("mystnb", {}).get(group, {}).get(key)
                if text:
                    yield f"the {key} of {self.name(number)}", str(text)

    def printed(self) -> Iterator[tuple[str, str]]:
        """Yield each text that a code cell put out: the cell's name, and the text.

        Where an output has several forms, these are all of its texts, as any may be shown.
        """
        for name, cell in self.code():
            for output in cell.outputs:
                if output.output_type == "stream":
                    yield name, text_of(output.text)
                for kind, content in output.get("data", {}).items():
                    if kind.startswith("text/"):
                        yield name, text_of(content)


def is_picture(kind: str) -> bool:
    """Whether a MIME type is that of a picture."""
    return kind.startswith("image/")
