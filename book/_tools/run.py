"""Execute the book's notebooks in place: `make run`, or `python book/_tools/run.py [NB ...]`.

A notebook whose results are those it stores is left as it is, byte for byte. One with an error
is left as it is, too, and the exit status is 1. All others are replaced whole.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbtools import checks, files, lint, reference_checks
from nbtools.execute import ExecutionError, execute, same_results
from nbtools.kernel import CELL_TIMEOUT
from nbtools.normal import normalise


def run(path: Path, *, force: bool, timeout: int) -> tuple[str, bool]:
    """Execute one notebook and store it where that changes something.

    Returns:
        What to tell, and whether all is well.
    """
    started = time.perf_counter()
    before = path.read_bytes()
    stored = nbformat.reads(before.decode(), as_version=4)
    try:
        fresh = execute(stored, path.parent, timeout=timeout)
    except ExecutionError as error:
        return f"FAILED     {files.shown(path)}: left as it was\n{error}", False
    if not force and same_results(stored, fresh):
        fresh = normalise(stored)
    text = files.to_text(fresh)
    if path.read_bytes() != before:
        return f"FAILED     {files.shown(path)}: it was edited during the run; run it again", False
    changed = before != text.encode()
    if changed:
        files.write(path, text)
    problems = [*checks.problems(path), *lint.problems(path)]
    broken = f", {len(problems)} to mend:" if problems else ""
    lines = [
        f"{'written' if changed else 'unchanged':<10} {files.shown(path)}  "
        f"{time.perf_counter() - started:.1f} s{broken}",
        *(f"    {problem}" for problem in problems),
    ]
    return "\n".join(lines), not problems


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(description="Execute the book's notebooks in place.")
    parser.add_argument(
        "notebooks",
        nargs="*",
        metavar="NB",
        help="a path or a name such as face-detection; all notebooks by default",
    )
    parser.add_argument("--force", action="store_true", help="store the new results in any case")
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        help="how many to run at once (1; the measured times are only fair with 1)",
    )
    parser.add_argument(
        "--timeout", type=int, default=CELL_TIMEOUT, help="seconds a cell may take (%(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        paths = [files.find(name) for name in options.notebooks] or files.find_all()
    except files.NotebookNameError as error:
        parser.error(str(error))
    if not paths:
        parser.error(f"there is no notebook under {files.ROOT / 'book'}")
    settings = {"force": options.force, "timeout": options.timeout}
    failures = 0
    for message, well in _run_all(paths, options.jobs, settings):
        print(message, flush=True)
        failures += not well
    repeated = reference_checks.repeated_names(dict.fromkeys([*files.find_all(), *paths]))
    for line in repeated:
        print(line, file=sys.stderr)
    if failures:
        print(f"{failures} of {len(paths)} notebooks need attention", file=sys.stderr)
    return 1 if failures or repeated else 0


def _run_all(paths: list[Path], jobs: int, settings: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    if jobs == 1:
        for path in paths:
            yield run(path, **settings)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for job in [pool.submit(run, path, **settings) for path in paths]:
            yield job.result()


if __name__ == "__main__":
    sys.exit(main())
