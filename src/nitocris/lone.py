"""What this machine confirms where a device is the only one: as much as it keeps up with.

Each item costs a fresh process here, so a device that answers a thousand small items a second is
confirmed by samples, and what waits for them is believed because of the device alone.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum

AT_ONCE = 4
"""Items of trusted devices that this machine has not computed yet."""


class Choice(Enum):
    """What to do about an answer that nobody else can confirm."""

    COMPUTE = "compute it here"
    WAIT = "wait until more of its device is known"
    BELIEVE = "believe it"


class LoneDevices:
    """The answers of devices that were alone, in one map.

    Args:
        trust_after: Confirmed answers until a device is trusted at all.
    """

    def __init__(self, trust_after: int) -> None:
        self._trust_after = trust_after
        self._computing: dict[int, int] = {}
        self._counts: Counter[int] = Counter()
        self._waiting: dict[int, None] = {}
        self._unable = False

    def choose(self, index: int, worker: int, confirmed: int) -> Choice:
        """Returns what to do about an answer, and notes it.

        Args:
            index: The item.
            worker: Who answered it.
            confirmed: How many answers of that device were.
        """
        if self._unable:
            return Choice.BELIEVE
        if confirmed >= self._trust_after:
            if len(self._computing) >= AT_ONCE:
                return Choice.BELIEVE
        elif confirmed + self._counts[worker] >= self._trust_after:
            self._waiting[index] = None
            return Choice.WAIT
        self._computing[index] = worker
        self._counts[worker] += 1
        return Choice.COMPUTE

    def computed(self, index: int) -> bool:
        """Notes that this machine is done with an item; returns whether that was chosen here."""
        worker = self._computing.pop(index, None)
        if worker is None:
            return False
        self._counts[worker] -= 1
        return True

    def give_up(self) -> None:
        """Notes that this machine cannot compute the function."""
        self._unable = True

    def take_waiting(self) -> list[int]:
        """Returns the items that wait, which are to be chosen about again."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting
