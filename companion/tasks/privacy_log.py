"""A log that is only added to, and shows when anything in it was changed.

Each line carries a link: the HMAC-SHA256 (Krawczyk, Bellare and Canetti, 1997, RFC 2104) of the
link before it and of its own words (Schneier and Kelsey, 1999, doi:10.1145/317087.317089). Without
the key nobody can change, add, remove or swap lines so that the links fit again. Cutting off
the end is the exception: what is left is a true, shorter log. Against that, `newest()` is kept
somewhere else and shown to `entries`.

Whoever holds the key can write any log: it belongs to a service that only logs, or to an auditor.
"""

import hashlib
import hmac
import json
import os
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import filelock

MIN_KEY = 16
"""Shortest key, in bytes; `secrets.token_bytes(32)` makes a good one."""

MAX_TEXT = 200
"""Longest text in an entry, in characters."""


class Entry(NamedTuple):
    """One line of the log.

    Attributes:
        number: 1, 2, 3, ...
        time: when, in UTC, ISO 8601 to the second.
        who: who asked.
        action: what was asked for.
        about: pseudonyms of those concerned, never their names.
        outcome: what came of it.
        link: 64 hexadecimal digits that bind the line to all lines before it.
    """

    number: int
    time: str
    who: str
    action: str
    about: str
    outcome: str
    link: str


class Newest(NamedTuple):
    """Number and link of the last entry, to be kept where nobody who can write the log can write.

    An empty log has number 0.
    """

    number: int
    link: str


class LogTamperedError(ValueError):
    """The log is not as it was written; nothing in it was changed by looking."""


