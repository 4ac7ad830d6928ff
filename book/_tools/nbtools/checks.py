"""What a stored notebook must keep to, apart from giving the same results again.

Every check takes a `Page` and yields one line for each problem. `problems` runs them all.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from nbformat import NotebookNode

from nbtools import output_checks, reference_checks
from nbtools.files import to_text
from nbtools.normal import normalise
from nbtools.page import Page, is_picture

SIZE = 500_000  # bytes
LINES = 30
OF_PICTURES = ("picture-drifts", "picture-varies")
TAGS = {"parameters", *OF_PICTURES, "hide-input", "hide-output", "hide-cell"}
NO_PROSE = ("#", ":", "`", "(", "+++", "|", "<!--", "---", "%")


def problems(path: Path) -> list[str]:
    """Return all that is wrong with the notebook at `path`, one line each."""
    try:
        page = Page.read(path)
    except ValueError as error:
        return [f"it cannot be read as a notebook: {str(error).splitlines()[0]}"]
    return [problem for check in CHECKS for problem in check(page)]


def count_pictures(paths: Iterable[Path]) -> tuple[int, int]:
    """Return how many cells with pictures are tagged "picture-varies", and how many there are.

    A file that is no notebook counts none; `problems` tells of it.
    """
    varying = pictures = 0
    for path in paths:
        try:
            page = Page.read(path)
        except ValueError:
            continue
        shown = [cell for _, cell in page.code() if _has_picture(cell)]
        varying += sum("picture-varies" in _tags(cell) for cell in shown)
        pictures += len(shown)
    return varying, pictures


def size(page: Page) -> Iterator[str]:
    """Yield a problem when the file is too large."""
    taken = len(page.text.encode())
    if taken > SIZE:
        yield (
            f"the file has {taken:,} bytes, at most {SIZE:,} are allowed: draw fewer or smaller "
            'pictures, or use_style(picture="jpeg")'
        )


def stored_by_run(page: Page) -> Iterator[str]:
    """Yield a problem when the file is not as the run tool stores it."""
    measured = page.notebook.metadata.get("companion", {})
    if not {"run_time_s", "device", "python", "torch"} <= set(measured):
        yield "run time and device are missing from its metadata; execute it with `make run`"
    if to_text(normalise(page.notebook)) != page.text:
        yield "it is not stored in normal form; execute it with `make run`"


def executed(page: Page) -> Iterator[str]:
    """Yield a problem when code cells are empty, or were not executed once each and in order."""
    for name, cell in page.code():
        if not cell.source.strip():
            yield f"{name} is empty"
    counts = [cell.execution_count for _, cell in page.code()]
    if counts != list(range(1, len(counts) + 1)):
        wrong = next(n for n, count in enumerate(counts) if count != n + 1)
        yield (
            f"the execution counts are not 1 to {len(counts)}: code cell {wrong + 1} has "
            f"{counts[wrong]}; execute the notebook with `make run`"
        )


def headings(page: Page) -> Iterator[str]:
    """Yield a problem when the title is missing or repeated, or a heading is numbered by hand."""
    found = []
    for cell in page.prose_cells():
        text = re.sub(r"^(`{3,}|:{3,}).*?^\1", "", cell.source, flags=re.MULTILINE | re.DOTALL)
        found += re.findall(r"^(#+) (.*)$", text, flags=re.MULTILINE)
    first = page.notebook.cells[0] if page.notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "its first cell does not open with a title: # ..."
    titles = [text for level, text in found if level == "#"]
    if len(titles) > 1:
        yield f"it has {len(titles)} titles (#), one is allowed: {titles}"
    for _, text in found:
        if re.match(r"\d+[.)]", text):
            yield f"the heading {text!r} is numbered by hand"


def prose_before_code(page: Page) -> Iterator[str]:
    """Yield a problem for a code cell that no prose introduces."""
    first_code = next((n for n, cell in enumerate(page.notebook.cells) if _is_code(cell)), None)
    for number, cell in enumerate(page.notebook.cells):
        if not _is_code(cell):
            continue
        before = page.notebook.cells[number - 1] if number else None
        if "parameters" in _tags(cell) and number - 1 == first_code:
            continue  # the set-up: imports, then parameters
        if before is None or before.cell_type != "markdown":
            yield f"{page.name(number)} follows no prose"
        elif not any(_is_prose(line) for line in before.source.splitlines()):
            yield f"{page.name(number)} follows a cell without a sentence"


def parameters(page: Page) -> Iterator[str]:
    """Yield a problem unless exactly one cell is tagged "parameters", next to the imports."""
    tagged = [n for n, (_, cell) in enumerate(page.code()) if "parameters" in _tags(cell)]
    if tagged != [1]:
        where = [n + 1 for n in tagged] or "none"
        yield f'the second code cell, and only it, must be tagged "parameters"; tagged: {where}'


def tags(page: Page) -> Iterator[str]:
    """Yield a problem for a tag that the book does not use, or one of pictures where none is."""
    for number, cell in enumerate(page.notebook.cells):
        for tag in _tags(cell):
            if tag not in TAGS:
                yield f"{page.name(number)} has the tag {tag!r}; allowed are {sorted(TAGS)}"
            if tag in OF_PICTURES and not _has_picture(cell):
                yield f'{page.name(number)} is tagged "{tag}" and shows no picture'


def source(page: Page) -> Iterator[str]:
    """Yield a problem for a cell that is long, is not plain Python or reaches for the shell."""
    for name, cell in page.code():
        lines = len(cell.source.splitlines())
        if lines > LINES:
            yield f"{name} has {lines} lines, at most {LINES} are allowed"
        if re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE_)", cell.source):
            yield f"{name} keeps itself from being compared (NBVAL_...)"
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:
            yield f"{name} is not plain Python; lines with %, ! or ? are not allowed"
            continue
        for node in ast.walk(tree):
            found = _reaches_out(node)
            if found:
                yield f"{name} uses {found}"


def pictures(page: Page) -> Iterator[str]:
    """Yield a problem for a picture without alt text, name or caption of its own."""
    seen: dict[tuple[str, str], str] = {}
    for name, cell in page.code():
        shown = sum(any(map(is_picture, output.get("data", ()))) for output in cell.outputs)
        if shown > 1:
            yield f"{name} shows {shown} pictures; one is allowed, for one alt text fits one"
        if not shown:
            continue
        options = cell.metadata.get("mystnb", {})
        for group, key in (("image", "alt"), ("figure", "name"), ("figure", "caption")):
            text = str(options.get(group, {}).get(key) or "").strip()
            if not text:
                yield f"{name} shows a picture without mystnb.{group}.{key} in its metadata"
            elif (key, text) in seen:
                yield f"{name} has the same {key} as {seen[key, text]}: {text!r}"
            elif key == "alt" and len(text.split()) < 4:
                yield f"{name} has an alt text that says little: {text!r}"
            seen.setdefault((key, text), name)


def _is_code(cell: NotebookNode) -> bool:
    return cell.cell_type == "code"


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _has_picture(cell: NotebookNode) -> bool:
    outputs = cell.get("outputs", [])
    return any(is_picture(kind) for output in outputs for kind in output.get("data", ()))


def _is_prose(line: str) -> bool:
    return not line.strip().startswith(NO_PROSE) and len(line.split()) >= 3


def _reaches_out(node: ast.AST) -> str | None:
    if isinstance(node, ast.Attribute):
        name = ast.unparse(node)
        return name if name in {"sys.path", "os.system", "os.popen"} else None
    if isinstance(node, ast.Import):
        return "subprocess" if any(part.name == "subprocess" for part in node.names) else None
    if isinstance(node, ast.ImportFrom):
        names = {f"{node.module}.{part.name}" for part in node.names}
        return next(iter(names & {"sys.path", "os.system", "os.popen"}), None) or (
            "subprocess" if node.module == "subprocess" else None
        )
    return "get_ipython" if isinstance(node, ast.Name) and node.id == "get_ipython" else None


CHECKS = (
    size,
    stored_by_run,
    executed,
    headings,
    prose_before_code,
    parameters,
    tags,
    source,
    pictures,
    *output_checks.CHECKS,
    *reference_checks.CHECKS,
)
