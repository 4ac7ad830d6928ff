"""The kernel that runs the book: this interpreter, away from the reader's own settings."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

CELL_TIMEOUT = 300  # seconds

SETTINGS = """
import atexit, gc, os

gc.set_threshold(100_000, 10, 10)
atexit.register(os._exit, 0)
c = get_config()
c.InteractiveShellApp.exec_lines = ["__import__('atexit').register(__import__('gc').freeze)"]
"""
"""What a kernel does before its first cell, out of sight of the page's names.

The libraries of a page are half a million objects. Python would go through them again and again
while they are imported, looking for cycles, and take them apart one by one at the end: together
some 4 s a page. It looks seldom instead, and stops at once after everything that asked to be done
at the end (it is registered first, so it comes last). IPython looks for cycles once more at its
end; by then there is nothing left to look at (the line is run after IPython has registered that, so
it comes before).
"""


class OwnKernelspec(KernelSpecManager):
    """Finds only the kernel of the interpreter that asks, whatever else is registered."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the specification of this interpreter's kernel."""
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


class OwnKernelManager(AsyncKernelManager):
    """Starts this interpreter's kernel."""

    def __init__(self, **options: Any) -> None:
        super().__init__(kernel_spec_manager=OwnKernelspec(), **options)


@contextmanager
def clean_environment() -> Iterator[None]:
    """Let a kernel that starts and ends inside see the same settings everywhere.

    Sets and dictionaries of strings keep one order. IPython's settings (`SETTINGS`, and nothing
    else) and matplotlib's settings and list of fonts are this environment's own, not those of the
    person who runs it. The number of threads is not touched.
    """
    fonts = _own_fonts()
    with tempfile.TemporaryDirectory(prefix="ipython-") as folder:
        profile = Path(folder) / "profile_default"
        profile.mkdir()
        (profile / "ipython_kernel_config.py").write_text(SETTINGS)
        ours = {"PYTHONHASHSEED": "0", "IPYTHONDIR": folder, "COLUMNS": "100"}
        ours["MPLCONFIGDIR"] = str(fonts)
        before = {key: os.environ.get(key) for key in (*ours, "MPLBACKEND")}
        os.environ.update(ours)
        os.environ.pop("MPLBACKEND", None)
        try:
            yield
        finally:
            for key, value in before.items():
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value


def _own_fonts() -> Path:
    """Folder with the list of fonts of this environment, made before a kernel needs it.

    A kernel that had to make it could say so on stderr, and a list that another environment left
    behind may name fonts that are gone.
    """
    folder = Path(sys.prefix) / "var" / "matplotlib"
    if not any(folder.glob("fontlist-*.json")):
        folder.mkdir(parents=True, exist_ok=True)
        make = [sys.executable, "-c", "import matplotlib.font_manager"]
        subprocess.run(make, env=os.environ | {"MPLCONFIGDIR": str(folder)}, check=True)
    return folder
