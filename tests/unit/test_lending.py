"""Who gets what: chunks in advance, sizes that fit, fair turns, and help for stragglers."""

from __future__ import annotations

import pytest

from nitocris import events as ev
from nitocris.chunking import TARGET_SECONDS
from nitocris.errors import RemoteError
from nitocris.lending import MAX_LEASES, PATIENCE, VERY_LATE
from nitocris.records import MAX_REMEMBERED, MAX_WAITING, MAX_WAITING_FIXED, PREFETCH_SECONDS
from tests.support.scheduler_bench import Bench, squares


def work(bench: Bench, seconds: float, until: float, worker: int = 1) -> None:
    """Has a worker answer one chunk after another, each item taking these seconds."""
    while bench.now < until and bench.leases_of(worker):
        lease = bench.leases_of(worker)[0]
        bench.pass_time(seconds * len(bench.items(lease)))
        bench.answer(lease)


def test_the_next_chunk_is_there_before_the_last_one_is_answered() -> None:
    """One chunk runs and one waits at each place; the answer to one brings another."""
    bench = Bench()
    bench.join(1, capacity=2)
    bench.start(1, 100, chunk_size=1)
    bench.pass_time(1.0)

    commands = bench.answer(1)

    assert len(bench.leases) == 4
    assert [lend.worker for lend in bench.of(ev.Lend, commands)] == [1]


def test_short_chunks_wait_in_numbers() -> None:
    """As much waits as covers a round trip, and at most so many chunks."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1000, chunk_size=1)

    work(bench, 0.1, until=3)
    enough = len(bench.leases) - 1
    work(bench, 0.001, until=3.1)

    assert enough == pytest.approx(PREFETCH_SECONDS / 0.1, abs=1)
    assert len(bench.leases) - 1 == MAX_WAITING_FIXED


def test_chunks_that_grow_wait_in_small_numbers() -> None:
    """Else the next size would come only after many of the last one."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1_000_000)

    work(bench, 0.0001, until=0.0001)

    assert len(bench.leases) - 1 == MAX_WAITING


def test_nobody_has_chunks_in_advance_while_others_are_idle() -> None:
    """Three chunks for three workers are one for each."""
    bench = Bench()
    for worker in (1, 2, 3):
        bench.join(worker)

    bench.start(1, 3, chunk_size=1)

    assert [lend.worker for lend in bench.of(ev.Lend)] == [1, 2, 3]


def test_chunks_grow_to_the_aimed_time() -> None:
    """From one item, at most doubling, to half a second of the worker's own time."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 100_000)

    work(bench, 0.01, until=10)
    sizes = [lend.stop - lend.skip for lend in bench.of(ev.Lend)]

    assert sizes[0] == 1
    assert all(later <= 2 * max(sizes[:at]) for at, later in enumerate(sizes) if at > 0)
    assert sizes[-1] == pytest.approx(TARGET_SECONDS / 0.01, rel=0.1)


def test_each_worker_has_its_own_sizes() -> None:
    """A phone at a tenth of the speed gets a tenth of the items."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1_000_000)
    work(bench, 0.001, until=5, worker=1)
    bench.join(2)
    work(bench, 0.01, until=bench.now + 5, worker=2)

    fast = [lend for lend in bench.of(ev.Lend) if lend.worker == 1][-1]
    slow = [lend for lend in bench.of(ev.Lend) if lend.worker == 2][-1]

    assert fast.stop - fast.skip == pytest.approx(500, rel=0.1)
    assert slow.stop - slow.skip == pytest.approx(50, rel=0.1)


