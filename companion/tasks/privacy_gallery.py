"""A gallery that is encrypted on the disk and in plain only in the memory of the open program.

    with SealedGallery("people.sealed", password) as gallery:
        gallery.enroll("Ada", codes)          # returned means: encrypted, and on the disk
        gallery.identify(code)

It has the verbs of `companion.tasks.gallery.Gallery` and answers alike. Every change writes the
whole file anew, encrypted, so the work grows with the number of people. One program at a time may
have it open, since nothing in the file can be read or written by halves.
"""

import io
import os
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import filelock
import numpy as np
import torch

from companion.device import pick_device
from companion.files import remove_unfinished, whole_file
from companion.tasks.gallery import Gallery
from companion.tasks.privacy_seal import (
    WORK,
    Key,
    WrongPasswordError,
    new_key,
    seal,
    unseal,
)


class SealedGallery(Gallery):
    """Known people and their embeddings, in one encrypted file.

    A person who is forgotten is in no byte of the new file; old copies of the file, on a backup or
    in blocks that the disk has freed, still hold them for whoever knows the password.

    Args:
        path: the file; conventionally `*.sealed`.
        password: at least 12 characters where the file is new. Lost, the people are lost too.
        dimension: length of the embeddings; by default what the file says, 128 in a new one.
        create: whether to make the file where there is none.
        device: where to search, in the words of `companion.device.pick_device`.
        timeout: seconds to wait while another program has it open.
        work: log2 of scrypt's cost for a new file; see `companion.tasks.privacy_seal`.

    Raises:
        FileNotFoundError: there is no such file (with `create=False`) or no such folder.
        TypeError: the password is no text.
        ValueError: no password, or the file is not sealed, is cut off or damaged, or of another
            dimension; it stays as it was.
        WrongPasswordError: the password is another one; the file stays as it was.
        TimeoutError: another program had it open for longer than `timeout`.
    """

    _store: "_SealedStore"

    def __init__(
        self,
        path: str | os.PathLike,
        password: str,
        *,
        dimension: int | None = None,
        create: bool = True,
        device: str | torch.device = "cpu",
        timeout: float = 10.0,
        work: int = WORK,
    ) -> None:
        if dimension is not None and dimension < 1:
            raise ValueError(f"dimension must be at least 1, got {dimension}")
        self.path = Path(path)
        self.device = pick_device(device)
        self._store = _SealedStore(
            self.path, password, dimension, create=create, timeout=timeout, work=work
        )
        self._lock = threading.Lock()
        self._snapshot = None

    def change_password(self, password: str, *, work: int = WORK) -> None:
        """Write the file anew under another password; copies of the old file keep the old one.

        Raises:
            TypeError: the password is no text.
            ValueError: the password is empty or short; the old one stays.
        """
        self._store.change_key(password, work)


class _SealedStore:
    """What `Gallery` asks of its store, over a sealed file; rows in the order they came."""

    def __init__(
        self,
        path: Path,
        password: str,
        dimension: int | None,
        *,
        create: bool,
        timeout: float,
        work: int,
    ) -> None:
        if path.is_dir():
            raise ValueError(f"{path}: is a folder; name a file for the gallery")
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"{path.parent}: there is no such folder; create it first")
        if not path.exists() and not create:
            raise FileNotFoundError(f"{path}: there is no such gallery; create=True makes one")
        self.path = path
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._changes = 0
        self._open = True
        self._key: Key | None = None
        self._file_lock = filelock.FileLock(
            path.with_name(f".{path.name}.lock"), timeout=timeout, thread_local=False
        )
        try:
            self._file_lock.acquire()
        except filelock.Timeout:
            raise TimeoutError(
                f"{path}: another program has the gallery open; close it there, or wait longer"
            ) from None
        try:
            remove_unfinished(path)
            self._load(password, dimension, work)
        except BaseException:
            self._file_lock.release()
            raise

    def _load(self, password: str, dimension: int | None, work: int) -> None:
        if not self.path.exists():
            self._key = new_key(password, work=work)
            self.dimension = dimension or 128
            self._write((), np.empty((0, self.dimension), np.float32))
            return
        try:
            plain, self._key = unseal(self.path.read_bytes(), password)
        except WrongPasswordError as error:
            raise WrongPasswordError(f"{self.path}: {error}") from None
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None
        with np.load(io.BytesIO(plain), allow_pickle=False) as archive:
            self._names = tuple(archive["names"].tolist())
            self._rows = archive["embeddings"]
        self.dimension = self._rows.shape[1]
        if dimension not in (None, self.dimension):
            raise ValueError(
                f"{self.path}: holds embeddings of dimension {self.dimension}, not {dimension}; "
                "embeddings of two models cannot be compared, use another file"
            )

    def close(self) -> None:
        with self._lock:
            if self._open:
                self._open = False
                self._names, self._key = (), None
                self._rows = np.empty((0, self.dimension), np.float32)
                self._file_lock.release()

    def people(self) -> dict[str, int]:
        self._check_open()
        return dict(sorted(Counter(self._names).items()))

    def add(self, people: Mapping[str, np.ndarray], *, known: bool) -> None:
        with self._lock:
            self._check_open()
            for name in people:
                if name in self._names and not known:
                    raise ValueError(
                        f"{name!r} is enrolled already; add=True stores further embeddings"
                    )
                if known and name not in self._names:
                    raise ValueError(f"nobody is called {name!r}; enroll without add=True first")
            more = tuple(name for name, codes in people.items() for _ in codes)
            if more:
                self._write(self._names + more, np.concatenate([self._rows, *people.values()]))

    def remove(self, name: str) -> None:
        with self._lock:
            self._check_open()
            keep = np.array([owner != name for owner in self._names], bool)
            if keep.all():
                raise LookupError(f"nobody is called {name!r}; people() lists the names")
            names = tuple(owner for owner in self._names if owner != name)
            self._write(names, self._rows[keep])

    def scrub(self) -> None:
        with self._lock:
            self._check_open()
            self._write(self._names, self._rows)

    def change_key(self, password: str, work: int) -> None:
        with self._lock:
            self._check_open()
            old, self._key = self._key, new_key(password, work=work)
            try:
                self._write(self._names, self._rows)
            except BaseException:
                self._key = old
                raise

    def changes(self) -> tuple[int, int]:
        self._check_open()
        return 0, self._changes

    def read(self) -> tuple[tuple[int, int], list[str], np.ndarray]:
        with self._lock:
            self._check_open()
            return self.changes(), list(self._names), self._rows

    def _write(self, names: tuple[str, ...], rows: np.ndarray) -> None:
        """To the disk first, then to memory: an error leaves both as they were."""
        assert self._key is not None  # only a closed store has none
        plain = io.BytesIO()
        np.savez(plain, names=np.array(names, dtype=np.str_), embeddings=rows.astype(np.float32))
        with whole_file(self.path, private=True) as file:
            file.write(seal(plain.getvalue(), self._key))
        self._names, self._rows = names, rows
        self._changes += 1

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError(f"the gallery {self.path} is closed; open it again")
        if os.getpid() != self._process:
            raise RuntimeError("a gallery cannot be used across a fork; open it in the new process")
