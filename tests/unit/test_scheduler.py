"""The scheduler against `list(map(function, items))`, whatever the workers do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nitocris import events as ev
from nitocris.books import Chunk, ChunkState, InvalidTransition, Map
from nitocris.errors import RemoteError, WorkerLostError
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

    def start_of(self, lent: ev.Lend) -> int:
        """Returns the index of the first item of a lease's payload."""
        assert isinstance(lent.payload, range)
        return lent.payload[0]

    def items(self, lease: int) -> range:
        """Returns the items that a lease is for, as long as nothing was answered."""
        lent = self.leases[lease]
        start = self.start_of(lent)
        return range(start + lent.skip, start + lent.stop)

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
            case ev.Finish() | ev.Fail():
                assert command.map not in self.outcome, "ended twice"
                self.outcome[command.map] = command
            case _:
                pass
        return None


def squares(count: int) -> dict[int, object]:
    return {index: index * index for index in range(count)}


def test_a_map_is_complete_when_every_chunk_was_answered() -> None:
    """All items come back once each, and the workers are told to forget the map."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 10, chunk_size=3)

    while bench.leases:
        bench.answer(next(iter(bench.leases)))

    assert bench.results[1] == squares(10)
    assert bench.outcome[1] == ev.Finish(1)
    assert bench.of(ev.Forget) == [ev.Forget(1, 1)]


def test_an_empty_map_ends_without_a_worker() -> None:
    """Nothing to do needs nobody to do it."""
    bench = Bench()

    bench.start(1, 0)

    assert bench.outcome[1] == ev.Finish(1)


def test_the_input_is_read_only_as_far_as_the_workers_keep_up() -> None:
    """A million items are not materialised: the leases and one chunk more are taken."""
    bench = Bench()
    bench.join(1, capacity=2)

    bench.start(1, 1_000_000, chunk_size=5)

    assert bench.taken[1] == 15


def test_the_chunks_of_a_lost_worker_are_lent_again_at_once() -> None:
    """When a worker leaves, another gets what it had in the same moment."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 4, chunk_size=4)
    bench.join(2)

    commands = bench.tell(ev.WorkerLeft(1))

    assert [lend.worker for lend in bench.of(ev.Lend, commands)] == [2]


def test_what_came_back_is_not_computed_again() -> None:
    """The half of a chunk that a lost worker had answered is skipped by the next."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 10, chunk_size=10)
    bench.answer(1, count=6)
    bench.join(2)

    (again,) = bench.of(ev.Lend, bench.tell(ev.WorkerLeft(1)))
    bench.answer(again.lease)

    assert again.skip == 6
    assert bench.results[1] == squares(10)


def test_the_pace_is_that_of_the_items_a_worker_computed() -> None:
    """Whoever finishes another's chunk is not taken for faster than it is."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1000)
    while max(lend.count for lend in bench.leases.values()) < 4:
        bench.answer(max(bench.leases))
    bench.answer(max(bench.leases), count=3)
    bench.tell(ev.WorkerLeft(1))
    bench.join(2)
    again = bench.of(ev.Lend)[-1]

    commands = bench.answer(again.lease)

    assert again.skip == 3
    assert [demand.count for demand in bench.of(ev.Demand, commands)] == [2]


def test_a_lease_expires_after_the_timeout_without_results() -> None:
    """A hung worker is told to stop and its chunk goes elsewhere."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1)
    bench.join(2)
    bench.now = TIMEOUT

    commands = bench.tell(ev.TimePassed())

    assert bench.of(ev.Cancel, commands) == [ev.Cancel(1, 1)]
    assert [lend.worker for lend in bench.of(ev.Lend, commands)] == [2]


def test_a_cancelled_place_is_free_when_its_worker_says_so() -> None:
    """Nothing is lent to a place that may still be busy with what was cancelled."""
    bench = Bench()
    bench.obedient = False
    bench.join(1)
    bench.start(1, 1)
    bench.now = TIMEOUT

    expired = bench.tell(ev.TimePassed())
    unknown = bench.tell(ev.LeaseCancelled(1, 99))
    freed = bench.tell(ev.LeaseCancelled(1, 1))

    assert bench.of(ev.Cancel, expired) == [ev.Cancel(1, 1)]
    assert bench.of(ev.Lend, [*expired, *unknown]) == []
    assert [lend.worker for lend in bench.of(ev.Lend, freed)] == [1]


def test_results_renew_a_lease() -> None:
    """A worker that keeps answering is not hung, however long its chunk is."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 10, chunk_size=10)
    bench.now = TIMEOUT - 1
    bench.answer(1, count=1)
    bench.now = TIMEOUT + 1

    bench.tell(ev.TimePassed())

    assert bench.scheduler.next_deadline() == 2 * TIMEOUT - 1
    assert bench.of(ev.Cancel) == []


