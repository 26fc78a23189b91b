"""Who else computes on this machine while something is measured."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import psutil

DISTURBED_SHARE = 0.05
"""Of all processors' time: from there on a measurement is not to be trusted."""
TICKS = 0.05
"""Seconds; the clocks of several processes, of a hundredth each, may differ by as much."""


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds of a stretch of time, and of the processors in it.

    Args:
        wall: How long it was.
        everybody: Processor time of the whole machine.
        own: Of these, what this process and its descendants took.
    """

    wall: float
    everybody: float
    own: float

    @property
    def foreign_share(self) -> float:
        """The part of the machine that others took, 0 to 1."""
        available = self.wall * (os.cpu_count() or 1)
        return min(1.0, max(0.0, self.everybody - self.own - TICKS) / available)

    @property
    def disturbed(self) -> bool:
        """Whether others took so much that the time of the measurement means little."""
        return self.foreign_share > DISTURBED_SHARE


class Watch:
    """Looks at the machine from its making until `stop`."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._everybody = _everybody()
        self._own = _own()

    def stop(self) -> Load:
        """Returns what happened in between."""
        own, everybody = _own(), _everybody()
        return Load(time.perf_counter() - self._began, everybody - self._everybody, own - self._own)


def _everybody() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0)


def _own() -> float:
    """Returns the seconds of this process and its descendants, those that have ended included."""
    this = psutil.Process()
    total = 0.0
    for process in [this, *this.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total
