"""An execution without server and workers: a fake coordinator computes in the loop's thread.

It keeps the coordinator's promises to owners: one demand at a time and map, each item delivered
once, nothing after the end of a map.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, cast

from nitocris import DistributedExecution, codec, shipment
from nitocris import events as ev
from nitocris.background import LoopThread
from nitocris.errors import ClosedError
from nitocris.function import Shipment
from nitocris.job import MappedFunction
from nitocris.journal_writer import JournalWriter
from nitocris.open_map import ToOwner
from nitocris.serving import Serving
from nitocris.stats import Stats

CHUNK = 3
"""Items per chunk, if nobody fixes their number."""


def unpack(packed: Shipment) -> Any:
    """Returns what a worker would."""
    return shipment.unpack(memoryview(packed.payload), {b.id: b.data for b in packed.blobs})


@dataclass(slots=True, eq=False)
class Chunk:
    """Items that were supplied and are not computed."""

    map: int
    start: int
    items: list[Any]


@dataclass(slots=True, eq=False)
class Map:
    """A map that is open."""

    function: Callable[..., Any]
    inbox: Callable[[ToOwner], None]
    chunk_size: int
    keep_going: bool
    demanded: bool = False
    ended: bool = False
    queue: list[Chunk] = field(default_factory=list)


class FakeCoordinator:
    """Computes chunks as they come, or while `held`, when the test wants it.

    Attributes:
        capacity: As of the real one.
        lookahead: How many chunks of a map may wait.
        held: Whether chunks wait until `compute`.
        backwards: Whether the last of the waiting chunks comes first.
        maps: Those open, by number.
        started: How many maps there were.
        supplied: How many items there were.
        reused: How many items did not need it.
        sizes: How many items each chunk had.
        cancelled: Items that were given up, as (map, index).
        mapped: What volunteers would see of the functions of all maps.
    """

    def __init__(self) -> None:
        self.capacity = self.native = 1
        self.browsers = self.retries = 0
        self.lookahead = 2
        self.held = False
        self.backwards = False
        self.maps: dict[int, Map] = {}
        self.started = 0
        self.supplied = 0
        self.reused = 0
        self.sizes: list[int] = []
        self.cancelled: list[tuple[int, int]] = []
        self.mapped: list[MappedFunction] = []
        self._changed = threading.Condition()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Waits until this is so."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout=10)

    async def start_map(
        self,
        function: Shipment,
        _: codec.Registry | None,
        inbox: Callable[[ToOwner], None],
        *,
        mapped: MappedFunction,
        chunk_size: int | None,
        keep_going: bool,
        **_others: object,
    ) -> int:
        self.started += 1
        self.mapped.append(mapped)
        self.maps[self.started] = Map(unpack(function)[0], inbox, chunk_size or CHUNK, keep_going)
        self._go_on(self.started)
        return self.started

    def supply(self, number: int, start: int, count: int, items: Shipment) -> None:
        if current := self.maps.get(number):
            assert current.demanded
            current.demanded = False
            chunk = Chunk(number, start, unpack(items))
            assert len(chunk.items) == count
            current.queue.append(chunk)
            self.supplied += count
            self.sizes.append(count)
            self._go_on(number)

    def reuse(self, number: int, count: int) -> None:
        assert number in self.maps
        self.reused += count

    def end_input(self, number: int) -> None:
        if current := self.maps.get(number):
            assert current.demanded
            current.demanded, current.ended = False, True
            self._go_on(number)

    def cancel_map(self, number: int) -> None:
        self.maps.pop(number, None)
        self._tell()

    def cancel_item(self, number: int, index: int) -> None:
        self.cancelled.append((number, index))
        if current := self.maps.get(number):
            current.queue = [chunk for chunk in current.queue if chunk.start != index]
            self._go_on(number)
        self._tell()

    def close(self) -> None:
        for number, current in list(self.maps.items()):
            del self.maps[number]
            error = ClosedError("the execution was closed while a map was running")
            current.inbox(ev.Fail(number, 0, ev.Failed(error, "", 0)))

    def compute(self, which: int = 0) -> None:
        """Computes one of the chunks that wait, on the loop's thread."""
        chunk = [chunk for each in self.maps.values() for chunk in each.queue][which]
        current = self.maps[chunk.map]
        current.queue.remove(chunk)
        values: list[object] = []
        failures: dict[int, ev.Failed] = {}
        for index, arguments in enumerate(chunk.items, chunk.start):
            try:
                values.append(current.function(*arguments))
            except Exception as error:
                remote = cast(Exception, codec.decode(codec.encode(error)))
                failures[index] = ev.Failed(remote, "worker 7", 1)
                if not current.keep_going:
                    break
                values.append(None)
        if failures and not current.keep_going:
            del self.maps[chunk.map]
            current.inbox(ev.Deliver(chunk.map, chunk.start, values))
            ((index, failed),) = failures.items()
            current.inbox(ev.Fail(chunk.map, index, failed))
            self._tell()
            return
        current.inbox(ev.Deliver(chunk.map, chunk.start, values, failures))
        self._go_on(chunk.map)

    def _go_on(self, number: int) -> None:
        current = self.maps[number]
        full = len(current.queue) > self.lookahead
        while current.queue and not self.held and (full or current.ended or not self.backwards):
            self.compute(-1 if self.backwards else 0)
            if number not in self.maps:
                return
            full = False
        if current.ended and not current.queue:
            del self.maps[number]
            current.inbox(ev.Finish(number))
        elif not current.ended and not current.demanded and len(current.queue) <= self.lookahead:
            current.demanded = True
            current.inbox(ev.Demand(number, current.chunk_size))
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()


class FakeServing:
    """A loop and a fake coordinator."""

    url = worker_url = dashboard_url = "http://fake.test/worker#token"
    last_report = None

    def __init__(self, journal: JournalWriter | None) -> None:
        self.loop = LoopThread("nitocris")
        self.journal = journal
        self.coordinator = FakeCoordinator()
        self.modules: set[str] = set()
        self.stopped = threading.Event()

    def require_packages(self) -> None:
        pass

    def stats(self) -> Stats:
        """Returns those of an execution in which nothing happened."""
        return Stats("", 0.0, self.coordinator.capacity, 0, 0.0, None, 0, 0, 0, (), (), ())

    def add_modules(self, modules: Collection[str], _: Callable[[str], None]) -> None:
        self.modules.update(modules)

    def release(self, which: int = 0) -> None:
        """Has one chunk that waits computed."""

        async def compute() -> None:
            self.coordinator.compute(which)

        self.loop.run(compute())

    def release_all(self) -> None:
        """Holds no chunk any more."""

        async def compute() -> None:
            self.coordinator.held = False
            for number in list(self.coordinator.maps):
                self.coordinator._go_on(number)

        self.loop.run(compute())

    def stop(self) -> None:
        async def close() -> None:
            self.coordinator.close()

        if self.loop.alive:
            self.loop.run(close())
            self.loop.stop()
        if self.journal:
            self.journal.close()
        self.stopped.set()


class FakeExecution(DistributedExecution):
    """An execution whose coordinator is a fake."""

    def __init__(self, **options: Any) -> None:
        super().__init__(progress=False, **options)
        path, told = self._options.journal, self._display.warn
        serving = FakeServing(JournalWriter(path, self._options.durability, told) if path else None)
        self.serving = serving
        self.coordinator = serving.coordinator
        self._lifetime._serve = lambda: cast(Serving, serving)
        self._lifetime.start()