def test_a_chunk_that_fails_three_times_ends_its_map() -> None:
    """A poisonous item cannot go round for ever; the error names it."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 3, chunk_size=1)

    for _ in range(3):
        lease = max(bench.leases)
        bench.tell(ev.LeaseFailed(1, lease, "out of memory"))

    outcome = bench.outcome[1]
    assert isinstance(outcome, ev.Fail)
    assert isinstance(outcome.error, WorkerLostError)
    assert "item 0" in str(outcome.error)
    assert "out of memory" in str(outcome.error)


def test_answers_without_sense_never_end_a_map() -> None:
    """They count against their worker, however often they come."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1)

    for _ in range(10):
        lease = max(bench.leases)
        bench.tell(ev.ResultRejected(1, lease, "nonsense"))
    bench.answer(max(bench.leases))

    assert len(bench.of(ev.Blame)) == 10
    assert bench.outcome[1] == ev.Finish(1)


def test_a_worker_that_leaves_is_no_failure_of_its_chunk() -> None:
    """Tabs are closed all the time: a chunk may lose any number of workers."""
    bench = Bench()
    bench.start(1, 1)
    for worker in range(20):
        bench.join(worker)
        bench.tell(ev.WorkerLeft(worker))
    bench.join(99)

    bench.answer(max(bench.leases))

    assert bench.outcome[1] == ev.Finish(1)


def test_an_exception_ends_the_map_and_the_next_one_runs() -> None:
    """The failing item is named, all other leases are cancelled, and other maps go on."""
    bench = Bench()
    bench.join(1, capacity=2)
    bench.start(1, 10, chunk_size=4)
    failure = RemoteError("boom")

    commands = bench.tell(ev.ResultArrived(1, 2, 0, [16], failure, True))
    bench.start(2, 1)

    assert bench.outcome[1] == ev.Fail(1, 5, failure)
    assert [cancel.lease for cancel in bench.of(ev.Cancel, commands)] == [1, 2]
    assert any(lend.map == 2 for lend in bench.leases.values())


@pytest.mark.parametrize(
    "forged",
    [
        ev.ResultArrived(2, 1, 0, [0], None, True),
        ev.ResultArrived(1, 77, 0, [0], None, True),
        ev.LeaseFailed(2, 1, "not mine"),
        ev.LeaseFailed(1, 77, "unknown"),
        ev.InputEnded(77),
        ev.MapCancelled(77),
        ev.ChunkArrived(77, 0, 1, None),
        ev.WorkerResized(77, 5),
        ev.WorkerLeft(77),
    ],
)
def test_answers_about_what_is_not_theirs_change_nothing(forged: ev.Event) -> None:
    """Late, unknown and forged answers are as if they had not come."""
    bench = Bench()
    bench.join(1)
    bench.join(2)
    bench.start(1, 1)

    commands = bench.tell(forged)

    assert commands == []


def test_a_late_duplicate_changes_nothing() -> None:
    """The same answer twice is delivered once."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 2, chunk_size=1)
    bench.answer(1)

    commands = bench.tell(ev.ResultArrived(1, 1, 0, [0], None, True))

    assert commands == []


@pytest.mark.parametrize(
    ("offset", "values", "final"),
    [(1, [0], False), (0, [0] * 5, True), (0, [0], True), (0, [0] * 4, False), (0, [], False)],
)
def test_results_that_do_not_fit_are_blamed(offset: int, values: list[int], final: bool) -> None:
    """Gaps, too many, too few or endless answers count against the worker, not the map."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 4, chunk_size=4)

    commands = bench.tell(ev.ResultArrived(1, 1, offset, values, None, final))

    assert len(bench.of(ev.Blame, commands)) == 1
    assert bench.of(ev.Deliver, commands) == []
    assert [lend.skip for lend in bench.of(ev.Lend, commands)] == [0]


