"""The clock that leases go by: seconds for which this program could run.

It stands still while the machine sleeps, or while the process is stopped by a signal or a debugger,
since nobody can be heard then.  Nobody sets it either: no wall clock has a part in it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

PAUSE_SECONDS = 60.0
"""A longer gap between two readings is a pause: no work keeps the event loop as long."""
READING_SECONDS = 10.0
"""How often the clock must be read at least, so that a gap is none of a quiet time."""


def unsleeping() -> float:
    """Returns the seconds of a clock that also goes on while the machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)  # unlike `time.monotonic` there
    return time.monotonic()


class AwakeClock:
    """A clock that stands still in pauses, however its two sources behave in them.

    Args:
        running: The event loop's seconds, which may go on in a pause or not.
        passing: Seconds that go on in every pause.
        longest_gap: Seconds from one reading to the next that are no pause yet.
    """

    def __init__(
        self,
        running: Callable[[], float] = time.monotonic,
        passing: Callable[[], float] = unsleeping,
        longest_gap: float = PAUSE_SECONDS,
    ) -> None:
        self._running = running
        self._passing = passing
        self._longest_gap = longest_gap
        self._latest = running(), passing()
        self._paused = 0.0
        self._has_paused = False

    def now(self) -> float:
        """Returns the seconds so far, which never go back."""
        running, passing = self._running(), self._passing()
        if passing - self._latest[1] > self._longest_gap:
            self._paused += running - self._latest[0]
            self._has_paused = True
        self._latest = running, passing
        return running - self._paused

    def on_loop(self, when: float) -> float:
        """Returns when the event loop will show this time, unless there is another pause."""
        return when + self._paused

    def take_pause(self) -> bool:
        """Returns whether there was a pause before the latest reading that nobody was told of."""
        has_paused, self._has_paused = self._has_paused, False
        return has_paused