def test_the_pace_is_that_of_the_items_a_worker_computed() -> None:
    """Whoever finishes another's chunk is not taken for faster than it is."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 100_000)
    work(bench, 0.005, until=5)
    lease = bench.leases_of(1)[0]
    bench.answer(lease, count=len(bench.items(lease)) - 1)
    bench.join(2)
    bench.leave(1)

    bench.pass_time(0.1)
    commands = bench.answer(bench.leases_of(2)[0])

    assert {lend.stop - lend.skip for lend in bench.of(ev.Lend, commands)} <= {1, 2}


def test_a_chunk_that_is_too_large_for_its_next_worker_is_cut() -> None:
    """What was meant for a fast worker that left does not keep a slow one busy for an hour."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 100_000)
    work(bench, 0.001, until=5)
    bench.leave(1)
    bench.leases.clear()

    bench.join(2)
    items = [bench.items(lease) for lease in bench.leases_of(2)]

    assert {len(each) for each in items} == {1}
    assert items[1].start == items[0].stop


def test_the_pace_of_a_function_is_remembered() -> None:
    """The next map of it starts with what the worker is known for; one of another, with an item."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1000, function="square")
    work(bench, 0.0009, until=10)

    bench.start(2, 1000, function="cube")
    work(bench, 0.001, until=10)
    bench.start(3, 1000, function="square")
    work(bench, 0.0009, until=10)

    first = {lend.map: lend for lend in reversed(bench.of(ev.Lend))}
    assert {number: lend.stop - lend.skip for number, lend in first.items()} == {1: 1, 2: 1, 3: 11}


def test_the_paces_of_a_bounded_number_of_functions_are_remembered() -> None:
    """An execution may see any number of functions."""
    bench = Bench()
    bench.join(1)

    for number in range(MAX_REMEMBERED + 1):
        bench.start(number, 10, function=f"function {number}")
        work(bench, 0.001, until=10)
    bench.start(100, 1000, function="function 0")

    assert next(demand.count for demand in bench.of(ev.Demand) if demand.map == 100) == 1
    assert len(bench.scheduler._books.workers[1].remembered) == MAX_REMEMBERED


def test_what_remains_is_shared_evenly() -> None:
    """No chunk is larger than half an even share, so that all end together."""
    bench = Bench()
    for worker in (1, 2):
        bench.join(worker, capacity=2)
    bench.start(1, 400)
    while bench.leases:
        lease = next(iter(bench.leases))
        bench.pass_time(0.01 * len(bench.items(lease)))
        bench.answer(lease)

    left = 400
    for demand in bench.of(ev.Demand):
        assert demand.count <= max(1, left // (2 * 4))
        left -= demand.count
    assert bench.results[1] == squares(400)


def test_maps_take_turns_by_the_time_they_had() -> None:
    """A map of long items does not keep one of short items waiting."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 100, chunk_size=1)
    bench.start(2, 100, chunk_size=1)
    spent = {1: 0.0, 2: 0.0}
    seconds = {1: 1.0, 2: 0.1}

    for _ in range(110):
        lease = next(iter(bench.leases))
        number = bench.leases[lease].map
        spent[number] += seconds[number]
        bench.pass_time(seconds[number])
        bench.answer(lease)

    assert spent[1] == pytest.approx(spent[2], rel=0.2)


