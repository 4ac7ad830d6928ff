"""What ruff says of a notebook's code, so that `make run` tells it before `make check` does."""

import subprocess
import sys
from pathlib import Path

from nbtools import files


def problems(path: Path) -> list[str]:
    """Return one line for each rule of style that the notebook breaks.

    A notebook that lies elsewhere is judged as if it lay in the book.

    Raises:
        RuntimeError: ruff cannot read the notebook.
    """
    name = path if path.is_relative_to(files.ROOT) else files.ROOT / "book" / path.name
    content = path.read_bytes()
    checked = _ruff(["check", "--output-format", "concise"], name, content)
    if checked.returncode > 1:
        raise RuntimeError(f"ruff cannot read {path}: {checked.stderr.decode()}")
    # A finding reads PATH:cell 3:1:89: E501 Line too long; PATH is relative to the root.
    begin = f"{name.relative_to(files.ROOT)}:"
    lines = [
        line.removeprefix(begin)
        for line in checked.stdout.decode().splitlines()
        if line.startswith(begin)
    ]
    if _ruff(["format", "--check"], name, content).returncode:
        lines.append(
            f"its code is laid out anew by: .venv/bin/python -m ruff format {files.shown(path)}"
        )
    return lines


def _ruff(words: list[str], name: Path, content: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "ruff", *words, "--stdin-filename", str(name), "-"]
    return subprocess.run(command, cwd=files.ROOT, input=content, capture_output=True, check=False)