class AccessLog:
    """An append-only log in one text file, a line of JSON an entry.

    Several threads and processes may write to it.

    Args:
        path: the file; conventionally `*.log`.
        key: at least 16 secret bytes, not stored with the log.
        create: whether to begin a log where there is none. It is off by default, since an absent
            log may have been deleted.
        timeout: seconds to wait while another process writes.

    Raises:
        FileNotFoundError: there is no such file, or with `create` no such folder.
        TypeError: the key is not bytes.
        ValueError: the key is short, or the path is a folder.
        LogTamperedError: the log was changed, cut off, or written with another key.
        TimeoutError: another process was writing for longer than `timeout`.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        key: bytes,
        *,
        create: bool = False,
        timeout: float = 10.0,
    ) -> None:
        if not isinstance(key, bytes):
            raise TypeError(f"the log's key must be bytes, got {type(key).__name__}")
        if len(key) < MIN_KEY:
            raise ValueError(f"the log's key needs at least {MIN_KEY} bytes, got {len(key)}")
        self.path = Path(path)
        if self.path.is_dir():
            raise ValueError(f"{self.path}: is a folder; name a file for the log")
        if not self.path.absolute().parent.is_dir():
            raise FileNotFoundError(f"{self.path.parent}: there is no such folder; create it first")
        if not self.path.exists() and not create:
            raise FileNotFoundError(
                f"{self.path}: there is no log; find out whether it was deleted, or begin one with "
                "create=True"
            )
        self._key = key
        self._thread_lock = threading.RLock()
        self._file_lock = filelock.FileLock(
            self.path.with_name(f".{self.path.name}.lock"), timeout=timeout, thread_local=False
        )
        self._seen: tuple[int, int] | None = None  # size in bytes and time of change, when checked
        self._newest = Newest(0, self._mac("the log begins"))
        with self._locked():
            if not self.path.exists():
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))
            self._check()

    def append(self, who: str, action: str, *, about: str = "", outcome: str = "") -> Entry:
        """Write one entry. When this returns, it survives a power cut.

        Args:
            who: who asks, up to 200 printable characters, as for the rest.
            action: what is asked for.
            about: pseudonyms of those concerned.
            outcome: what came of it.

        Raises:
            ValueError: a text is too long or not printable.
            LogTamperedError: the log was changed since it was last read; nothing was added.
            OSError: the disk is full, or the like; the log is as it was.
        """
        for text in (who, action, about, outcome):
            if not isinstance(text, str) or len(text) > MAX_TEXT or not text.isprintable():
                raise ValueError(
                    f"an entry holds texts of at most {MAX_TEXT} printable characters, got "
                    f"{text!r:.220}"
                )
        with self._locked():
            if self._seen != self._stamp():
                self._check()
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            entry = Entry(self._newest.number + 1, now, who, action, about, outcome, "")
            entry = entry._replace(link=self._link(self._newest.link, entry))
            self._write(_line(entry))
            self._newest = Newest(entry.number, entry.link)
            self._seen = self._stamp()
            return entry

    def entries(self, *, since: Newest | None = None) -> list[Entry]:
        """All entries, after every link was checked.

        Args:
            since: what `newest` gave at some time and was kept elsewhere; the log must still hold
                that entry. Without it, a log whose end was cut off passes.

        Raises:
            LogTamperedError: a line was changed, put in, removed, swapped or cut off.
        """
        with self._locked():
            entries = self._check()
        if since is not None and since.number:
            if len(entries) < since.number:
                raise LogTamperedError(
                    f"{self.path}: ends with entry {len(entries)}, but entry {since.number} had "
                    "been written: the end was cut off"
                )
            if entries[since.number - 1].link != since.link:
                raise LogTamperedError(
                    f"{self.path}: entry {since.number} is another one than was kept: the end was "
                    "written anew by somebody who has the key"
                )
        return entries

    def newest(self) -> Newest:
        """Number and link of the last entry; keep it elsewhere."""
        with self._locked():
            if self._seen != self._stamp():
                self._check()
            return self._newest

    def pseudonym(self, name: str) -> str:
        """Sixteen digits in place of a name, the same each time.

        Without the key they tell nothing. With it, one can still ask whether a *known* name stands
        in the log; to end that, end the log and destroy its key.
        """
        return self._mac("name", unicodedata.normalize("NFC", name))[:16]

    def _check(self) -> list[Entry]:
        """Read everything and follow the chain."""
        text = self.path.read_bytes()
        entries: list[Entry] = []
        newest = Newest(0, self._mac("the log begins"))
        for number, raw in enumerate(text.splitlines(keepends=True), 1):
            where = f"{self.path}, line {number}"
            if not raw.endswith(b"\n"):
                raise LogTamperedError(f"{where}: is cut off in the middle; restore a copy")
            entry = _parse(raw)
            if entry is None:
                raise LogTamperedError(f"{where}: is no entry of this log, or was changed")
            if entry.number != number:
                raise LogTamperedError(
                    f"{where}: holds entry {entry.number}: lines were removed, put in or swapped"
                )
            if not hmac.compare_digest(entry.link, self._link(newest.link, entry)):
                cause = (
                    "the key is another one, or the line was changed"
                    if number == 1
                    else "the line was changed, or did not stand here"
                )
                raise LogTamperedError(f"{where}: does not fit what stands before it: {cause}")
            entries.append(entry)
            newest = Newest(number, entry.link)
        self._newest, self._seen = newest, self._stamp()
        return entries

    def _write(self, line: bytes) -> None:
        size = self.path.stat().st_size
        number = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            try:
                if os.write(number, line) != len(line):
                    raise OSError(
                        f"{self.path}: the entry was not written whole; is the disk full?"
                    )
                os.fsync(number)
            except BaseException:
                os.ftruncate(number, size)
                raise
        finally:
            os.close(number)

    def _stamp(self) -> tuple[int, int]:
        state = self.path.stat()
        return state.st_size, state.st_mtime_ns

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other threads and processes out."""
        with self._thread_lock:
            try:
                self._file_lock.acquire()
            except filelock.Timeout:
                raise TimeoutError(f"{self.path}: another process kept the log busy") from None
            try:
                yield
            except FileNotFoundError:
                raise LogTamperedError(f"{self.path}: the log has vanished") from None
            finally:
                self._file_lock.release()

    def _link(self, before: str, entry: Entry) -> str:
        return self._mac(before, json.dumps(entry[:-1]))

    def _mac(self, *words: str) -> str:
        message = json.dumps(words).encode()  # unlike plain joining, this keeps words apart
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def _line(entry: Entry) -> bytes:
    return json.dumps(entry._asdict()).encode() + b"\n"


def _parse(raw: bytes) -> Entry | None:
    """The entry, if the line is, byte for byte, as an entry is written."""
    try:
        entry = Entry(**json.loads(raw))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = all(isinstance(part, str) for part in entry[1:])
    return entry if texts and entry.link.isascii() and _line(entry) == raw else None
