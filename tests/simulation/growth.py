"""Whether a table grows with what is done: scheduler, quorum and journal, looked through again and
again while many items pass through them.

What is in flight may take room, what is over may not; so the largest size of each table must be the
same for few items and for many.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

from nitocris import events as ev
from nitocris.agenda import SPARE_ENTRIES
from nitocris.call import Call, Limits
from nitocris.display import Display
from nitocris.encoded import encode
from nitocris.journal_writer import JournalWriter
from nitocris.record import Record, open_record

from .saboteurs import Courtroom
from .world import EqualCosts, SimulatedMap, Simulation

SPEEDS = (1.0, 1.0, 2.0, 5.0, 0.3) * 4
SECONDS = 0.1
"""Of an item."""
LOOK_SECONDS = 5.0
FEW = 25_000
"""Items after which everything is in full swing; rates are those of the last minute."""

Peaks = Counter[str]
"""The largest size of each table."""


def plain(items: int) -> Peaks:
    """Returns the tables of the scheduler."""
    simulation = Simulation(check=False)
    for speed in SPEEDS:
        simulation.join(speed, latency=0.05, returns=0.01)
    peaks = _watch(simulation, lambda: [simulation.scheduler])
    simulation.start(SimulatedMap(EqualCosts(items, SECONDS)))
    simulation.run()
    return peaks


def verified(items: int) -> Peaks:
    """Returns these and the tables of a stream's quorum."""
    court = Courtroom(seed=1, hold=False)
    for speed in SPEEDS:
        court.volunteer(speed=speed)
    peaks = _watch(court, lambda: [court.scheduler, court.quorum, court.trust])
    court.open(SimulatedMap(EqualCosts(items, SECONDS)))
    court.run()
    return peaks


def journaled(items: int, folder: Path, problem: str = "") -> Peaks:
    """Returns the tables of what connects a map with a journal.

    Args:
        items: How many.
        folder: Where the journal is.
        problem: Why the journal is not written any more.
    """
    simulation = _Journaled(folder / f"{items}.nitocris")
    simulation.writer.problem = problem
    try:
        for speed in SPEEDS:
            simulation.join(speed, latency=0.05)
        peaks = _watch(simulation, lambda: [simulation.catch_up()])
        simulation.start(SimulatedMap(EqualCosts(items, SECONDS)))
        simulation.run()
    finally:
        simulation.writer.close()
    assert simulation.writer.problem == problem
    return peaks


def grown_after(kind: Callable[[int], Peaks], many: int, few: int = FEW) -> dict[str, object]:
    """Returns the tables that are larger when many items have passed through."""
    return growth(kind(few), kind(many))


def growth(few: Peaks, many: Peaks) -> dict[str, object]:
    """Returns the tables that were larger with more items, and their sizes."""
    grown: dict[str, object] = {}
    for name, size in many.items():
        spare = SPARE_ENTRIES if name == "Agenda._heap" else 100
        if size > 1.5 * few[name] + spare:
            grown[name] = few[name], size
    return grown


class _Journaled(Simulation):
    """A simulation whose owner has a journal."""

    def __init__(self, path: Path) -> None:
        super().__init__(check=False)
        self.writer = JournalWriter(path, "batched", lambda _: None)
        call = Call(
            function=abs,
            items=iter(()),
            total=None,
            limits=Limits(),
            classes=(),
            examine=False,
            display=Display(),
        )
        record = open_record(self.writer, call, encode(call), lambda _: None)
        assert record
        self.record: Record = record

    def _answer_demand(self, demand: ev.Demand) -> None:
        map_ = self.maps[demand.map]
        upto = min(map_.taken + demand.count, map_.costs.count)
        items = ((index,) for index in range(map_.taken, upto))
        self.record.take(items, map_.taken, demand.count, demand.count)
        super()._answer_demand(demand)

    def _receive(self, delivery: ev.Deliver) -> None:
        super()._receive(delivery)
        self.record.receive(delivery)

    def catch_up(self) -> Record:
        """Returns the record as soon as the journal has all that came so far."""
        written = threading.Event()
        self.writer.add(lambda: (), written.set)
        written.wait()
        return self.record


def _watch(simulation: Simulation, roots: Callable[[], list[object]]) -> Peaks:
    peaks: Peaks = Counter()

    def look() -> None:
        nonlocal peaks
        peaks |= sizes(roots())
        simulation.after(LOOK_SECONDS, look)

    simulation.after(0.0, look)
    return peaks


def sizes(roots: list[object]) -> Peaks:
    """Returns how many entries all tables have that can be reached, by class and attribute."""
    found: Peaks = Counter()
    seen: set[int] = set()
    todo = [("", root) for root in roots]
    while todo:
        name, each = todo.pop()
        if id(each) in seen or isinstance(each, (str, bytes, int, float, range, Enum)):
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            found[name] += len(each)
            todo += [(name, part) for pair in each.items() for part in pair]
        elif isinstance(each, (list, set, frozenset, deque, tuple)):
            found[name] += len(each)
            todo += [(name, part) for part in each]
        elif type(each).__module__.startswith("nitocris."):
            todo += [(f"{type(each).__name__}.{name}", value) for name, value in _fields(each)]
    return found


def _fields(value: object) -> Iterator[tuple[str, object]]:
    yield from getattr(value, "__dict__", {}).items()
    for each in type(value).__mro__:
        for name in getattr(each, "__slots__", ()):
            if hasattr(value, name):
                yield name, getattr(value, name)
