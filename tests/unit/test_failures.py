"""Items that take their workers down, and workers that fail what others can compute."""

from __future__ import annotations

from typing import Any

import pytest

from nitocris import events as ev
from nitocris.errors import ItemTimeoutError, RemoteError, WorkerLostError
from nitocris.health import MAX_RESTS, MAX_RETURNS, MAX_STRIKES, REST_SECONDS
from nitocris.outcomes import MAX_DEPARTURES, MAX_FAILURES
from nitocris.records import ITEM_ALLOWANCE
from tests.support.scheduler_bench import TIMEOUT, Bench, squares


def crew(workers: int) -> Bench:
    """Returns a bench with some workers."""
    bench = Bench()
    for worker in range(1, workers + 1):
        bench.join(worker)
    return bench


def poison(bench: Bench, *items: int) -> None:
    """Has the workers compute everything, and die of these items."""
    while bench.leases:
        lease = next(iter(bench.leases))
        lend = bench.leases[lease]
        at = bench.start_of(lend) + bench.progress[lease]
        bad = next((item for item in items if item in range(at, bench.items(lease).stop)), None)
        bench.now += 0.1
        if bad is None:
            bench.answer(lease, count=1 if lend.piecewise else None)
        elif lend.piecewise and bad > at:
            bench.answer(lease, count=1)
        else:
            bench.fail(lease)


def lost(bench: Bench, number: int, index: int) -> ev.Failed:
    """Returns how an item failed that took its workers down."""
    failed = bench.results[number][index]
    assert isinstance(failed, ev.Failed)
    assert isinstance(failed.error, WorkerLostError)
    return failed


def test_an_item_that_takes_three_workers_down_fails_alone() -> None:
    """The others of its chunk are answered, and the error names it and the reason."""
    bench = crew(5)
    bench.start(1, 30, chunk_size=10, keep_going=True)

    poison(bench, 17)

    failed = lost(bench, 1, 17)
    assert str(failed.error).startswith("took down 3 workers")
    assert "out of memory" in str(failed.error)
    assert bench.results[1] == squares(30) | {17: failed}
    assert bench.outcome[1] == ev.Finish(1)


def test_two_poisonous_items_of_one_chunk_fail_both() -> None:
    """Each by itself, neighbours or not."""
    bench = crew(5)
    bench.start(1, 10, chunk_size=10, keep_going=True)

    poison(bench, 4, 5, 9)

    expected = squares(10) | {index: lost(bench, 1, index) for index in (4, 5, 9)}
    assert bench.results[1] == expected


def test_three_different_workers_are_needed() -> None:
    """One bad device cannot bring an item down while others are there."""
    bench = crew(3)
    bench.start(1, 1, keep_going=True)
    seen = []

    while bench.leases:
        lease = next(iter(bench.leases))
        seen.append(bench.leases[lease].worker)
        bench.fail(lease)

    assert sorted(seen) == [1, 2, 3]


def test_a_chunk_that_failed_waits_for_another_worker() -> None:
    """Even when the one that failed it is idle and the others are busy."""
    bench = crew(2)
    bench.start(1, 2, chunk_size=1)

    (again,) = bench.of(ev.Lend, bench.fail(1))
    later = bench.pass_time(TIMEOUT / 2)

    assert again.worker == 2
    assert bench.of(ev.Lend, later) == []


def test_one_worker_alone_may_try_three_times() -> None:
    """Where nobody else is, nobody else is waited for."""
    bench = crew(1)
    bench.start(1, 1)

    for _ in range(MAX_FAILURES):
        bench.fail(max(bench.leases))

    outcome = bench.outcome[1]
    assert isinstance(outcome, ev.Fail)
    assert isinstance(outcome.failed.error, WorkerLostError)
    assert (outcome.index, outcome.failed.worker, outcome.failed.attempts) == (0, "worker 1", 3)


def test_after_a_failure_items_are_answered_one_by_one() -> None:
    """So that the next crash shows which of them it was."""
    bench = crew(2)
    bench.start(1, 10, chunk_size=10)
    bench.answer(1, count=3)

    (again,) = bench.of(ev.Lend, bench.fail(1))
    bench.answer(again.lease, count=1)
    alone, others = bench.of(ev.Lend, bench.fail(again.lease))

    assert (again.skip, again.stop, again.piecewise) == (3, 10, True)
    assert (alone.skip, alone.stop) == (4, 5)
    assert (others.skip, others.stop, others.piecewise) == (5, 10, False)


def test_the_neighbours_of_a_poisonous_item_are_not_suspected() -> None:
    """They may go to any worker, also to one that died of their neighbour."""
    bench = crew(2)
    bench.start(1, 10, chunk_size=10)

    bench.fail(bench.leases_of(1)[0])
    bench.fail(bench.leases_of(2)[0])

    chunks = bench.scheduler._books.maps[1].chunks
    assert (chunks[1].next, chunks[1].failed_by) == (0, {1, 2})
    assert (chunks[10].next, chunks[10].failed_by) == (1, set())


