"""How far the maps that run are, all together, and how fast: what volunteers see of them.

    Coordinator --started, supplied, delivered, over--> Standing --progress--> devices

Times are seconds of the clock that it is told.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import floor

from .protocol import Progress

WINDOW_SECONDS = 60.0
"""Long enough for items of some seconds, short enough to show that somebody joined."""
_FIGURES = 3
"""Significant figures of what is sent; the rest is noise."""


class Throughput:
    """Items per second, in the mean over the last minute or since it began.

    Args:
        began: When it began.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._seconds: deque[tuple[int, int]] = deque()
        """The items of each second that had some, the oldest first."""

    def add(self, items: int, now: float) -> None:
        """Notes items that are done."""
        second = floor(now)
        if self._seconds and self._seconds[-1][0] == second:
            items += self._seconds.pop()[1]
        self._seconds.append((second, items))
        self._forget(now)

    def rate(self, now: float) -> float:
        """Returns the items per second; those of the first second count as a second's."""
        self._forget(now)
        span = min(max(now - self._began, 1.0), WINDOW_SECONDS)
        return sum(items for _, items in self._seconds) / span

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0][0] < floor(now - WINDOW_SECONDS):
            self._seconds.popleft()


@dataclass(slots=True)
class _Count:
    total: int | None
    supplied: int = 0
    done: int = 0


class Standing:
    """The items of the maps that run."""

    def __init__(self) -> None:
        self._counts: dict[int, _Count] = {}
        self._throughput: Throughput | None = None

    def started(self, number: int, total: int | None, now: float) -> None:
        """Notes a map; its total may be a guess, or None."""
        if not self._counts:
            self._throughput = Throughput(now)
        self._counts[number] = _Count(total)

    def supplied(self, number: int, items: int) -> None:
        """Notes items that a map has for certain."""
        count = self._counts[number]
        count.supplied += items
        if count.total is not None:
            count.total = max(count.total, count.supplied)

    def ended(self, number: int) -> None:
        """Notes that a map has no more items than it was supplied with."""
        if count := self._counts.get(number):
            count.total = count.supplied

    def delivered(self, number: int, items: int, now: float) -> None:
        """Notes items that are done, also those that failed."""
        self._counts[number].done += items
        if self._throughput:
            self._throughput.add(items, now)

    def over(self, number: int) -> None:
        """Notes that a map does not run any more."""
        self._counts.pop(number, None)
        if not self._counts:
            self._throughput = None

    def progress(self, devices: int, now: float) -> Progress:
        """Returns what volunteers are told; while no map runs, of no items none is done."""
        counts = self._counts.values()
        done = sum(count.done for count in counts)
        totals = [count.total for count in counts if count.total is not None]
        total = sum(totals) if len(totals) == len(counts) else None
        rate = self._throughput.rate(now) if self._throughput else 0.0
        remaining = (total - done) / rate if total is not None and rate else None
        return Progress(
            devices,
            done,
            _rounded(rate),
            total,
            None if remaining is None else _rounded(remaining),
        )


def _rounded(value: float) -> float:
    return float(f"{value:.{_FIGURES}g}")