def test_a_new_map_neither_waits_for_an_old_one_nor_makes_it_wait() -> None:
    """It has its turn at once, and no more than every second one."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1000, chunk_size=1)
    work(bench, 1.0, until=50)
    bench.start(2, 1000, chunk_size=1)
    seen = []

    for _ in range(20):
        lease = next(iter(bench.leases))
        seen.append(bench.leases[lease].map)
        bench.pass_time(1.0)
        bench.answer(lease)

    assert seen.count(1) == pytest.approx(10, abs=2)


def test_an_owner_who_does_not_answer_keeps_no_other_map_waiting() -> None:
    """A demand takes no place: a stalled input costs the other maps nothing."""
    bench = Bench()
    bench.join(1, capacity=2)
    bench.scheduler.handle(ev.MapStarted(9, None, 1, 100.0), bench.now)

    bench.start(1, 10, chunk_size=1)
    while bench.leases:
        bench.answer(next(iter(bench.leases)))

    assert bench.outcome[1] == ev.Finish(1)


class TestStragglers:
    """Nine of ten workers have answered, and one has not."""

    @pytest.fixture
    def bench(self) -> Bench:
        bench = Bench()
        for worker in range(1, 11):
            bench.join(worker)
        bench.start(1, 10, chunk_size=1)
        bench.pass_time(1.0)
        for lease in range(1, 10):
            bench.answer(lease)
        assert list(bench.leases) == [10]
        return bench

    def test_a_late_chunk_is_lent_again_beside_the_first_lease(self, bench: Bench) -> None:
        """When it has run twice as long as three quarters of the others took."""
        early = bench.pass_time(0.9)
        late = bench.pass_time(0.6)

        assert bench.of(ev.Lend, early) == []
        (second,) = bench.of(ev.Lend, late)
        assert second.payload == range(9, 10)
        assert second.worker != 10
        assert bench.of(ev.Cancel, late) == []

    @pytest.mark.parametrize("winner", [10, 11])
    def test_the_first_answer_wins_and_the_other_lease_is_cancelled(
        self, bench: Bench, winner: int
    ) -> None:
        """Whoever it is; a late answer of the other changes nothing."""
        bench.pass_time(1.5)
        loser = 21 - winner
        slow = bench.leases[loser]

        commands = bench.answer(winner)
        after = bench.tell(ev.ResultArrived(slow.worker, loser, 0, [-1], True))

        assert bench.of(ev.Cancel, commands) == [ev.Cancel(slow.worker, loser)]
        assert after == []
        assert bench.results[1] == squares(10)
        assert bench.outcome[1] == ev.Finish(1)

    def test_helpers_are_few(self, bench: Bench) -> None:
        """When the helper is late as well, another one helps, but not everybody."""
        bench.pass_time(90)

        assert len(bench.leases) == MAX_LEASES
        assert len({lend.worker for lend in bench.leases.values()}) == MAX_LEASES

    def test_a_lost_helper_leaves_the_first_lease_alone(self, bench: Bench) -> None:
        """The chunk is neither queued nor forgotten."""
        bench.pass_time(1.5)
        helper = bench.leases.pop(11).worker

        bench.tell(ev.WorkerLeft(helper))
        bench.answer(10)

        assert bench.outcome[1] == ev.Finish(1)

    def test_answers_of_both_are_put_together(self) -> None:
        """Each item counts from whoever answers it first."""
        bench = Bench()
        for worker in (1, 2):
            bench.join(worker)
        bench.start(1, 12, chunk_size=6)
        bench.pass_time(1.0)
        bench.answer(2)
        bench.answer(1, count=2)
        bench.pass_time(3.0)
        helper = max(bench.leases)

        bench.answer(helper, count=3)
        bench.answer(1, count=2)
        bench.answer(1)

        assert bench.progress[helper] == 5
        assert bench.results[1] == squares(12)
        assert bench.outcome[1] == ev.Finish(1)

    def test_failures_count_from_whoever_answers_first_as_well(self) -> None:
        """What the slower one says of an item that is answered is neither told nor tried again."""
        bench = Bench()
        for worker in (1, 2):
            bench.join(worker)
        bench.start(1, 12, chunk_size=6, keep_going=True, retries=1)
        bench.pass_time(1.0)
        bench.answer(2)
        bench.pass_time(3.0)
        helper = max(bench.leases)
        bench.answer(helper, count=3)

        commands = bench.answer(
            1,
            count=4,
            failures={
                0: ev.Failure(RemoteError("late")),
                1: ev.Failure(RemoteError("late"), transient=True),
            },
        )
        bench.answer(helper)

        assert bench.of(ev.Deliver, commands) == [ev.Deliver(1, 3, [9])]
        assert bench.results[1] == squares(12)

    @pytest.mark.parametrize(("seconds", "helps"), [(0.1, True), (0.9, False)])
    def test_a_much_faster_worker_helps_although_a_helper_is_there(
        self, seconds: float, helps: bool
    ) -> None:
        """The first helper was who was idle first; a much faster one may come later."""
        bench = Bench()
        for worker in (1, 2, 3):
            bench.join(worker)
        bench.start(1, 3, chunk_size=1)
        bench.pass_time(seconds)
        bench.answer(3)
        bench.tell(ev.WorkerResized(3, 0))
        bench.pass_time(1.0 - seconds)
        bench.answer(2)
        bench.pass_time(1.5)
        assert {lend.worker for lend in bench.leases.values()} == {1, 2}

        commands = bench.tell(ev.WorkerResized(3, 1))

        assert [lend.worker for lend in bench.of(ev.Lend, commands)] == [3] * helps

    def test_the_same_device_does_not_help_itself(self) -> None:
        """A long item is not computed twice on one machine, until its process seems to hang."""
        bench = Bench()
        bench.join(1, capacity=2)
        bench.start(1, 4, chunk_size=1)
        bench.pass_time(1.0)
        for lease in (1, 3, 4):
            bench.answer(lease)

        early = bench.pass_time(VERY_LATE)
        late = bench.pass_time(2 * VERY_LATE)

        assert bench.of(ev.Lend, early) == []
        assert [lend.payload for lend in bench.of(ev.Lend, late)] == [bench.leases[2].payload]


class TestTakingOver:
    """One worker has a chunk in advance that another could start at once."""

    @pytest.fixture
    def bench(self) -> Bench:
        bench = Bench()
        bench.join(1)
        bench.start(1, 2, chunk_size=1)
        assert bench.leases_of(1) == [1, 2]
        return bench

    def test_an_idle_worker_takes_over_what_waits(self, bench: Bench) -> None:
        """The chunk is taken back, not doubled: its worker had not begun it."""
        commands = bench.join(2)

        assert bench.of(ev.Cancel, commands) == [ev.Cancel(1, 2)]
        assert [lend.payload for lend in bench.of(ev.Lend, commands)] == [range(1, 2)]
        assert bench.leases_of(2) == [3]

    def test_what_has_begun_is_not_taken_over(self, bench: Bench) -> None:
        """The first chunk stays where it runs."""
        bench.join(2)

        commands = bench.join(3)

        assert bench.of(ev.Lend, commands) == []

    @pytest.mark.parametrize(("seconds", "takes"), [(20.0, False), (0.1, True)])
    def test_a_chunk_stays_where_it_will_be_done_earlier(self, seconds: float, takes: bool) -> None:
        """A slow worker takes nothing from a fast one, a faster one does."""
        bench = Bench()
        bench.join(2)
        bench.start(1, 6, chunk_size=1)
        bench.tell(ev.WorkerResized(2, 0))
        bench.leases = {1: bench.leases[1]}
        bench.pass_time(seconds)
        bench.answer(1)
        bench.join(1)
        for _ in range(2):
            bench.pass_time(0.2)
            bench.answer(bench.leases_of(1)[0])
        assert len(bench.leases_of(1)) == 3

        commands = bench.tell(ev.WorkerResized(2, 1))

        assert bool(bench.of(ev.Cancel, commands)) == takes

    def test_an_owner_who_was_just_asked_is_waited_for(self) -> None:
        """New items come first; only when none come is it time to take from others."""
        bench = Bench()
        bench.join(1)
        bench.start(1, 2, chunk_size=1)
        bench.scheduler.handle(ev.MapStarted(9, None, 1, 100.0), bench.now)  # never answers

        early = bench.join(2)
        late = bench.pass_time(PATIENCE)

        assert bench.of(ev.Lend, early) == []
        assert [lend.worker for lend in bench.of(ev.Lend, late)] == [2]


def test_items_that_need_not_be_computed_do_not_make_chunks_larger() -> None:
    """What remains is shared evenly, and 9,900 of 10,000 items do not remain."""

    def largest(reused: int) -> int:
        bench = Bench()
        for worker in range(1, 5):
            bench.join(worker)
        bench.start(1, 10_000)
        bench.tell(ev.ItemsReused(1, reused))
        work(bench, 0.001, until=0.5)
        return max(int(demand.count) for demand in bench.of(ev.Demand))

    assert largest(reused=9_900) <= 25 < largest(reused=0)
