"""Wrong tokens by address: who guesses is soon not worth an answer.

A right token is let in all the same, so nobody is locked out by a neighbour behind the same router.
"""

from __future__ import annotations

from collections.abc import Callable

from .addresses import neighbourhood

WINDOW_SECONDS = 60.0
MAX_ADDRESSES = 10_000
"""That are remembered at once."""


class WrongTokens:
    """Counts them.

    Args:
        most: From one address in `WINDOW_SECONDS`.
        clock: Returns seconds.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._began = clock()
        self._counts: dict[str, int] = {}

    def note(self, address: str | None) -> bool:
        """Notes a wrong token; returns whether it still is worth an answer."""
        if self._clock() - self._began >= WINDOW_SECONDS:
            self._began = self._clock()
            self._counts.clear()
        place = neighbourhood(address)
        count = self._counts.get(place, 0) + 1
        if place in self._counts or len(self._counts) < MAX_ADDRESSES:
            self._counts[place] = count
        return count <= self._most
