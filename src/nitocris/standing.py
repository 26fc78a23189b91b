"""How far the maps that run are, all together, and how fast: what volunteers see of them.

    Coordinator --started, supplied, delivered, over--> Standing --progress--> devices

Times are seconds of the clock that it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .protocol import Progress
from .stats import MapStats
from .throughput import Throughput

_FIGURES = 3
"""Significant figures of what is sent; the rest is noise."""


@dataclass(slots=True)
class _Count:
    total: int | None
    supplied: int = 0
    done: int = 0
    failed: int = 0


class Standing:
    """The items of the maps that run.

    Attributes:
        done: Items that are done, also of maps that are over.
    """

    def __init__(self) -> None:
        self._counts: dict[int, _Count] = {}
        self._throughput: Throughput | None = None
        self.done = 0

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

    def delivered(self, number: int, items: int, failed: int, now: float) -> None:
        """Notes items that are done, and how many of them failed."""
        count = self._counts[number]
        count.done += items
        count.failed += failed
        self.done += items
        if self._throughput:
            self._throughput.add(items, now)

    def reused(self, number: int, items: int) -> None:
        """Notes items that were done before the map began."""
        self.supplied(number, items)
        self._counts[number].done += items
        self.done += items

    def over(self, number: int) -> None:
        """Notes that a map does not run any more."""
        self._counts.pop(number, None)
        if not self._counts:
            self._throughput = None

    def maps(self, name: Callable[[int], str]) -> tuple[MapStats, ...]:
        """Returns each map that runs, the oldest first.

        Args:
            name: Returns the name of what is mapped, by the map's number.
        """
        return tuple(
            MapStats(number, name(number), count.done, count.failed, count.total)
            for number, count in self._counts.items()
        )

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