def test_progress_clears_an_item_of_suspicion() -> None:
    """Failures count for the item that was computed, not for its chunk."""
    bench = crew(1)
    bench.start(1, 10, chunk_size=10)
    bench.fail(1)

    for _ in range(5):
        bench.answer(max(bench.leases), count=1)
        bench.fail(max(bench.leases))  # the next item, which is lent alone then
        bench.fail(min(bench.leases))
        bench.answer(max(lease for lease in bench.leases if len(bench.items(lease)) == 1))
        if bench.leases:
            bench.fail(max(bench.leases))
    while bench.leases:
        bench.answer(min(bench.leases))

    assert bench.results[1] == squares(10)


def test_a_worker_that_leaves_is_no_failure_of_its_chunk() -> None:
    """Tabs are closed all the time: an item may lose many workers."""
    bench = Bench()
    bench.start(1, 1)
    for worker in range(MAX_DEPARTURES - 1):
        bench.join(worker)
        bench.leave(worker)
    bench.join(99)

    bench.answer(max(bench.leases))

    assert bench.outcome[1] == ev.Finish(1)


def test_an_item_whose_workers_all_leave_is_given_up_at_last() -> None:
    """A tab that runs out of memory is just gone; such an item must not go round for ever."""
    bench = Bench()
    bench.start(1, 3, chunk_size=3, keep_going=True)
    for worker in range(MAX_DEPARTURES):
        bench.join(worker)
        bench.leave(worker)
    bench.join(99)
    while bench.leases:
        bench.answer(min(bench.leases))

    assert "out of memory" in str(lost(bench, 1, 0).error) or "memory" in str(
        lost(bench, 1, 0).error
    )
    assert {1: 1, 2: 4}.items() <= bench.results[1].items()
    assert bench.outcome[1] == ev.Finish(1)


def test_a_hung_item_is_given_up_as_well() -> None:
    """Leases that expire are failures like crashes."""
    bench = crew(3)
    bench.start(1, 1)

    bench.pass_time(MAX_FAILURES * TIMEOUT)

    outcome = bench.outcome[1]
    assert isinstance(outcome, ev.Fail)
    assert f"no result within {TIMEOUT:g} s" in str(outcome.failed.error)


def test_an_item_beyond_its_own_limit_fails_at_once() -> None:
    """The owner's rule needs no three witnesses; the others of the chunk are answered."""
    bench = crew(1)
    bench.start(1, 2, chunk_size=2, keep_going=True, item_timeout=5.0)

    bench.pass_time(5.0 + ITEM_ALLOWANCE)  # whose fault it was is not known yet
    bench.pass_time(5.0 + ITEM_ALLOWANCE)
    bench.answer(max(bench.leases))

    failed: Any = bench.results[1][0]
    assert isinstance(failed.error, ItemTimeoutError)
    assert "item_timeout=5 s" in str(failed.error)
    assert bench.results[1][1] == 1


