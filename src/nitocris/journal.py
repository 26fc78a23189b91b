"""The file in which results survive their owner: SQLite, for one process at a time.

    functions   fingerprint, name, when it was first used
    results     key (of function and item), what was given and what came of it, when, a checksum

A result is believed only if its checksum says so, whatever has happened to the file.
SQLite holds a lock of the operating system as long as the file is open, so no lock outlives its
process.  All methods may be called from any thread.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import ConfigurationError, JournalError

APPLICATION = 0x4E69746F
"""What SQLite files of this kind have in their headers: "Nito"."""
FORMAT = 1

FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What comes of a file that cannot be read or written; the second one when Python cannot read what
SQLite says of a damaged name."""

_TABLES = (
    "CREATE TABLE functions (id INTEGER PRIMARY KEY, fingerprint BLOB UNIQUE, name TEXT, "
    "first REAL)",
    "CREATE TABLE results (key BLOB PRIMARY KEY, function INTEGER, item BLOB, value BLOB, "
    "time REAL, checksum BLOB)",
    "CREATE INDEX results_function ON results (function)",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A result as it is kept.

    Attributes:
        key: The hash of function and item.
        function: The number of the function.
        item: The arguments, encoded; empty where they are no plain data or large.
        value: The result, encoded.
    """

    key: bytes
    function: int
    item: bytes
    value: bytes

    @property
    def checksum(self) -> bytes:
        """What tells that key, item and value belong together, and are whole."""
        sizes = b"%d,%d;" % (len(self.key), len(self.item))
        return hashlib.sha256(b"".join((sizes, self.key, self.item, self.value))).digest()[:16]


@dataclass(frozen=True, slots=True)
class Known:
    """What a journal knows of a function.

    Attributes:
        number: That of the function in the journal.
        results: How many results of it are there.
        has_changed: Whether it is new, and there is another one of this name that this process has
            not used.
    """

    number: int
    results: int
    has_changed: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """All that is kept of one function; times are seconds since 1970."""

    number: int
    fingerprint: bytes
    name: str
    results: int
    bytes: int
    first: float | None
    last: float | None


class Journal:
    """A journal that this process has open.

    Args:
        path: The file, which is made if it is not there.

    Raises:
        ConfigurationError: There can be no such file.
        JournalError: It is in use, damaged, or no journal that this version reads.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_path(path)
        self._lock = threading.Lock()
        self._used: set[int] = set()
        with self._explained():
            self._file = sqlite3.connect(
                path, timeout=0, isolation_level=None, check_same_thread=False
            )
            self._file.text_factory = _text
            try:
                self._open()
            except BaseException:
                self._file.close()
                raise

    def function(self, fingerprint: bytes, name: str) -> Known:
        """Returns what is known of a function, which is noted if it is new."""
        with self._lock, self._explained():
            run = self._file.execute
            found = run("SELECT id FROM functions WHERE fingerprint = ?", (fingerprint,)).fetchone()
            if found is not None:
                self._used.add(found[0])
                count = run("SELECT count(*) FROM results WHERE function = ?", found).fetchone()
                return Known(int(found[0]), int(count[0]), has_changed=False)
            others = {each[0] for each in run("SELECT id FROM functions WHERE name = ?", (name,))}
            number = run(
                "INSERT INTO functions (fingerprint, name, first) VALUES (?, ?, ?)",
                (fingerprint, name, time.time()),
            ).lastrowid
            has_changed = bool(others - self._used)
            self._used.add(number or 0)
            return Known(number or 0, 0, has_changed)

    def get(self, key: bytes) -> bytes | None:
        """Returns the encoded result with this key; None if there is none that is whole."""
        try:
            with self._lock:
                found = self._file.execute(
                    "SELECT function, item, value, checksum FROM results WHERE key = ?", (key,)
                ).fetchone()
        except FAULTS:
            return None
        return found[2] if found and _is_whole((key, *found)) else None

    def put(self, row: Row) -> None:
        """Adds a result, which is kept for certain from the next `commit` on.

        Raises:
            sqlite3.Error, UnicodeDecodeError: It cannot be written: one of `FAULTS`.
        """
        with self._lock:
            if not self._file.in_transaction:
                self._file.execute("BEGIN")
            self._file.execute(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)",
                (row.key, row.function, row.item, row.value, time.time(), row.checksum),
            )

    def remove(self, keys: Iterable[bytes]) -> None:
        """Removes results, for certain from the next `commit` on.

        Raises:
            sqlite3.Error, UnicodeDecodeError: It cannot be written: one of `FAULTS`.
        """
        with self._lock:
            if not self._file.in_transaction:
                self._file.execute("BEGIN")
            self._file.executemany("DELETE FROM results WHERE key = ?", ((key,) for key in keys))

    def commit(self) -> None:
        """Keeps what was added, also if the machine stops now.

        Raises:
            sqlite3.Error, UnicodeDecodeError: It cannot be written: one of `FAULTS`.
        """
        with self._lock:
            if self._file.in_transaction:
                self._file.execute("COMMIT")

    def rollback(self) -> None:
        """Forgets what was added since the last `commit`."""
        with self._lock, suppress(*FAULTS):
            self._file.execute("ROLLBACK")

    def summaries(self) -> list[Summary]:
        """Returns what is kept of each function, the oldest first."""
        with self._lock, self._explained():
            return [
                Summary(*each)
                for each in self._file.execute(
                    "SELECT f.id, f.fingerprint, f.name, count(r.key), "
                    "total(length(r.item) + length(r.value)), min(r.time), max(r.time) "
                    "FROM functions f LEFT JOIN results r ON r.function = f.id "
                    "GROUP BY f.id ORDER BY f.id"
                )
            ]

    def rows(self) -> Iterator[tuple[Row, float]]:
        """Yields all results that are whole, with their times, function by function."""
        with self._lock, self._explained():
            for *found, when in self._file.execute(
                "SELECT key, function, item, value, checksum, time FROM results "
                "ORDER BY function, rowid"
            ):
                if _is_whole(found):
                    yield Row(*found[:-1]), when

    def drop(self, numbers: list[int]) -> None:
        """Removes functions and their results."""
        with self._lock, self._explained():
            for number in numbers:
                self._file.execute("DELETE FROM results WHERE function = ?", (number,))
                self._file.execute("DELETE FROM functions WHERE id = ?", (number,))

    def compact(self) -> None:
        """Gives the room back that removed results had."""
        with self._lock, self._explained():
            self._file.execute("VACUUM")

    def close(self) -> None:
        """Keeps what was added and closes the file; what cannot be kept any more is lost."""
        with suppress(*FAULTS):
            self.commit()
        with self._lock:
            self._file.close()

    def _open(self) -> None:
        run = self._file.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        made_by = run("PRAGMA application_id").fetchone()[0]
        version = run("PRAGMA user_version").fetchone()[0]
        tables = [each[0] for each in run("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        if tables and made_by != APPLICATION:
            raise JournalError(f"{self.path} belongs to another program; name another file")
        if tables and version != FORMAT:
            raise JournalError(
                f"{self.path} has format {version}, and this version of nitocris reads {FORMAT}; "
                "use the version that wrote it, or name another file"
            )
        if tables and tables != list(_TABLES):
            raise sqlite3.DatabaseError("its tables are not those of a journal")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("BEGIN IMMEDIATE")
        if not tables:
            run(f"PRAGMA application_id = {APPLICATION}")
            run(f"PRAGMA user_version = {FORMAT}")
            for table in _TABLES:
                run(table)
        run("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FAULTS as error:
            raise _explanation(self.path, error) from error


def _text(data: bytes) -> str:
    return data.decode(errors="replace")  # it may be damaged


def _explanation(path: Path, error: Exception) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalError(
            f"{path} is in use by another execution; wait for its end, or name another file"
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return ConfigurationError(f"the journal {path} cannot be written ({error})")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return JournalError(f"the journal {path} cannot be written ({error}); is the disk full?")
    return JournalError(
        f"{path} is damaged, or no journal ({error}); move it away to start a new one"
    )


def _is_whole(found: tuple[object, ...] | list[object]) -> bool:
    match found:
        case [bytes(key), int(function), bytes(item), bytes(value), bytes(checksum)]:
            return Row(key, function, item, value).checksum == checksum
    return False


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise ConfigurationError(f"journal={os.fspath(path)!r} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"journal={os.fspath(path)!r} cannot be made: there is no folder {path.parent}"
        )
