"""How many items per second are done, lately.

Times are seconds of the clock that it is told.
"""

from __future__ import annotations

from collections import deque
from math import floor

WINDOW_SECONDS = 60.0
"""Long enough for items of some seconds, short enough to show that somebody joined."""


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
