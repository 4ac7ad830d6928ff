"""Files that are written whole or not at all, whatever happens on the way.

with whole_file("answer.json") as file:
file.write(content)             # an error here leaves the old file as it was
"""

import glob
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

ABANDONED = 3600.0
"""Seconds after which an unfinished file is taken for one that a killed program left behind."""


@contextmanager
def whole_file(path: str | os.PathLike, *, private: bool = False) -> Iterator[BinaryIO]:
    """Replace a file's contents so that after a crash the old or the new ones are there, whole.

    The bytes go into a hidden file beside it, which takes the name at the end of the `with` block.
    After the block they survive a power cut. What an earlier program left unfinished when it was
    killed is removed after an hour. A file that is replaced hands on its permissions.

    Args:
        path: the file; its folder exists.
        private: whether only the owner may read the new file.

    Yields:
        A binary file to write into.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    path = Path(path)
    remove_unfinished(path, older=ABANDONED)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(unfinished, flags, 0o600 if private else 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and not private:
            unfinished.chmod(path.stat().st_mode)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    flush(path.parent)  # the new name is on the disk once its folder is


def remove_unfinished(path: str | os.PathLike, *, older: float = 0.0) -> None:
    """Delete what killed writers of a file left behind.

    Args:
        path: the file itself, which stays.
        older: seconds for which nobody has written to what is deleted; with 0, nobody else may be
            writing the file.
    """
    path = Path(path)
    newest = time.time() - older
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        try:
            if left.stat().st_mtime <= newest:
                left.unlink()
        except FileNotFoundError:
            continue  # finished, or removed by another program


def flush(path: str | os.PathLike) -> None:
    """Have the disk hold what was written to a file or folder.

    Folders can be flushed on POSIX systems only, elsewhere that does nothing.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    path = Path(path)
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
