"""Volunteers that lie, and what `verify="auto"` makes of them: the table of docs/trust.md.

Sixty volunteers compute 4,000 items of a second; a share of them lies in one of eight ways.
Measured is how many wrong results are delivered, and how many items are computed for each one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import partial
from math import nan

from nitocris import events as ev
from nitocris.quorum import Quorum
from nitocris.trust import Trust
from nitocris.verdicts import Arbitrate, Verdict
from nitocris.verify import AUTO, Verify

from .world import Device, EqualCosts, SimulatedMap, Simulation

VOLUNTEERS = 60
ITEMS = 4_000
SHARES = (0.05, 0.1, 0.2)
SEEDS = range(7000, 7040)
"""No constant was tuned on them; that was done on seeds from 1000 on."""
MOST_WRONG = 0.005
MOST_WORK = 1.35
SELDOM = 0.05
"""The share of its items for which a seldom liar lies."""
SLEEPS = 50
"""Items that a sleeper computes honestly."""

Lie = Callable[[Device, int, int], object]
"""What a saboteur answers for an item, given how many it has answered before."""


def _own_lie(device: Device, index: int) -> int:
    return -(device.id * 10**6 + index) - 1


def kinds(chance: random.Random) -> dict[str, Lie]:
    """Returns the ways to lie."""
    latest: dict[int, object] = {}

    def seldom(device: Device, index: int, _count: int) -> object:
        return _own_lie(device, index) if chance.random() < SELDOM else index

    def sleeper(device: Device, index: int, count: int) -> object:
        return index if count < SLEEPS else _own_lie(device, index)

    def copying(_device: Device, index: int, _count: int) -> object:
        former = latest.get(0, index)
        latest[0] = index
        return former

    return {
        "always": lambda device, index, _: _own_lie(device, index),
        "seldom": seldom,
        "sleeper": sleeper,
        "colluding": lambda _device, index, _count: -index - 1,
        "copying": copying,
        "NaN": lambda _device, _index, _count: nan,
        "constant": lambda _device, _index, _count: -1,
        "late": lambda device, index, _: _own_lie(device, index),
    }


class Courtroom(Simulation):
    """A simulation in which the answers of one map are judged.

    Args:
        seed: All chance comes from it.
        verify: How.
        hold: Whether results are kept until the map is over.
        check: Whether to look through the books after every event.
    """

    def __init__(
        self, seed: int, verify: Verify = AUTO, *, hold: bool = True, check: bool = False
    ) -> None:
        super().__init__(seed, check=check)
        self.trust = Trust(random.Random(seed).random)
        self.verify, self.hold = verify, hold
        self.quorum: Quorum | None = None
        self.lies: dict[int, Lie] = {}
        self.answered: dict[int, int] = {}
        self.wrong: list[int] = []
        self.computed = 0
        self.accused: list[int] = []

    def volunteer(self, lie: Lie | None = None, speed: float = 1.0, *, own: bool = False) -> Device:
        """A device comes, from a network of its own."""
        network = str(self._next_device)
        self.trust.joined(self._next_device, f"worker {self._next_device}", network, own=own)
        if lie:
            self.lies[self._next_device] = lie
        return self.join(speed, latency=0.05, network=network)

    def open(self, map_: SimulatedMap) -> None:
        """The owner calls `map` with `verify=`."""
        map_.verified = True
        self.quorum = Quorum(
            1,
            self.verify,
            self.trust,
            arguments=lambda _payload, place: place,
            present=self._present,
            keep_going=map_.keep_going,
            hold=self.hold,
        )
        self.start(map_)

    def leave(self, device: Device) -> None:
        super().leave(device)
        if self.quorum:
            self._execute(self.quorum.left())

    def values(self, _device: Device, first: int, last: int) -> Sequence[object]:
        self.computed += last - first
        lie = self.lies.get(_device.id)
        before = self.answered.get(_device.id, 0)
        self.answered[_device.id] = before + last - first
        if lie is None:
            return range(first, last)
        return [lie(_device, index, before + index - first) for index in range(first, last)]

    def judge(self, command: ev.Answered | ev.AllAnswered) -> None:
        self.at(self.now, partial(self._judge, command))  # elsewhere, as in a coordinator

    def _judge(self, command: ev.Answered | ev.AllAnswered) -> None:
        assert self.quorum is not None
        if isinstance(command, ev.Answered):
            self._execute(self.quorum.answered(command))
        else:
            self._execute(self.quorum.all_answered())

    def _execute(self, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            match verdict:
                case ev.Doubted() | ev.Settled():
                    self._handle(verdict)
                case ev.Deliver():
                    self._receive(verdict)
                case ev.Dismiss():
                    self.accused.append(verdict.worker)
                    if device := self.devices.get(verdict.worker):
                        self.leave(device)
                case Arbitrate(index=index):
                    self.computed += 1
                    self.after(1.0, partial(self._arbitrated, index))
                case ev.Fail():
                    self._perform(verdict)
                case ev.Held():
                    pass

    def _arbitrated(self, index: int) -> None:
        assert self.quorum is not None
        self._execute(self.quorum.arbitrated(index, index, None))

    def _receive(self, delivery: ev.Deliver) -> None:
        map_ = self.maps[delivery.map]
        indices = range(delivery.start, delivery.start + len(delivery.values))
        for index, value in zip(indices, delivery.values, strict=True):
            assert not map_.done[index], f"{index} is delivered twice"
            map_.done[index] = 1
            if value != index:
                self.wrong.append(index)
        map_.failed.update(delivery.failures)

    def _present(self) -> Set[int]:
        return self.devices.keys()


@dataclass(frozen=True, slots=True)
class Harm:
    """What a kind of saboteurs did: shares of the items, on average and in the worst seed."""

    kind: str
    share: float
    wrong: float
    worst: float
    work: float
    most_work: float
    caught: float
    accused: int
    """Honest volunteers that were sent away, in all seeds together."""


def suffer(
    kind: str, share: float, seed: int, verify: Verify = AUTO, *, hold: bool = True
) -> Courtroom:
    """Runs a map with saboteurs of one kind to its end."""
    court = Courtroom(seed, verify, hold=hold)
    lie = kinds(court.random).get(kind)
    saboteurs = set(court.random.sample(range(VOLUNTEERS), round(share * VOLUNTEERS)))
    for number in range(VOLUNTEERS):
        liar = number in saboteurs
        court.volunteer(lie if liar else None, 0.2 if liar and kind == "late" else 1.0)
    court.open(SimulatedMap(EqualCosts(ITEMS, 1.0)))
    court.run()
    return court


def harm(kind: str, share: float, seeds: Sequence[int] = SEEDS, *, hold: bool = True) -> Harm:
    """Returns what a kind did in some seeds."""
    courts = [suffer(kind, share, seed, hold=hold) for seed in seeds]
    liars = sum(len(court.lies) for court in courts)
    wrong = [len(court.wrong) / ITEMS for court in courts]
    work = [court.computed / ITEMS for court in courts]
    return Harm(
        kind,
        share,
        sum(wrong) / len(seeds),
        max(wrong),
        sum(work) / len(seeds),
        max(work),
        sum(len({*court.accused} & court.lies.keys()) for court in courts) / max(1, liars),
        sum(len({*court.accused} - court.lies.keys()) for court in courts),
    )


KINDS = tuple(kinds(random.Random()))


def table(harms: Sequence[Harm]) -> str:
    """Returns a table in Markdown."""
    lines = [
        "| saboteurs | share | wrong | at worst | work | at worst | caught | honest sent away |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {each.kind} | {each.share:.0%} | {each.wrong:.2%} | {each.worst:.2%} "
        f"| {each.work:.3f} | {each.most_work:.3f} | {each.caught:.0%} | {each.accused} |"
        for each in harms
    ]
    return "\n".join(lines) + "\n"


def measure(seeds: Sequence[int] = SEEDS) -> list[Harm]:
    """Returns all rows of the table, and before them one without saboteurs."""
    return [harm("none", 0.0, seeds)] + [
        harm(kind, share, seeds) for kind in KINDS for share in SHARES
    ]
