"""What an execution has begun and not yet ended: its maps, streams and futures.

Whoever closes an execution in good order waits for these.  No lock guards them, so that Ctrl-C in
any thread, or the garbage collector at any moment, can leave none held.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from .errors import ClosedError

REFRESH_SECONDS = 0.5
"""How often a waiting thread looks up: to redraw its bar, and to see that others still live."""


class Work(Protocol):
    """A map, a stream or a future."""

    @property
    def thread(self) -> threading.Thread:
        """The one thread that can bring it to its end."""


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    thread: threading.Thread


class Running:
    """The books of one execution."""

    def __init__(self) -> None:
        self._works: dict[Work, object] = {}
        self._ended = False
        self._emptied: queue.SimpleQueue[None] = queue.SimpleQueue()

    def add(self, work: Work, execution: object) -> None:
        """Notes that something has begun.

        Args:
            work: What it is.
            execution: Is not collected before it has ended.

        Raises:
            ClosedError: The execution takes no more work.
        """
        self._works[work] = execution
        try:
            self.check()  # last: whoever ends it and then looks for work must find this
        except ClosedError:
            self.remove(work)
            raise

    def check(self) -> None:
        """Raises an error if no more work is taken.

        Raises:
            ClosedError: The execution takes no more work.
        """
        if self._ended:
            raise ClosedError("this execution is closed; create another DistributedExecution")

    def remove(self, work: Work) -> bool:
        """Notes that something has ended; returns whether this is news."""
        known = self._works.pop(work, None) is not None
        if self._ended and not self._works:
            self._emptied.put(None)
        return known

    @contextmanager
    def call(self, execution: object) -> Iterator[None]:
        """Notes what the current thread does in this context.

        Raises:
            ClosedError: The execution takes no more work.
        """
        work = _Call(threading.current_thread())
        self.add(work, execution)
        try:
            yield
        finally:
            self.remove(work)

    def works(self) -> list[Work]:
        """Returns all that is running."""
        return list(self._works)

    def end(self) -> None:
        """Takes no more work from now on."""
        self._ended = True

    def wait(self) -> None:
        """Waits until nothing is running that can end meanwhile.

        What only this thread could bring to its end, or one that is dead, is not waited for.
        """
        waiting = threading.current_thread()
        while any(work.thread is not waiting and work.thread.is_alive() for work in self.works()):
            try:
                self._emptied.get(timeout=REFRESH_SECONDS)
            except queue.Empty:
                continue
