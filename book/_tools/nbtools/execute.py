"""Execute one notebook and say what came of it; the file is the caller's."""

import copy
import json
import re
import tempfile
import time
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from nbtools.compare import differences
from nbtools.kernel import CELL_TIMEOUT, OwnKernelManager, clean_environment
from nbtools.normal import normalise

WHERE = """
import importlib.metadata, json, sys
if "torch" in sys.modules:
    from companion.device import describe_device, pick_device
    device = describe_device(pick_device("auto"))
else:
    device = "cpu"
print(json.dumps({
    "device": device,
    "python": ".".join(map(str, sys.version_info[:2])),
    "torch": importlib.metadata.version("torch"),
}))
"""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class ExecutionError(RuntimeError):
    """A cell raised an error, took too long or ended its kernel."""


def execute(notebook: NotebookNode, folder: Path, *, timeout: int = CELL_TIMEOUT) -> NotebookNode:
    """Return a copy of the notebook, executed in a fresh kernel, in normal form.

    Args:
        notebook: What to run; stays as it is.
        folder: The kernel's working folder: the notebook's own, as under nbval.
        timeout: Seconds that one cell may take.

    Raises:
        ExecutionError: With the cell's number, its source and the traceback.
    """
    fresh = copy.deepcopy(notebook)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        fresh,
        kernel_manager_class=OwnKernelManager,
        timeout=timeout,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )
    # The log is the kernel's own; what a cell writes to stderr reaches its outputs.
    with tempfile.TemporaryFile() as log, clean_environment(), client.setup_kernel(stderr=log):
        started = time.perf_counter()
        for place, cell in enumerate(fresh.cells):
            try:
                _execute_cell(client, cell, place)
            except DeadKernelError:
                log.seek(0)
                tail = log.read()[-2000:].decode(errors="replace")
                raise ExecutionError(_report(cell, place, f"the kernel died:\n{tail}")) from None
        seconds = time.perf_counter() - started
        where = _ask(client, WHERE)
    fresh.metadata["companion"] = {"run_time_s": round(seconds, 1), **where}
    return normalise(fresh)


def same_results(stored: NotebookNode, fresh: NotebookNode) -> bool:
    """Whether a run gave what the notebook stores, by the measure that the tests use."""
    if "companion" not in stored.metadata:
        return False
    pairs = zip(stored.cells, fresh.cells, strict=True)
    return all(
        old.execution_count == new.execution_count and not differences(old, new.outputs)
        for old, new in pairs
        if old.cell_type == "code"
    )


def _execute_cell(client: NotebookClient, cell: NotebookNode, place: int) -> None:
    try:
        client.execute_cell(cell, place)
    except CellExecutionError as error:
        # It holds the cell's source, too.
        raise ExecutionError(f"cell {place + 1} failed:\n{_COLOUR.sub('', str(error))}") from None
    except CellTimeoutError:
        reason = f"it took longer than {client.timeout} s"
        raise ExecutionError(_report(cell, place, reason)) from None


def _report(cell: NotebookNode, place: int, reason: str) -> str:
    source = "".join(f"    {line}\n" for line in cell.source.splitlines())
    return f"cell {place + 1} failed:\n{source}\n{reason}"


def _ask(client: NotebookClient, source: str) -> dict[str, str]:
    """Run code that prints JSON in the notebook's kernel, after its last cell."""
    cell = new_code_cell(source)
    client.nb.cells.append(cell)
    try:
        client.execute_cell(cell, len(client.nb.cells) - 1)
    finally:
        client.nb.cells.pop()
    return json.loads(cell.outputs[0].text)
