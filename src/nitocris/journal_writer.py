"""The thread that writes the journal, and through which results go on their way to the owner.

    coordinator --add--> queue --> thread: rows into the journal, then on to the owner

So results are encoded before the owner can change them, and the event loop never waits for a disk.
What cannot be written stops nothing: the maps go on without the journal.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from .errors import NitocrisError
from .journal import FAULTS, Journal, Known, Row

logger = logging.getLogger("nitocris.journal")

COMMIT_SECONDS = 1.0
"""After so long at the latest a result outlives this process and this machine."""

Durability: TypeAlias = Literal["batched", "always"]

_Work: TypeAlias = tuple[Callable[[], None], Callable[[], None]]
"""What changes the journal, and what is done then."""


class JournalWriter:
    """Owns an open journal and the thread that writes it.

    Args:
        path: The file.
        durability: Whether results are kept within a second ("batched"), or each before the owner
            gets it ("always").
        warn: Takes a sentence for the owner.

    Raises:
        ConfigurationError, JournalError: As of `Journal`.

    Attributes:
        journal: The file.
        problem: Why nothing is written any more; empty as long as all is well.
    """

    def __init__(self, path: Path, durability: Durability, warn: Callable[[str], None]) -> None:
        self.journal = Journal(path)
        self.problem = ""
        self._always = durability == "always"
        self._warn = warn
        self._due: float | None = None
        """When what was written must be committed, None if there is nothing."""
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        # A daemon, so that an execution that nobody has closed does not keep the interpreter.
        self._thread = threading.Thread(target=self._main, name="nitocris-journal", daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether this is the thread of the journal, which must not wait for itself."""
        return threading.current_thread() is self._thread

    def function(self, fingerprint: bytes, name: str) -> Known | None:
        """Returns what is known of a function, None if the journal cannot be used for it."""
        try:
            return self.journal.function(fingerprint, name)
        except NitocrisError as error:
            self._give_up(error.__cause__ or error)
            return None

    def add(self, rows: Callable[[], Iterable[Row]], then: Callable[[], None]) -> None:
        """Has results written, and something done afterwards, in the order of the calls.

        Args:
            rows: Called in the thread of the journal.
            then: The same; with `durability="always"` when the rows are on the disk.
        """
        self._queue.put((partial(self._put, rows), then))

    def remove(self, keys: Callable[[], Iterable[bytes]]) -> None:
        """Has results removed that were added before.

        Args:
            keys: Called in the thread of the journal.
        """
        self._queue.put((partial(self._remove, keys), _do_nothing))

    def close(self) -> None:
        """Writes what is left and closes the file."""
        self._queue.put(None)
        self._thread.join()
        self.journal.close()

    def _main(self) -> None:
        while True:
            try:
                work = self._queue.get(timeout=self._seconds_left())
            except queue.Empty:
                self._commit()
                continue
            if work is None:
                self._commit()
                return
            change, then = work
            self._write(change)
            if self._always or self._seconds_left() == 0:
                self._commit()
            try:
                then()
            except Exception:  # one owner's trouble is not that of the others
                logger.exception("a result could not be handed on")

    def _seconds_left(self) -> float | None:
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def _put(self, rows: Callable[[], Iterable[Row]]) -> None:
        for row in rows():
            self.journal.put(row)
            self._is_changed()

    def _remove(self, keys: Callable[[], Iterable[bytes]]) -> None:
        self.journal.remove(keys())
        self._is_changed()

    def _is_changed(self) -> None:
        if self._due is None:
            self._due = time.monotonic() + COMMIT_SECONDS

    def _write(self, change: Callable[[], None]) -> None:
        if self.problem:
            return
        try:
            change()
        except FAULTS as error:
            self._give_up(error)
        except Exception:
            logger.exception("a result could not be noted in the journal")

    def _commit(self) -> None:
        self._due = None
        if self.problem:
            return
        try:
            self.journal.commit()
        except FAULTS as error:
            self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        self._due = None
        if self.problem:
            return
        self.journal.rollback()
        self.problem = f"{self.journal.path} could not be written: {error}"
        self._warn(
            f"the journal {self.problem}; the maps go on, but results from now on are not kept."
        )


def _do_nothing() -> None:
    pass
