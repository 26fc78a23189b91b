"""Tells all who read it how far the maps are, about once a second, and only what is new."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from . import protocol

SECONDS = 1.0
"""From one bulletin to the next, at least."""
MANY_READERS = 500
SECONDS_FOR_MANY = 2.0
"""The same for more readers than that: a frame to each costs the loop about 20 us."""


class Reader(Protocol):
    """A device whose volunteer sees the progress."""

    def post(self, frame: bytes) -> None:
        """Queues a frame in the place of the last one posted, if that has not left yet."""


class Timer(Protocol):
    """What waits to be called, such as an `asyncio.TimerHandle`."""

    def cancel(self) -> None:
        """Is not called any more."""


class Bulletin:
    """The progress of an execution, on its way to the volunteers.

    Args:
        call_later: That of the event loop.
        progress: Returns how far the maps are now.
        readers: Returns the devices that want to know.
    """

    def __init__(
        self,
        call_later: Callable[[float, Callable[[], None]], Timer],
        progress: Callable[[], protocol.Progress],
        readers: Callable[[], Collection[Reader]],
    ) -> None:
        self._call_later = call_later
        self._progress = progress
        self._readers = readers
        self._last: protocol.Progress | None = None
        self._timer: Timer | None = None
        self._stopped = False

    def stir(self) -> None:
        """Notes that there may be news."""
        if self._timer is None and not self._stopped:
            many = len(self._readers()) > MANY_READERS
            wait = SECONDS_FOR_MANY if many else SECONDS
            self._timer = self._call_later(wait, self._publish)

    def greet(self, reader: Reader) -> None:
        """Tells one who has just come."""
        reader.post(protocol.encode(self._progress()))

    def stop(self) -> None:
        """Publishes nothing any more."""
        self._stopped = True
        if self._timer:
            self._timer.cancel()

    def _publish(self) -> None:
        self._timer = None
        progress = self._progress()
        if progress != self._last:
            self._last = progress
            frame = protocol.encode(progress)
            for reader in self._readers():
                reader.post(frame)
        if progress.rate:
            self.stir()  # it falls also while nothing happens
