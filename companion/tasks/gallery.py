"""A gallery of known faces: one SQLite file, exact search, and the right to be forgotten.

    with Gallery("people.gallery") as gallery:
        gallery.enroll("Ada", faces.embed(photo, boxes))       # returned means: on the disk
        match = gallery.identify(code, threshold=0.5)          # Match("Ada", 0.41) or None
        gallery.forget("Ada")                                  # and her numbers are gone

Several processes may read while one writes; threads may share one gallery. Embeddings of faces are
personal data: enrol nobody without consent.
"""

import os
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np
import torch

from companion.device import pick_device
from companion.files import whole_file
from companion.tasks.gallery_search import Index
from companion.tasks.gallery_store import Store

DEFAULT_THRESHOLD = 0.5
"""Largest distance at which two dlib embeddings count as one person, unless the caller says else.

Stricter than dlib's usual 0.6. A threshold belongs to the photographs it is used on: choose yours
on people like those you will meet, from the rate of false matches that you can answer for.
"""

MAX_NAME = 200
"""Longest name, in characters."""

MAX_NUMBER = 1e15
"""Largest number in an embedding, so that squares and their sums stay within float32."""


class Match(NamedTuple):
    """The person found, and the Euclidean distance to the nearest of that person's embeddings."""

    name: str
    distance: float


@dataclass(frozen=True)
class _Snapshot:
    """All embeddings at one moment; `names[i]` owns row i of the index."""

    index: Index
    names: list[str]
    mark: tuple[int, int]


class _Storage(Protocol):
    """What a gallery asks of the file behind it, as `Store` says."""

    dimension: int

    def close(self) -> None: ...

    def people(self) -> dict[str, int]: ...

    def add(self, people: Mapping[str, np.ndarray], *, known: bool) -> None: ...

    def remove(self, name: str) -> None: ...

    def scrub(self) -> None: ...

    def changes(self) -> tuple[int, int]: ...

    def read(self) -> tuple[tuple[int, int], list[str], np.ndarray]: ...


