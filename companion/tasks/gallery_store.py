"""People and their embeddings in a SQLite file: transactions, locking and deletion for `gallery`.

Every commit is synced to the disk. One connection serves all threads of a process, one at a time.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from companion.tasks import gallery_schema


class Store:
    """An open gallery file.

    The arguments are those of `gallery_schema.connect`, which raises when they do not fit.
    """

    def __init__(self, path: Path, dimension: int | None, *, create: bool, timeout: float) -> None:
        self.path = path
        self._timeout = timeout
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._own_changes = 0
        self._connection: sqlite3.Connection | None = gallery_schema.connect(
            path, dimension, create=create, timeout=timeout
        )
        self.dimension = gallery_schema.stored_dimension(self._connection)
        with self._locked() as connection:
            pending = connection.execute("SELECT 1 FROM settings WHERE key = 'scrub'").fetchone()
        if pending:  # a process was killed in the middle of a deletion
            self.scrub()

    def close(self) -> None:
        """Let go of the file. A second call does nothing."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def people(self) -> dict[str, int]:
        """Names in the order of their characters, each with its number of embeddings."""
        with self._locked() as connection:
            return dict(
                connection.execute(
                    "SELECT name, (SELECT count(*) FROM embeddings WHERE person = people.id) "
                    "FROM people ORDER BY name"
                ).fetchall()
            )

    def add(self, people: Mapping[str, np.ndarray], *, known: bool) -> None:
        """Store embeddings (n, dimension) of new people, or of known ones; all or none.

        Raises:
            ValueError: a person is known who should be new, or the other way round.
            TimeoutError: another process was writing for longer than the timeout.
        """
        with self._locked() as connection, self._transaction(connection):
            for name, codes in people.items():
                row = connection.execute("SELECT id FROM people WHERE name = ?", (name,)).fetchone()
                if row and not known:
                    raise ValueError(
                        f"{name!r} is enrolled already; add=True stores further embeddings"
                    )
                if known and not row:
                    raise ValueError(f"nobody is called {name!r}; enroll without add=True first")
                person = row[0] if row else _insert(connection, name)
                connection.executemany(
                    "INSERT INTO embeddings (person, vector) VALUES (?, ?)",
                    ((person, code.astype("<f4").tobytes()) for code in codes),
                )

    def remove(self, name: str) -> None:
        """Delete a person, then every byte that is left of them in the files.

        Raises:
            LookupError: nobody has this name.
            TimeoutError: as `scrub`, or nothing was deleted because another process was writing.
        """
        with self._locked() as connection:
            with self._transaction(connection):
                if not connection.execute("DELETE FROM people WHERE name = ?", (name,)).rowcount:
                    raise LookupError(f"nobody is called {name!r}; people() lists the names")
                connection.execute("INSERT OR REPLACE INTO settings VALUES ('scrub', 1)")
            self.scrub()

    def scrub(self) -> None:
        """Write the file anew, without the copies that a database leaves of rows that it moved.

        Raises:
            TimeoutError: another process was busy for too long, so that bytes of deleted people may
                be left; the next opening of the file tries again.
        """
        with self._locked() as connection:
            try:
                connection.execute("VACUUM")
                self._empty_log(connection)
                with self._transaction(connection):
                    connection.execute("DELETE FROM settings WHERE key = 'scrub'")
            except (sqlite3.OperationalError, TimeoutError) as error:
                if not isinstance(gallery_schema.explained(error, self.path, 0), TimeoutError):
                    raise
                raise TimeoutError(
                    f"{self.path}: deleted, but another process kept the file busy for "
                    f"{self._timeout:g} s, so that bytes may remain in it; call scrub() again later"
                ) from error

    def changes(self) -> tuple[int, int]:
        """A mark that differs after every change, by this process or another."""
        with self._locked() as connection:
            return self._mark(connection)

    def read(self) -> tuple[tuple[int, int], list[str], np.ndarray]:
        """Everything as of one moment.

        Returns:
            The mark of `changes`; the owner's name of every row, (n,); the rows, (n, dimension)
            float32, in the order in which they were stored.

        Raises:
            ValueError: the file is damaged.
        """
        with self._locked() as connection, self._transaction(connection, "BEGIN"):
            names = dict(connection.execute("SELECT id, name FROM people").fetchall())
            mark = self._mark(connection)
            rows = connection.execute(
                "SELECT person, vector FROM embeddings ORDER BY id"
            ).fetchall()
        size = 4 * self.dimension
        whole = all(
            isinstance(vector, bytes) and len(vector) == size and person in names
            for person, vector in rows
        )
        if whole:
            numbers = np.frombuffer(bytearray().join(vector for _, vector in rows), "<f4")
            table = numbers.reshape(-1, self.dimension).astype(np.float32, copy=False)
            whole = bool(np.isfinite(table).all())
        if not whole:
            raise ValueError(
                f"{self.path}: is damaged: an embedding is not {self.dimension} finite numbers of "
                "a person; restore a copy"
            )
        return mark, [names[person] for person, _ in rows], table

    def _mark(self, connection: sqlite3.Connection) -> tuple[int, int]:
        # SQLite's own counter tells of other connections' commits only.
        return connection.execute("PRAGMA data_version").fetchone()[0], self._own_changes

    def _empty_log(self, connection: sqlite3.Connection) -> None:
        """Move the write-ahead log into the database and cut it to zero bytes."""
        if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise TimeoutError("readers hold the log")

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                raise ValueError(f"the gallery {self.path} is closed; open it again")
            if os.getpid() != self._process:
                raise RuntimeError(
                    "a gallery cannot be used across a fork; open it in the new process"
                )
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise gallery_schema.explained(error, self.path, self._timeout) from error

    @contextmanager
    def _transaction(
        self, connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE"
    ) -> Iterator[None]:
        connection.execute(begin)
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if begin != "BEGIN":
            self._own_changes += 1


def _insert(connection: sqlite3.Connection, name: str) -> int:
    number = connection.execute("INSERT INTO people (name) VALUES (?)", (name,)).lastrowid
    assert number is not None  # an INSERT that raised nothing has made a row
    return number