def test_maps_take_turns() -> None:
    """A long map does not keep a short one waiting."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 100, chunk_size=1)
    bench.start(2, 2, chunk_size=1)

    for _ in range(5):
        bench.answer(max(bench.leases))

    assert bench.outcome[2] == ev.Finish(2)


def test_a_smaller_capacity_lends_no_more_but_takes_nothing_back() -> None:
    """A device that pauses finishes what it has."""
    bench = Bench()
    bench.join(1, capacity=2)
    bench.start(1, 10, chunk_size=1)

    bench.tell(ev.WorkerResized(1, 0))
    bench.answer(1)
    bench.answer(2)

    assert bench.leases == {}
    assert bench.of(ev.Cancel) == []


def test_an_impossible_transition_tells_its_story() -> None:
    """A bug in the scheduler names the chunk and both states."""
    chunk = Chunk(Map(1, None, None, TIMEOUT), 5, 1, None)

    with pytest.raises(InvalidTransition, match="chunk 5 of map 1 is queued, cannot become done"):
        chunk.become(ChunkState.DONE)


class AnyOrder(RuleBasedStateMachine):
    """Workers come, go, answer in pieces, lie and hang in any order; the results do not change."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.workers: set[int] = set()
        self.next_worker = 1
        self.next_map = 1

    @initialize(capacity=st.integers(1, 3))
    def first_worker(self, capacity: int) -> None:
        self.join(capacity)

    @rule(capacity=st.integers(0, 3))
    def join(self, capacity: int) -> None:
        self.bench.join(self.next_worker, capacity)
        self.workers.add(self.next_worker)
        self.next_worker += 1

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        self.workers.discard(worker)
        for lease, lent in list(self.bench.leases.items()):
            if lent.worker == worker:
                del self.bench.leases[lease]
        self.bench.tell(ev.WorkerLeft(worker))

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), capacity=st.integers(0, 4))
    def resize(self, data: st.DataObject, capacity: int) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        self.bench.tell(ev.WorkerResized(worker, capacity))

    @precondition(lambda self: self.next_map < 5)
    @rule(items=st.integers(0, 40), chunk_size=st.none() | st.integers(1, 7))
    def start(self, items: int, chunk_size: int | None) -> None:
        self.bench.start(self.next_map, items, chunk_size)
        self.next_map += 1

    @precondition(lambda self: self.bench.leases)
    @rule(data=st.data(), count=st.none() | st.integers(1, 5), seconds=st.floats(0, 3))
    def answer(self, data: st.DataObject, count: int | None, seconds: float) -> None:
        self.bench.now += seconds
        self.bench.answer(data.draw(st.sampled_from(sorted(self.bench.leases))), count)

    @rule(lease=st.integers(1, 30), worker=st.integers(1, 8), values=st.lists(st.just(-1)))
    def forge(self, lease: int, worker: int, values: list[int]) -> None:
        lent = self.bench.leases.get(lease)
        if lent is None or lent.worker != worker:
            forged = ev.ResultArrived(worker, lease, 0, values, None, True)
            assert self.bench.tell(forged) == []

    @rule(number=st.integers(1, 4))
    def cancel(self, number: int) -> None:
        if number in self.bench.sources and number not in self.bench.outcome:
            self.bench.tell(ev.MapCancelled(number))
            self.bench.outcome[number] = ev.Finish(number)
            self.bench.sources[number] = [
                index for index in self.bench.sources[number] if index in self.bench.results[number]
            ]
            self.bench.results[number] = squares(len(self.bench.sources[number]))

    @rule()
    def hang(self) -> None:
        """Once per map at most may a chunk be hit, so that no map fails."""
        deadline = self.bench.scheduler.next_deadline()
        if deadline is not None and not self.bench.of(ev.Cancel):
            self.bench.now = max(self.bench.now, deadline)
            self.bench.tell(ev.TimePassed())

    @invariant()
    def the_books_agree(self) -> None:
        self.bench.scheduler.check_invariants()

    def teardown(self) -> None:
        """With one honest worker left, every map comes to its end with the right results."""
        self.join(1)
        for worker in sorted(self.workers):
            self.bench.tell(ev.WorkerResized(worker, 1))
        while self.bench.leases:
            self.bench.answer(next(iter(self.bench.leases)))
            self.bench.scheduler.check_invariants()
        for number, items in self.bench.sources.items():
            assert self.bench.outcome[number] == ev.Finish(number)
            assert self.bench.results[number] == squares(len(items))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=150, stateful_step_count=40, derandomize=True, deadline=None
)
