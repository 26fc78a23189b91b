"""What follows from answers: collected item by item, given out for neighbouring items together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from . import events as ev
from .cases import Case, runs
from .trust import Trust

MAX_LISTED = 20
"""Items that a warning names."""


@dataclass(frozen=True, slots=True)
class Arbitrate:
    """Compute an item on this machine."""

    index: int
    payload: object
    place: int


@dataclass(frozen=True, slots=True)
class Regret:
    """Tell the owner of items that were handed over because of a device that lies."""

    map: int
    device: str
    items: Sequence[int]

    def told(self, function: str, *, indexed: bool, kept: bool) -> str:
        """Returns the sentence.

        Args:
            function: The name of what is mapped.
            indexed: Whether the index of an item means something to the owner.
            kept: Whether they are in a journal, which forgets them.
        """
        shown = ", ".join(map(str, sorted(self.items)[:MAX_LISTED]))
        more = len(self.items) - MAX_LISTED
        forgotten = "; the journal has forgotten them" if kept else ""
        which = f": items {shown}{f' and {more:,} more' if more > 0 else ''}" if indexed else ""
        return (
            f"{self.device} was found to lie after {len(self.items):,} results of {function} had "
            f"been handed over that rest on it{which}. They cannot be taken back; "
            f"report().trust.doubtful has them{forgotten}."
        )


Verdict: TypeAlias = (
    ev.Deliver | ev.Held | ev.Fail | ev.Doubted | ev.Settled | ev.Dismiss | Arbitrate | Regret
)


class Verdicts:
    """Those of one map that nobody has taken yet.

    Args:
        number: The map's.
        trust: Knows where devices are.

    Attributes:
        ready: What is to be delivered, by its index.
        over: Whether the map has ended with an error; then nothing else follows.
    """

    def __init__(self, number: int, trust: Trust) -> None:
        self._number = number
        self._trust = trust
        self._others: list[Verdict] = []
        self._doubts: dict[int, Case] = {}
        self._copies = 0
        self._held = self._held_failures = 0
        self.ready: dict[int, Case] = {}
        self.over = False

    def add(self, verdict: Verdict) -> None:
        """Notes a verdict as it is."""
        self._others.append(verdict)

    def fail(self, index: int, failed: ev.Failed) -> None:
        """Ends the map because of an item."""
        self.over = True
        self.add(ev.Fail(self._number, index, failed))

    def doubt(self, index: int, case: Case) -> None:
        """Has another device asked."""
        self._doubts[index] = case

    def arbitrate(self, index: int, case: Case) -> None:
        """Has this machine asked, and no device."""
        self._doubts.pop(index, None)
        self.add(Arbitrate(index, case.payload, index - case.parcel))

    def hold(self, *, failed: bool) -> None:
        """Counts an item that is believed and kept."""
        self._held += 1
        self._held_failures += failed

    def take(self) -> list[Verdict]:
        """Returns all of them."""
        verdicts, self._others = self._others, []
        if self.over:
            return verdicts
        if self._held:
            verdicts.append(ev.Held(self._number, self._held, self._held_failures))
            self._held = self._held_failures = 0
        return [*verdicts, *self._doubted(), *self._delivered()]

    def _doubted(self) -> Iterator[ev.Doubted]:
        doubts, self._doubts = self._doubts, {}
        for items in runs(doubts, lambda case: sorted(case.voters)):
            (start, case), stop = items[0], items[-1][0] + 1
            self._copies += 1
            voters = frozenset(case.voters)
            networks = frozenset(map(self._trust.network, voters))
            yield ev.Doubted(self._number, case.parcel, start, stop, self._copies, voters, networks)

    def _delivered(self) -> Iterator[ev.Deliver | ev.Settled]:
        ready, self.ready = self.ready, {}
        for items in runs(ready, lambda case: case.told):
            values, failures = [], {}
            for index, case in items:
                assert case.belief is not None
                values.append(case.belief.value)
                if case.belief.failed:
                    failures[index] = case.belief.failed
            start, case = items[0]
            yield ev.Deliver(self._number, start, values, failures, case.told)
            yield ev.Settled(self._number, case.parcel, len(values))
