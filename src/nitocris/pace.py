"""How fast one device's messages are read."""

from __future__ import annotations


class Pace:
    """A token bucket: so many at once, and so many a second for long.

    Args:
        per_second: How many.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._left = float(per_second)
        self._since = 0.0

    def take(self, now: float) -> float:
        """Takes one, and returns how many seconds to wait for it.

        Args:
            now: Seconds of a clock that never goes back.
        """
        gained = (now - self._since) * self._per_second
        self._left = min(self._per_second, self._left + gained) - 1
        self._since = now
        return max(0.0, -self._left / self._per_second)
