"""Run a page with other parameters, and see which of its claims still hold.

    python book/_tools/vary.py reinforcement-learning seed=1 "seeds=(3, 4, 5)"

Nothing is stored. Every claim is printed as it was measured, and one that does not hold is said
and lets the page go on. What a page says of another seed comes from here.
"""

import argparse
import ast
import copy
import sys
from collections.abc import Sequence

from nbformat import NotebookNode
from nbtools import claims, files
from nbtools.execute import ExecutionError, execute
from nbtools.kernel import CELL_TIMEOUT

SOFT = """\
import companion.claims

def soft(label, value, *, strict=companion.claims.claim, **options):
    try:
        strict(label, value, **options)
    except companion.claims.ClaimError as error:
        print("broken:", error)

companion.claims.claim = soft
del soft
"""


def varied(notebook: NotebookNode, given: dict[str, str]) -> NotebookNode:
    """Return a copy with other parameters, and with claims that say what they cannot keep.

    Args:
        notebook: stays as it is.
        given: Python source of the new values, by name.

    Raises:
        ValueError: the page has no such parameter, or the value is no Python.
    """
    changed = copy.deepcopy(notebook)
    code = [cell for cell in changed.cells if cell.cell_type == "code"]
    parameters = next(c for c in code if "parameters" in c.metadata.get("tags", []))
    known = [
        target.id
        for node in ast.parse(parameters.source).body
        if isinstance(node, ast.Assign)
        for each in node.targets
        for target in (each.elts if isinstance(each, ast.Tuple) else [each])
        if isinstance(target, ast.Name)
    ]
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"the page has no parameter {name!r}; it has {', '.join(known)}")
        try:
            ast.parse(value, mode="eval")
        except SyntaxError:
            raise ValueError(f"{name}={value}: the value is no Python expression") from None
        parameters.source += f"\n{name} = {value}"
    code[0].source = SOFT + code[0].source
    return changed


def measured(notebook: NotebookNode) -> list[str]:
    """Lines of the claims in the outputs, kept or broken, in order."""
    printed = (
        files.text_of(output.text)
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream"
    )
    lines = (line for text in printed for line in text.splitlines())
    return [line for line in lines if line.startswith("broken: ") or [*claims.find(line)]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: 0 when the page ran to its end, whatever its claims do."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebook", metavar="NB", help="a path or a name such as privacy")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--timeout", type=int, default=CELL_TIMEOUT, help="seconds a cell may take")
    options = parser.parse_args(arguments)
    try:
        path = files.find(options.notebook)
        pairs = [pair.partition("=") for pair in options.parameters]
        page = varied(files.read(path), {name.strip(): value.strip() for name, _, value in pairs})
    except ValueError as error:
        parser.error(str(error))
    try:
        lines = measured(execute(page, path.parent, timeout=options.timeout))
    except ExecutionError as error:
        print(f"{path.stem} stopped: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    broken = sum(line.startswith("broken: ") for line in lines)
    print(f"{len(lines) - broken} of {len(lines)} claims hold", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