class TestBadWorkers:
    """One of three workers fails whatever it gets."""

    @pytest.fixture
    def bench(self) -> Bench:
        bench = crew(3)
        bench.start(1, 1000, chunk_size=1, keep_going=True)
        return bench

    def run(self, bench: Bench, until: type[ev.Command]) -> None:
        """Lets worker 3 fail and the others answer until a command comes."""
        for _ in range(300):
            lease = next(iter(bench.leases))
            bench.pass_time(0.5)
            is_bad = bench.leases[lease].worker == 3
            if bench.of(until, bench.fail(lease) if is_bad else bench.answer(lease)):
                return
        raise AssertionError(f"no {until.__name__}")

    def test_it_is_rested(self, bench: Bench) -> None:
        """It gets nothing for a while, and what it had in advance goes to others."""
        self.run(bench, ev.Rest)

        (rest,) = bench.of(ev.Rest)
        assert (rest.worker, rest.seconds) == (3, REST_SECONDS)
        lent = [lease for lease, lend in bench.leases.items() if lend.worker == 3]
        assert len(lent) <= 1, "nothing but what runs there"
        assert all(lend.worker != 3 for lend in bench.of(ev.Lend, bench.fail(lent[0])))

    def test_it_is_tried_again_after_its_rest(self, bench: Bench) -> None:
        """Perhaps it had too little memory only for a while."""
        self.run(bench, ev.Rest)

        commands = bench.pass_time(REST_SECONDS)

        assert 3 in {lend.worker for lend in bench.of(ev.Lend, commands)}

    def test_it_is_dismissed_after_its_rests(self, bench: Bench) -> None:
        """Each rest is longer than the one before."""
        for _ in range(MAX_RESTS):
            self.run(bench, ev.Rest)
            bench.pass_time(REST_SECONDS * 4)
        self.run(bench, ev.Dismiss)

        assert [dismissed.worker for dismissed in bench.of(ev.Dismiss)] == [3]
        assert [rest.seconds for rest in bench.of(ev.Rest)] == [REST_SECONDS, 2 * REST_SECONDS]

    def test_all_its_items_are_computed_by_others(self, bench: Bench) -> None:
        """Not one of them fails."""
        while bench.leases:
            lease = next(iter(bench.leases))
            bench.pass_time(0.01)
            if bench.leases[lease].worker == 3:
                bench.fail(lease)
            else:
                bench.answer(lease)

        assert bench.results[1] == squares(1000)

    def test_a_worker_that_sends_nonsense_is_rested_as_well(self, bench: Bench) -> None:
        """Its chunks are answered by others, which proves that they can be."""
        for _ in range(40):
            lease = next(iter(bench.leases))
            bench.pass_time(0.5)
            if bench.leases[lease].worker == 3:
                del bench.leases[lease]
                bench.tell(ev.ResultRejected(3, lease, "nonsense"))
            else:
                bench.answer(lease)

        assert bench.of(ev.Rest)[0].worker == 3

    def test_a_function_that_crashes_everywhere_is_nobody_s_fault(self) -> None:
        """All items fail, and no worker is sent away for it."""
        bench = crew(3)
        bench.start(1, 40, chunk_size=1, keep_going=True)

        poison(bench, *range(40))

        assert len([lost(bench, 1, index) for index in range(40)]) == 40
        assert bench.of(ev.Rest) == []

    @pytest.mark.parametrize("is_last", [False, True])
    def test_the_last_worker_is_never_sent_away(self, is_last: bool) -> None:
        """Better a bad one than none."""
        bench = crew(2)
        bench.start(1, 200, chunk_size=1, keep_going=True)
        bench.scheduler._books.workers[2].record.strikes = MAX_STRIKES - 1
        for _ in range(20):
            bench.answer(bench.leases_of(1)[0])
        bench.fail(bench.leases_of(2)[0])
        while not bench.leases[bench.leases_of(1)[0]].piecewise:
            bench.answer(bench.leases_of(1)[0])

        if is_last:
            bench.tell(ev.WorkerResized(1, 0))
        commands = bench.answer(bench.leases_of(1)[0])

        assert [rest.worker for rest in bench.of(ev.Rest, commands)] == [] if is_last else [2]

    def test_an_item_that_raised_elsewhere_is_no_failure_of_its_worker(self) -> None:
        """To raise what the owner calls transient is not to crash."""
        bench = crew(2)
        bench.start(1, 50, chunk_size=1, retries=1)
        failure = ev.Failure(RemoteError("no network"), transient=True)

        while bench.leases:
            lease = next(iter(bench.leases))
            raises = bench.leases[lease].worker == 1 and len(bench.results[1]) < 40
            bench.answer(lease, failures={0: failure} if raises else None)

        assert bench.results[1] == squares(50)
        assert bench.scheduler._books.workers[1].record.failures == 0

    def test_whoever_mends_its_own_failure_is_not_blamed_for_it(self) -> None:
        """Only another worker's answer proves that it could be done."""
        bench = crew(1)
        bench.start(1, 1)
        bench.fail(1)

        bench.answer(2)

        assert bench.outcome[1] == ev.Finish(1)
        assert bench.scheduler._books.workers[1].record.failures == 0


class TestAWorkerThatGivesEverythingBack:
    """It is lent a chunk again and again, and computes nothing."""

    @pytest.fixture
    def bench(self) -> Bench:
        bench = crew(2)
        bench.start(1, 1000, chunk_size=1)
        return bench

    def give_back(self, bench: Bench, times: int) -> list[ev.Command]:
        """Returns what becomes of worker 2 when it gives back all that it has, some times."""
        commands: list[ev.Command] = []
        for _ in range(times):
            for lease in bench.leases_of(2):
                if lease in bench.leases:  # else it was taken away
                    commands += bench.give_back(lease)
        return [each for each in commands if isinstance(each, ev.Rest | ev.Dismiss)]

    def test_it_is_rested_and_dismissed_in_the_end(self, bench: Bench) -> None:
        """Like one that fails everything."""
        verdicts = self.give_back(bench, MAX_RETURNS)
        assert verdicts == []
        for seconds in (REST_SECONDS, 2 * REST_SECONDS):
            verdicts += self.give_back(bench, 1)
            assert bench.leases_of(2) == []
            bench.answer(bench.leases_of(1)[0])
            bench.pass_time(seconds)
            verdicts += self.give_back(bench, MAX_RETURNS)
        verdicts += self.give_back(bench, 1)

        reason = "it gave everything back that it was lent"
        assert verdicts == [
            ev.Rest(2, REST_SECONDS, reason),
            ev.Rest(2, 2 * REST_SECONDS, reason),
            ev.Dismiss(2, reason),
        ]

    def test_one_result_makes_up_for_it(self, bench: Bench) -> None:
        """A volunteer may pause as often as they like, if something is computed in between."""
        verdicts: list[ev.Command] = []
        for _ in range(4):
            verdicts += self.give_back(bench, MAX_RETURNS)
            bench.answer(bench.leases_of(2)[0])

        assert verdicts == []

    def test_all_that_it_has_at_one_time_counts_once(self, bench: Bench) -> None:
        """A device of a hundred cores may pause as well."""
        bench.join(3, capacity=100)
        bench.tell(ev.WorkerResized(3, 0))

        for lease in bench.leases_of(3):
            bench.give_back(lease)

        assert bench.of(ev.Rest) == []
