"""What a stream or a future has handed over, and because of which devices.

It cannot be taken back; but when all of these are found to lie, the owner is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

MAX_REMEMBERED = 1000
"""Items of each device, the latest ones, so that an endless stream needs no more memory."""


class HandedOver:
    """The items that rest on devices whom nobody knows."""

    def __init__(self) -> None:
        self._latest: dict[int, deque[tuple[int, set[int]]]] = {}

    def add(self, index: int, supporters: Iterable[int]) -> None:
        """Notes an item, and the devices that answered what was handed over."""
        remaining = set(supporters)
        for worker in remaining:
            self._latest.setdefault(worker, deque(maxlen=MAX_REMEMBERED)).append((index, remaining))

    def lied(self, worker: int) -> list[int]:
        """Notes a lie; returns the items for which no other device stands any more."""
        doubtful = []
        for index, remaining in self._latest.pop(worker, ()):
            remaining.discard(worker)
            if not remaining:
                doubtful.append(index)
        return doubtful
