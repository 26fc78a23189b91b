"""A scheduler with an owner who answers demands, and workers that do what a test says."""

from __future__ import annotations

from collections import Counter
from typing import Any

from nitocris import events as ev
from nitocris.scheduler import Scheduler

TIMEOUT = 100.0


class Bench:
    """A scheduler with an owner who answers demands, and a record of what was asked of workers."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.now = 0.0
        self.sources: dict[int, int] = {}
        self.taken: dict[int, int] = {}
        self.results: dict[int, dict[int, object]] = {}
        self.cancelled: dict[int, set[int]] = {}
        self.released: Counter[int] = Counter()
        self.outcome: dict[int, ev.Finish | ev.Fail] = {}
        self.leases: dict[int, ev.Lend] = {}
        """Those that are out, in the order in which they were lent."""
        self.progress: dict[int, int] = {}
        self.known: dict[int, set[int]] = {}
        self.commands: list[ev.Command] = []
        self.obedient = True
        """Whether workers answer a cancel at once."""

    def tell(self, event: ev.Event) -> list[ev.Command]:
        """Handles an event, and answers all demands that follow from it."""
        told: list[ev.Command] = []
        waiting: list[ev.Event] = [event]
        while waiting:
            commands = self.scheduler.handle(waiting.pop(0), self.now)
            self.scheduler.check_invariants()
            told += commands
            for command in commands:
                answer = self._note(command)
                if answer is not None:
                    waiting.append(answer)
        self.commands += told
        return told

    def start(self, number: int, items: int, chunk_size: int | None = None, **rules: Any) -> None:
        self.sources[number] = items
        self.taken[number] = 0
        self.results[number] = {}
        self.cancelled[number] = set()
        self.tell(ev.MapStarted(number, items, chunk_size, TIMEOUT, **rules))

    def join(self, worker: int, capacity: int = 1) -> list[ev.Command]:
        self.known[worker] = set()
        return self.tell(ev.WorkerJoined(worker, capacity))

    def answer(
        self, lease: int, count: int | None = None, failures: dict[int, ev.Failure] | None = None
    ) -> list[ev.Command]:
        """Answers the next `count` items of a lease with their squares, or all the rest."""
        lent = self.leases[lease]
        offset = self.progress[lease]
        rest = lent.stop - offset
        count = rest if count is None else min(count, rest)
        first = self.start_of(lent)
        values = [(first + offset + each) ** 2 for each in range(count)]
        final = count == rest
        self.progress[lease] += count
        if final:
            del self.leases[lease]
        result = ev.ResultArrived(lent.worker, lease, offset, values, final, failures or {})
        return self.tell(result)

    def fail(self, lease: int, reason: str = "out of memory") -> list[ev.Command]:
        """Has the interpreter die that computes a lease."""
        return self.tell(ev.LeaseFailed(self.leases.pop(lease).worker, lease, reason))

    def give_back(self, lease: int) -> list[ev.Command]:
        """Has a worker return a lease unfinished."""
        return self.tell(ev.LeaseReturned(self.leases.pop(lease).worker, lease))

    def leave(self, worker: int) -> list[ev.Command]:
        """Has a worker leave with all that it has."""
        self.leases = {each: lend for each, lend in self.leases.items() if lend.worker != worker}
        return self.tell(ev.WorkerLeft(worker))

    def start_of(self, lent: ev.Lend) -> int:
        """Returns the index of the first item of a lease's payload."""
        assert isinstance(lent.payload, range)
        return lent.payload[0]

    def items(self, lease: int) -> range:
        """Returns the items that a lease is for, as long as nothing was answered."""
        lent = self.leases[lease]
        start = self.start_of(lent)
        return range(start + lent.skip, start + lent.stop)

    def leases_of(self, worker: int) -> list[int]:
        """Returns the leases that a worker has, in the order in which it will start them."""
        return [lease for lease, lend in self.leases.items() if lend.worker == worker]

    def pass_time(self, seconds: float) -> list[ev.Command]:
        """Lets time pass, with an alarm whenever the scheduler wants one."""
        until = self.now + seconds
        told: list[ev.Command] = []
        while (alarm := self.scheduler.next_deadline()) is not None and alarm <= until:
            assert alarm >= self.now
            self.now = alarm
            told += self.tell(ev.TimePassed())
            following = self.scheduler.next_deadline()
            assert following is None or following > alarm, "an alarm that does not stop"
        self.now = until
        return told

    def of(self, kind: type[Any], commands: list[ev.Command] | None = None) -> list[Any]:
        return [
            each
            for each in (self.commands if commands is None else commands)
            if isinstance(each, kind)
        ]

    def _note(self, command: ev.Command) -> ev.Event | None:
        match command:
            case ev.Demand():
                start = self.taken[command.map]
                items = range(start, min(start + command.count, self.sources[command.map]))
                self.taken[command.map] += len(items)
                if not items:
                    return ev.InputEnded(command.map)
                return ev.ChunkArrived(command.map, start, len(items), items)
            case ev.Introduce():
                assert command.map not in self.known[command.worker], "introduced twice"
                self.known[command.worker].add(command.map)
            case ev.Lend():
                assert command.map in self.known[command.worker], "lent before introduced"
                self.leases[command.lease] = command
                self.progress[command.lease] = command.skip
            case ev.Cancel():
                self.leases.pop(command.lease, None)
                if self.obedient:
                    return ev.LeaseCancelled(command.worker, command.lease)
            case ev.Forget():
                self.known[command.worker].discard(command.map)
            case ev.Deliver():
                for index, value in enumerate(command.values, command.start):
                    assert index not in self.results[command.map], "delivered twice"
                    assert index not in self.cancelled[command.map], "delivered though cancelled"
                    self.results[command.map][index] = command.failures.get(index, value)
            case ev.Release():
                assert isinstance(command.payload, range)
                answered = self.results[command.map].keys() | self.cancelled[command.map]
                assert answered >= set(command.payload), "released too early"
                self.released[command.map] += len(command.payload)
            case ev.Finish() | ev.Fail():
                assert command.map not in self.outcome, "ended twice"
                self.outcome[command.map] = command
                if isinstance(command, ev.Finish):
                    assert self.released[command.map] == self.sources[command.map]
            case _:
                pass
        return None


def squares(count: int) -> dict[int, object]:
    """Returns what a map of this many items must give."""
    return {index: index * index for index in range(count)}
