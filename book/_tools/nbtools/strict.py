"""A stricter nbval: pictures are compared, and nothing is let off unseen.

Of nbval it keeps the kernel, the time limits and the reports. It changes that
- outputs are compared by `nbtools.compare`: in order, pictures included, claim lines masked;
- a cell that was never executed, that stores something on stderr, or that carries one of nbval's
  markers (skip, ignore, raises) fails;
- cells run with history, as they did when they were stored, so that `value;` shows nothing;
- after a cell that fails, the rest of its notebook is skipped;
- slow outputs get a minute instead of five seconds.
"""

import functools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile

from nbtools import checks, files
from nbtools.compare import differences
from nbtools.kernel import CELL_TIMEOUT, clean_environment

OUTPUT_TIMEOUT = 60  # seconds
STARTUP_TIMEOUT = 120  # seconds


class StrictNotebook(IPyNbFile):
    """One notebook, its cells and its kernel."""

    failed: str | None = None

    def collect(self) -> Iterator["StrictCell"]:
        """Yield one test for each code cell."""
        for found in super().collect():
            yield StrictCell.from_parent(
                self,
                name=found.name,
                cell_num=found.cell_num,
                cell=found.cell,
                options=found.options,
            )

    def setup(self) -> None:
        """Start the kernel as the run tool starts it."""
        self._environment = ExitStack()
        self._environment.enter_context(clean_environment())
        super().setup()
        self.kernel.execute_cell_input = functools.partial(_execute_with_history, self.kernel)

    def teardown(self) -> None:
        """Stop the kernel, then remove the settings it ran with."""
        super().teardown()
        self._environment.close()


class StrictCell(IPyNbCell):
    """One code cell: it is executed, and its outputs are compared with those stored."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.output_timeout = OUTPUT_TIMEOUT

    def setup(self) -> None:
        """Skip the cell when an earlier one of its notebook failed."""
        if self.parent.failed:
            pytest.skip(f"{self.parent.failed} of this notebook failed")

    def runtest(self) -> None:
        """Execute the cell and compare."""
        self.parent.failed = self.name  # until proven otherwise
        if self.cell.execution_count is None:
            self.raise_cell_error("The stored cell was never executed; use `make run`")
        if any(output.get("name") == "stderr" for output in self.cell.outputs):
            self.raise_cell_error("The stored cell holds a message on stderr")
        if dict(self.options) != {"check": True}:
            self.raise_cell_error("A marker or tag of nbval keeps the cell from being compared")
        super().runtest()
        self.parent.failed = None

    def compare_outputs(
        self, test: list[NotebookNode], ref: list[NotebookNode], skip_compare: Any = None
    ) -> bool:
        """Return whether the outputs agree; leave what differs for the report."""
        self.comparison_traceback = differences(self.cell, test)
        return not self.comparison_traceback


def pytest_configure(config: pytest.Config) -> None:
    """Use this interpreter's kernel, and time limits that training can keep to."""
    config.option.nbval_current_env = True
    config.option.nbval_cell_timeout = CELL_TIMEOUT
    config.option.nbval_kernel_startup_timeout = STARTUP_TIMEOUT


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Iterator[Any]:
    """Put the strict notebook in the place of nbval's."""
    found = yield
    return [
        StrictNotebook.from_parent(parent, path=file_path) if isinstance(node, IPyNbFile) else node
        for node in found
    ]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Report how many pictures of the whole book are compared by their size only."""
    varying, pictures = checks.count_pictures(files.find_all(config.rootpath))
    terminalreporter.write_line(
        f"pictures in the book: {pictures}, of which {varying} by size only (picture-varies)"
    )


def _execute_with_history(
    kernel: RunningKernel, cell_input: str, allow_stdin: bool | None = None
) -> str:
    return kernel.kc.execute(
        cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False
    )