class Gallery:
    """Known people and their embeddings, in one file.

    Use it in a `with` statement, or call `close`.

    Args:
        path: the file; conventionally `*.gallery`.
        dimension: length of the embeddings; by default what the file says, 128 in a new one.
        create: whether to make the file where there is none.
        device: where to search, in the words of `companion.device.pick_device`.
        timeout: seconds to wait while another process writes.

    Raises:
        FileNotFoundError: there is no such file (with `create=False`) or no such folder.
        ValueError: the path is a folder, or the file is no gallery, has a newer schema or another
            dimension; it stays as it was.
        PermissionError: the file or its folder cannot be written.
        TimeoutError: another process kept the file to itself for longer than `timeout`.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        dimension: int | None = None,
        create: bool = True,
        device: str | torch.device = "cpu",
        timeout: float = 10.0,
    ) -> None:
        if dimension is not None and dimension < 1:
            raise ValueError(f"dimension must be at least 1, got {dimension}")
        self.path = Path(path)
        self.device = pick_device(device)
        self._store: _Storage = Store(self.path, dimension, create=create, timeout=timeout)
        self._lock = threading.Lock()
        self._snapshot: _Snapshot | None = None

    @property
    def dimension(self) -> int:
        """Length of the embeddings."""
        return self._store.dimension

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. A second call does nothing."""
        self._store.close()
        self._snapshot = None

    def __len__(self) -> int:
        """Number of people."""
        return len(self.people())

    def people(self) -> dict[str, int]:
        """Names in the order of their characters, each with its number of embeddings."""
        return self._store.people()

    def enroll(self, name: str, embeddings: np.ndarray, *, add: bool = False) -> None:
        """Store a person. When this returns, it survives a killed process and a power cut.

        Args:
            name: 1 to 200 printable characters without space at the ends; Unicode's composed form
                (NFC) is stored, so that two ways to write one letter are one name.
            embeddings: (n, dimension) finite numbers, n at least 1; kept as float32.
            add: whether these are further embeddings of a person who is known already.

        Raises:
            TypeError: the name is no text.
            ValueError: the name is not allowed, known already (or, with `add`, unknown), or the
                embeddings have another shape or are not finite; nothing was stored.
            TimeoutError: another process was writing for longer than the gallery's timeout.
        """
        self._enroll({name: embeddings}, add=add)

    def enroll_many(self, people: Mapping[str, np.ndarray]) -> None:
        """Store many new people, all or, on any error, none; raises what `enroll` raises."""
        self._enroll(people, add=False)

    def identify(
        self, embedding: np.ndarray, *, threshold: float = DEFAULT_THRESHOLD
    ) -> Match | None:
        """Who is this?

        Args:
            embedding: (dimension,) finite numbers.
            threshold: largest distance that counts as the same person.

        Returns:
            The person with the nearest embedding, or None if that is farther than the threshold.

        Raises:
            ValueError: the embedding has another shape or is not finite, or the threshold is not
                a number of 0 or more.
        """
        embedding = np.asarray(embedding)
        if embedding.ndim != 1:
            raise ValueError(
                f"one embedding must be ({self.dimension},), got {embedding.shape}; "
                "identify_many takes several"
            )
        return self.identify_many(embedding[None], threshold=threshold)[0]

    def identify_many(
        self, embeddings: np.ndarray, *, threshold: float = DEFAULT_THRESHOLD
    ) -> list[Match | None]:
        """`identify` for (M, dimension) embeddings, in one search: M answers in the same order."""
        if not threshold >= 0:
            raise ValueError(f"the threshold must be a distance of 0 or more, got {threshold}")
        queries = self._checked(embeddings)
        snapshot = self._current()
        if not len(snapshot.index) or not len(queries):
            return [None] * len(queries)
        numbers, distances = snapshot.index.nearest(queries)
        return [
            Match(snapshot.names[number], distance) if distance <= threshold else None
            for number, distance in zip(numbers.tolist(), distances.tolist(), strict=True)
        ]

    def forget(self, name: str) -> None:
        """Delete a person, and every byte of the name and the embeddings in the gallery's files.

        The whole file is written anew, since a database leaves copies of rows that it moved. What
        the disk or a backup keeps beyond these files is out of reach.

        Raises:
            LookupError: nobody has this name.
            TimeoutError: another process was busy for longer than the gallery's timeout. Either
                nothing was deleted or, when the message says so, `scrub` has to be called.
        """
        self._store.remove(_checked_name(name))

    def scrub(self) -> None:
        """Write the file anew, without what deleted people left in it; `forget` does it by itself.

        Raises:
            TimeoutError: another process was busy for longer than the gallery's timeout.
        """
        self._store.scrub()

    def export(self, path: str | os.PathLike) -> None:
        """Write everything into a plain numpy archive (.npz), whole or not at all.

        It holds `names` (n,) text and `embeddings` (n, dimension) float32, one row an embedding,
        and opens with `numpy.load(path)`. An existing file is replaced.

        Raises:
            OSError: the file cannot be written; what was there before is still there.
        """
        snapshot = self._current()
        with whole_file(path) as file:
            np.savez(
                file,
                names=np.array(snapshot.names, dtype=np.str_),
                embeddings=snapshot.index.rows.cpu().numpy(),
            )

    def _enroll(self, people: Mapping[str, np.ndarray], *, add: bool) -> None:
        checked: dict[str, np.ndarray] = {}
        for name, embeddings in people.items():
            plain = _checked_name(name)
            if plain in checked:
                raise ValueError(f"{name!r} is given twice, in two ways to write it")
            checked[plain] = self._checked(embeddings)
            if not len(checked[plain]):
                raise ValueError(
                    f"no embedding given for {name!r}; was a face found in the picture?"
                )
        self._store.add(checked, known=add)

    def _current(self) -> _Snapshot:
        """The embeddings as they are now, read anew only after somebody's change."""
        with self._lock:
            if self._snapshot is None or self._store.changes() != self._snapshot.mark:
                mark, names, rows = self._store.read()
                self._snapshot = _Snapshot(Index(rows, self.device), names, mark)
            return self._snapshot

    def _checked(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, dimension) float32, contiguous and finite."""
        embeddings = np.asarray(embeddings)
        if embeddings.ndim != 2 or embeddings.shape[1] != self.dimension:
            raise ValueError(
                f"embeddings must be (n, {self.dimension}), got {embeddings.shape}; "
                "one alone is codes[None]"
            )
        if not (np.abs(embeddings) <= MAX_NUMBER).all():  # NaN is not, either
            raise ValueError(
                f"embeddings must be finite and at most {MAX_NUMBER:g}, got NaN, infinity or more"
            )
        return np.ascontiguousarray(embeddings, np.float32)


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a name must be text, got {type(name).__name__}")
    name = unicodedata.normalize("NFC", name)
    if not name or name != name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise ValueError(
            f"a name must be 1 to {MAX_NAME} printable characters without space at its ends, "
            f"got {name[:MAX_NAME]!r}"
        )
    return name
