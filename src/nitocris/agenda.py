"""Things that are due at some time, each at one time only, in a heap that forgets lazily.

Putting something off, the most frequent change, touches no heap: its old entry stays and is put
back with the new time when it comes up.  When most entries are of things that are not due any more,
the heap is made anew.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

SPARE_ENTRIES = 1000
"""Entries without use that are not worth cleaning up."""


class Agenda:
    """Numbered things and when each is due, in seconds of any clock."""

    def __init__(self) -> None:
        self._times: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []
        """For each thing at least one entry that is no later than its time."""

    def __contains__(self, number: int) -> bool:
        return number in self._times

    def set(self, number: int, time: float) -> None:
        """Makes something due at this time and no other."""
        known = self._times.get(number)
        self._times[number] = time
        if known is None or time < known:
            heapq.heappush(self._heap, (time, number))
        if len(self._heap) > 2 * len(self._times) + SPARE_ENTRIES:
            self._heap = [(time, number) for number, time in self._times.items()]
            heapq.heapify(self._heap)

    def cancel(self, number: int) -> None:
        """Makes something never due; it need not be known."""
        self._times.pop(number, None)

    def next(self) -> float | None:
        """Returns when the first thing is due, or None if nothing is."""
        while self._heap:
            entry, number = self._heap[0]
            time = self._times.get(number)
            if time == entry:
                return entry
            heapq.heappop(self._heap)
            if time is not None:
                heapq.heappush(self._heap, (time, number))
        return None

    def due(self, now: float) -> Iterator[int]:
        """Yields what is due, the earliest first; it is off the agenda then."""
        while (time := self.next()) is not None and time <= now:
            _, number = heapq.heappop(self._heap)
            del self._times[number]
            yield number
