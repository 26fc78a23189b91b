"""The scheduler against `list(map(function, items))`, whatever the workers and the owner do."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nitocris import events as ev
from nitocris.errors import RemoteError
from tests.support.scheduler_bench import Bench, squares

FAILURE = ev.Failure(RemoteError("boom"))
TRANSIENT = ev.Failure(RemoteError("try again"), transient=True)


class AnyOrder(RuleBasedStateMachine):
    """Workers come, go, answer in pieces, lie and crash, owners cancel; results stay right."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.workers: set[int] = set()
        self.next_worker = 1
        self.next_map = 1
        self.raised: set[tuple[int, int]] = set()
        """Map and item for each failure that was reported."""
        self.crashes = 0

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
        self.bench.leave(worker)

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), capacity=st.integers(0, 4))
    def resize(self, data: st.DataObject, capacity: int) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        self.bench.tell(ev.WorkerResized(worker, capacity))

    @precondition(lambda self: self.next_map < 5)
    @rule(
        items=st.integers(0, 40),
        chunk_size=st.sampled_from([None, 1, 2, 7]),
        retries=st.integers(0, 2),
    )
    def start(self, items: int, chunk_size: int | None, retries: int) -> None:
        self.bench.start(self.next_map, items, chunk_size, keep_going=True, retries=retries)
        self.next_map += 1

    @precondition(lambda self: self.bench.leases)
    @rule(data=st.data(), count=st.none() | st.integers(1, 5), seconds=st.floats(0, 3))
    def answer(self, data: st.DataObject, count: int | None, seconds: float) -> None:
        self.bench.now += seconds
        self.bench.answer(data.draw(st.sampled_from(sorted(self.bench.leases))), count)

    @precondition(lambda self: self.bench.leases)
    @rule(data=st.data(), transient=st.booleans())
    def raise_one(self, data: st.DataObject, transient: bool) -> None:
        lease = data.draw(st.sampled_from(sorted(self.bench.leases)))
        lend = self.bench.leases[lease]
        self.raised.add((lend.map, self.bench.start_of(lend) + self.bench.progress[lease]))
        self.bench.answer(lease, 1, failures={0: TRANSIENT if transient else FAILURE})

    @precondition(lambda self: self.bench.leases and self.crashes < 2)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """Twice at most, so that no item is given up."""
        self.crashes += 1
        self.bench.fail(data.draw(st.sampled_from(sorted(self.bench.leases))))

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        """Not long enough for a lease to expire, but for one to be late."""
        deadline = self.bench.scheduler._books.deadlines.next()
        if deadline is None or self.bench.now + seconds < deadline:
            self.bench.pass_time(seconds)

    @rule(lease=st.integers(1, 30), worker=st.integers(1, 8), values=st.lists(st.just(-1)))
    def forge(self, lease: int, worker: int, values: list[int]) -> None:
        lent = self.bench.leases.get(lease)
        if lent is None or lent.worker != worker:
            forged = ev.ResultArrived(worker, lease, 0, values, True)
            assert self.bench.tell(forged) == []

    @precondition(lambda self: self.bench.leases)
    @rule(data=st.data())
    def lie(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(sorted(self.bench.leases)))
        worker = self.bench.leases.pop(lease).worker
        self.bench.tell(ev.ResultArrived(worker, lease, 10_000, [-1], True))

    @rule(number=st.integers(1, 4))
    def cancel_map(self, number: int) -> None:
        if number in self.bench.sources and number not in self.bench.outcome:
            self.bench.tell(ev.MapCancelled(number))
            del self.bench.sources[number]

    @rule(number=st.integers(1, 4), index=st.integers(0, 40))
    def cancel_item(self, number: int, index: int) -> None:
        if number in self.bench.sources and number not in self.bench.outcome:
            before = self.bench.results[number].keys() | self.bench.cancelled[number]
            chunk = self.bench.scheduler._books.maps[number].chunks.get(index + 1)
            if chunk is not None and chunk.next == index and index not in before:
                self.bench.cancelled[number].add(index)
            self.bench.tell(ev.ItemCancelled(number, index))

    @invariant()
    def the_books_agree(self) -> None:
        self.bench.scheduler.check_invariants()

    def teardown(self) -> None:
        """With an honest worker left, every map comes to its end with the right results."""
        self.join(1)
        for worker in sorted(self.workers):
            self.bench.tell(ev.WorkerResized(worker, 1))
        for _ in range(2000):
            if not self.bench.leases:
                break
            self.bench.answer(next(iter(self.bench.leases)))
        assert not self.bench.leases
        for number, count in self.bench.sources.items():
            assert self.bench.outcome[number] == ev.Finish(number)
            found = self.bench.results[number]
            failed = {index for index, value in found.items() if isinstance(value, ev.Failed)}
            assert {(number, index) for index in failed} <= self.raised
            expected = squares(count)
            for index in self.bench.cancelled[number]:
                del expected[index]
            assert found.keys() == expected.keys()
            assert all(found[index] == expected[index] for index in found if index not in failed)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=150, stateful_step_count=40, derandomize=True, deadline=None
)
