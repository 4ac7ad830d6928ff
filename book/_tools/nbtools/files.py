"""Which notebooks the book has, and how one is read and written."""

from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from sphinx_external_toc.parsing import parse_toc_yaml

from companion.files import whole_file

ROOT = Path(__file__).resolve().parents[3]


class NotebookNameError(ValueError):
    """A name that fits no notebook of the book, or more than one."""


def find_all(root: Path = ROOT) -> list[Path]:
    """Return every notebook under `root`/book, in the order of the table of contents.

    Those that the table does not name yet come last, sorted by path.
    """
    there = [path for path in (root / "book").rglob("*.ipynb") if not _hidden(path, root)]
    order = {}
    if (root / "_toc.yml").exists():
        site = parse_toc_yaml(root / "_toc.yml")
        order = {f"{name}.ipynb": place for place, name in enumerate(site)}
    last = len(order)
    return sorted(
        there, key=lambda path: (order.get(path.relative_to(root).as_posix(), last), path)
    )


def find(name: str, root: Path = ROOT) -> Path:
    """Return the notebook called `name`: a path, "cases/face-detection" or "face-detection".

    Raises:
        NotebookNameError: If no notebook, or more than one, goes by this name.
    """
    path = Path(name)
    if path.suffix == ".ipynb":
        if not path.is_file():
            raise NotebookNameError(f"no notebook at {name}")
        return path.resolve()
    notebooks = find_all(root)
    fitting = [
        found for found in notebooks if found.with_suffix("").as_posix().endswith("/" + name)
    ]
    if len(fitting) != 1:
        listed = "".join(f"\n  {found.relative_to(root)}" for found in fitting or notebooks)
        problem = f"{len(fitting)} notebooks are called" if fitting else "no notebook is called"
        raise NotebookNameError(f"{problem} {name!r}; there are:{listed or ' none'}")
    return fitting[0]


def read(path: Path) -> NotebookNode:
    """Read a notebook as version 4."""
    return nbformat.read(path, as_version=4)


def to_text(notebook: NotebookNode) -> str:
    """Return the one text under which a notebook is stored."""
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def write(path: Path, text: str) -> None:
    """Replace a file whole or not at all, even when the process is killed half-way."""
    with whole_file(path) as file:
        file.write(text.encode())


def text_of(value: str | Sequence[str]) -> str:
    """Join a text that the notebook format may also store as a list of lines."""
    return value if isinstance(value, str) else "".join(value)


def shown(path: Path) -> str:
    """Return how messages call a file: from the root on, or whole where it lies elsewhere."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _hidden(path: Path, root: Path) -> bool:
    parts = path.relative_to(root / "book").parts
    return any(part.startswith((".", "_")) for part in parts)
