"""A progress bar where somebody is watching: on a terminal and in a notebook that is being used."""

import sys
from collections.abc import Iterable, Sized

from tqdm import tqdm


def progress_bar(total: int | None, *, done: int = 0, visible: bool = True) -> tqdm:
    """A bar that counts steps and wipes itself away at the end.

    It is drawn on a terminal and in a notebook whose cell a person runs; nothing is printed into a
    file, or by the tools that execute notebooks to store their outputs.

    Args:
        total: steps in all; None where that is not known.
        done: steps of an earlier run that this one continues.
        visible: False for a bar that never draws.
    """
    disable = None if visible and not _live_notebook() else not visible
    return tqdm(
        total=total, initial=done, unit=" steps", leave=False, dynamic_ncols=True, disable=disable
    )


def count_batches(batches: Iterable) -> int | None:
    """How many there are; None where that cannot be told, as with a stream."""
    try:
        return len(batches) if isinstance(batches, Sized) else None
    except TypeError:  # a DataLoader over a stream has the method, and raises this
        return None


def _live_notebook() -> bool:
    """Whether this code runs in a cell that an editor asked for.

    Editors (JupyterLab, Notebook 7, VS Code) say in their request which cell it is; nbclient, nbval
    and everything built on them send the code alone.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    return "cellId" in kernel.get_parent("shell").get("metadata", {})
