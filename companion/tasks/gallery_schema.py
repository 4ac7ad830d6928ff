"""The file behind a gallery: one SQLite database (sqlite.org/fileformat.html), its schema.

    people(id, name)                 one row a person, names unique
    embeddings(id, person, vector)   one row an embedding: float32 numbers, little-endian
    settings(key, value)             `dimension`; `scrub`, while the bytes of a deleted person may
                                     still lie in the file

The header's application id says that the file is a gallery, its user version which schema it has.
"""

import sqlite3
import time
from pathlib import Path
from typing import Any

APPLICATION_ID = 0x46414345
"""Marks the file as a gallery, in the place that SQLite keeps for it: "FACE" in ASCII."""

SCHEMA_VERSION = 1

_HEADER = b"SQLite format 3\0"
_SCHEMA = (
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value NOT NULL)",
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE embeddings (
        id INTEGER PRIMARY KEY,
        person INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        vector BLOB NOT NULL)""",
    "CREATE INDEX embeddings_person ON embeddings (person)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


def connect(
    path: Path, dimension: int | None, *, create: bool, timeout: float
) -> sqlite3.Connection:
    """Open a gallery's file, or make a new one.

    Args:
        path: the file.
        dimension: length of the embeddings; None for what the file says, 128 in a new one.
        create: whether to make the file where there is none.
        timeout: seconds to wait for another process that is writing.

    Returns:
        A connection without open transaction, for use under a lock from any thread.

    Raises:
        FileNotFoundError: there is no such file or no such folder.
        ValueError: it is a folder, no gallery, of a newer schema or of another dimension.
        PermissionError: the file or its folder cannot be written.
        TimeoutError: another process kept the file to itself for too long.
    """
    _check_file(path, create=create)
    mode = "rwc" if create else "rw"
    connection = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=timeout,
            isolation_level=None,  # transactions begin and end where the code says so
            check_same_thread=False,
        )
        for pragma in ("foreign_keys = ON", "secure_delete = ON", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: through the disk's own cache as well
        connection.execute("PRAGMA temp_store = MEMORY")  # no copies of faces in temporary files
        _create_schema(connection, dimension)
        _check_schema(connection, path, dimension)
        _write_ahead(connection, timeout)
    except (ValueError, sqlite3.Error, TimeoutError) as error:
        if connection is not None:
            connection.close()
        raise explained(error, path, timeout) from error
    return connection


def explained(error: Exception, path: Path, timeout: float) -> Exception:
    """The error in words with a cure; any other than those of SQLite comes back as it is."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TimeoutError(
            f"{path}: another process kept the gallery busy for {timeout:g} s; try again, or open "
            "it with a longer timeout"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return PermissionError(
            f"{path}: cannot be written; a gallery needs write access to the file and its folder"
        )
    broken = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)
    if code in broken or (isinstance(error, sqlite3.OperationalError) and not code):
        return ValueError(f"{path}: is not a gallery, or damaged ({error}); restore a copy")
    return error


def _check_file(path: Path, *, create: bool) -> None:
    """Refuse, before SQLite touches it, what is surely no gallery."""
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name a file for the gallery")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder {path.parent} does not exist; create it first")
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        if create:
            return
        raise FileNotFoundError(
            f"{path}: there is no such gallery; create=True makes one"
        ) from None
    if not header:  # another process may be creating it right now, or tempfile has
        return
    if not header.startswith(_HEADER):
        raise ValueError(f"{path}: is not a gallery: no SQLite file; it was left as it is")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise ValueError(f"{path}: is a SQLite file, but not a gallery; it was left as it is")


def _create_schema(connection: sqlite3.Connection, dimension: int | None) -> None:
    """Make the tables in an empty file; in one transaction, so that nobody sees half of them."""
    if connection.execute("PRAGMA user_version").fetchone()[0]:
        return
    with connection:  # commits, or rolls back on an error
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0]:
            return  # another process was first
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("INSERT INTO settings VALUES ('dimension', ?)", (dimension or 128,))


def _check_schema(connection: sqlite3.Connection, path: Path, dimension: int | None) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise ValueError(
            f"{path}: has schema {version}, this version of the package reads up to "
            f"{SCHEMA_VERSION}; use a newer version of the package"
        )
    stored = stored_dimension(connection)
    if not isinstance(stored, int) or stored < 1:
        raise ValueError(f"{path}: is damaged: its dimension is {stored!r}; restore a copy")
    if dimension is not None and dimension != stored:
        raise ValueError(
            f"{path}: holds embeddings of dimension {stored}, not {dimension}; embeddings of two "
            "models cannot be compared, use another file"
        )


def stored_dimension(connection: sqlite3.Connection) -> Any:
    """Length of the embeddings, as the file says it; anything, if it is damaged."""
    row = connection.execute("SELECT value FROM settings WHERE key = 'dimension'").fetchone()
    return row[0] if row else None


def _write_ahead(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch to the write-ahead log, with which readers go on while one process writes."""
    end = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:  # this one statement does not wait by itself
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
