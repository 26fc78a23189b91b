"""Counts how the results of one map are believed."""

from __future__ import annotations

from .cases import How
from .credibility import Credibility


class Tally:
    """The counts of one map.

    Args:
        own: Items that were delivered before anything was counted.

    Attributes:
        disagreements: As of `Credibility`.
        banned: The same.
        known: The same.
        doubtful: The same.
        compared: Answers of strangers that were compared or checked.
    """

    def __init__(self, own: int) -> None:
        self.disagreements = 0
        self.banned: list[str] = []
        self.known = 0
        self.doubtful: list[int] = []
        self.compared = 0
        self._answers = 0
        self._strangers: set[int] = set()
        self._ways = dict.fromkeys(How, 0) | {How.OWN: own}

    def answered(self, worker: int) -> None:
        """Notes an answer of a stranger."""
        self._strangers.add(worker)
        self._answers += 1

    def believed(self, how: How) -> None:
        """Notes an item that is handed over."""
        self._ways[how] += 1

    def credibility(self) -> Credibility:
        """Returns what was counted."""
        return Credibility(
            **{how.value: count for how, count in self._ways.items()},
            disagreements=self.disagreements,
            banned=tuple(self.banned),
            answers=self._answers / max(1, len(self._strangers)),
            compared=self.compared / max(1, self._answers),
            known=self.known,
            doubtful=tuple(self.doubtful),
        )
