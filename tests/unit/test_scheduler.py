"""The scheduler's promises about leases and maps: complete, in order, each item once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nitocris import events as ev
from nitocris.errors import RemoteError
from nitocris.records import Chunk, ChunkState, InvalidTransition, Map, Parcel
from tests.support.scheduler_bench import TIMEOUT, Bench, squares


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


def test_the_first_chunk_is_asked_for_without_a_worker() -> None:
    """What it needs can be prepared while nobody is there; one chunk is enough for that."""
    bench = Bench()

    bench.start(1, 100, chunk_size=5)

    assert bench.taken[1] == 5


def test_the_input_is_read_only_as_far_as_the_workers_keep_up() -> None:
    """A million items are not materialised: what runs and what waits at each place are taken."""
    bench = Bench()
    bench.join(1, capacity=2)

    bench.start(1, 1_000_000, chunk_size=5)

    assert bench.taken[1] == 4 * 5


def test_a_fixed_chunk_size_is_obeyed_exactly() -> None:
    """Only the last chunk may be smaller, however fast or slow the workers are."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 50, chunk_size=8)

    while bench.leases:
        bench.now += 30
        bench.answer(next(iter(bench.leases)))

    assert [lend.stop - lend.skip for lend in bench.of(ev.Lend)] == [8] * 6 + [2]


def test_the_chunks_of_a_lost_worker_are_lent_again_at_once() -> None:
    """When a worker leaves, another gets all it had in the same moment, first things first."""
    bench = Bench()
    bench.join(1, capacity=2)
    bench.start(1, 4, chunk_size=2)
    bench.join(2, capacity=2)

    commands = bench.leave(1)

    assert [(lend.worker, lend.payload) for lend in bench.of(ev.Lend, commands)] == [
        (2, range(2)),
        (2, range(2, 4)),
    ]


def test_what_came_back_is_not_computed_again() -> None:
    """The half of a chunk that a lost worker had answered is skipped by the next."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 10, chunk_size=10)
    bench.answer(1, count=6)
    bench.join(2)

    (again,) = bench.of(ev.Lend, bench.leave(1))
    bench.answer(again.lease)

    assert (again.skip, again.stop) == (6, 10)
    assert bench.results[1] == squares(10)


def test_what_is_given_back_is_first_in_line_without_what_was_answered() -> None:
    """Whoever is free gets the rest at once, before anything that nobody had."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 30, chunk_size=10)
    bench.answer(1, count=6)
    bench.tell(ev.WorkerResized(1, 0))
    bench.give_back(1)

    (again,) = bench.of(ev.Lend, bench.join(2))[:1]
    while bench.leases:
        bench.answer(next(iter(bench.leases)))

    assert (again.skip, again.stop, again.piecewise) == (6, 10, False)
    assert bench.results[1] == squares(30)


def test_a_lease_that_is_given_back_leaves_its_place_free() -> None:
    """The worker is lent something else at once; it is not waited for."""
    bench = Bench()
    bench.join(1, capacity=2)
    bench.start(1, 4, chunk_size=2)

    commands = bench.give_back(1)

    assert [lend.worker for lend in bench.of(ev.Lend, commands)] == [1]
    assert bench.of(ev.Cancel, commands) == []


def test_to_give_back_blames_neither_the_item_nor_the_worker() -> None:
    """However many volunteers pause at an item, it is computed at last, by any of them."""
    bench = Bench()
    bench.start(1, 1)
    for worker in range(1, 101):
        bench.join(worker)
        bench.tell(ev.WorkerResized(worker, 0))
        bench.give_back(next(iter(bench.leases)))

    bench.tell(ev.WorkerResized(1, 1))
    bench.answer(next(iter(bench.leases)))

    assert bench.results[1] == squares(1)
    assert bench.of(ev.Rest) == []


def test_a_second_lease_goes_on_when_the_first_is_given_back() -> None:
    """The chunk is not queued again while another worker has it."""
    bench = Bench()
    bench.join(1)
    bench.join(2)
    bench.start(1, 2, chunk_size=1)
    bench.now += 1
    bench.answer(2)
    bench.pass_time(10)
    first, second = bench.leases

    bench.tell(ev.WorkerResized(1, 0))
    commands = bench.give_back(first)
    bench.answer(second)

    assert bench.of(ev.Lend, commands) == []
    assert bench.results[1] == squares(2)


def test_a_lease_expires_after_the_timeout_without_results() -> None:
    """A hung worker is told to stop and its chunk goes elsewhere."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1)
    bench.join(2)

    commands = bench.pass_time(TIMEOUT)

    assert bench.of(ev.Cancel, commands) == [ev.Cancel(1, 1)]
    assert [lend.worker for lend in bench.of(ev.Lend, commands)] == [2]


def test_a_chunk_that_waits_at_its_worker_does_not_expire() -> None:
    """The clock of a lease starts when its worker can start it."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 2, chunk_size=1)
    bench.pass_time(TIMEOUT - 1)
    bench.answer(1)

    bench.pass_time(TIMEOUT - 1)

    assert bench.of(ev.Cancel) == []


def test_a_cancelled_place_is_free_when_its_worker_says_so() -> None:
    """Nothing is lent to a place that may still be busy with what was cancelled."""
    bench = Bench()
    bench.obedient = False
    bench.join(1)
    bench.start(1, 1)

    expired = bench.pass_time(TIMEOUT)
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
    bench.pass_time(TIMEOUT - 1)
    bench.answer(1, count=1)

    bench.pass_time(2)

    assert bench.scheduler.next_deadline() == 2 * TIMEOUT - 1
    assert bench.of(ev.Cancel) == []


def test_an_exception_ends_the_map_and_the_next_one_runs() -> None:
    """The failing item is named, all other leases are cancelled, and other maps go on."""
    bench = Bench()
    bench.join(1, capacity=2)
    bench.start(1, 10, chunk_size=4)
    failure = RemoteError("boom")

    commands = bench.tell(
        ev.ResultArrived(1, 2, 0, [16, None], final=True, failures={1: ev.Failure(failure)})
    )
    bench.start(2, 1)

    assert bench.results[1] == {4: 16}
    assert bench.outcome[1] == ev.Fail(1, 5, ev.Failed(failure, "worker 1", 1, range(4, 8), 1))
    assert {cancel.lease for cancel in bench.of(ev.Cancel, commands)} == {1, 2, 3}
    assert any(lend.map == 2 for lend in bench.leases.values())


def test_a_map_that_keeps_going_delivers_its_failures() -> None:
    """Items that fail stand among the others, and the map finishes."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 4, chunk_size=4, keep_going=True)
    failure = RemoteError("boom")

    bench.answer(1, count=2, failures={1: ev.Failure(failure)})
    bench.answer(1, failures={0: ev.Failure(failure)})

    first, second = (ev.Failed(failure, "worker 1", 1, range(4), place) for place in (1, 2))
    assert bench.results[1] == {0: 0, 1: first, 2: second, 3: 9}
    assert bench.outcome[1] == ev.Finish(1)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_transient_failure_is_tried_again_elsewhere(index: int) -> None:
    """The item alone goes to another worker, if there is one; its neighbours are done."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 3, chunk_size=3, retries=1)
    bench.join(2)
    failure = ev.Failure(RemoteError("no network"), transient=True)

    commands = bench.answer(1, failures={index: failure})
    (again,) = bench.of(ev.Lend, commands)
    first = dict(bench.results[1])
    bench.answer(again.lease)

    assert first == {at: at * at for at in range(3) if at != index}
    assert (again.worker, again.skip, again.stop) == (2, index, index + 1)
    assert bench.results[1] == squares(3)
    assert bench.outcome[1] == ev.Finish(1)


def test_a_transient_failure_waits_for_another_worker() -> None:
    """Even where the one that had it is idle: what it lacks, another may have."""
    bench = Bench()
    bench.join(1)
    bench.join(2)
    bench.start(1, 2, chunk_size=1, retries=1)
    failure = ev.Failure(RemoteError("no network"), transient=True)

    commands = bench.answer(1, failures={0: failure})

    assert [lend.worker for lend in bench.of(ev.Lend, commands)] == [2]


def test_a_transient_failure_is_tried_as_often_as_asked() -> None:
    """Then it is a failure like any other, and says how often it was tried."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1, retries=2)
    failure = ev.Failure(RemoteError("no network"), transient=True)

    for _ in range(3):
        bench.answer(max(bench.leases), failures={0: failure})

    assert bench.outcome[1] == ev.Fail(1, 0, ev.Failed(failure.error, "worker 1", 3, range(1), 0))


def test_a_payload_is_released_when_all_that_was_cut_from_it_is_done() -> None:
    """An item that is tried again needs what its neighbours came with."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 2, chunk_size=2, retries=1)
    failure = ev.Failure(RemoteError("no network"), transient=True)

    early = bench.answer(1, failures={0: failure})
    late = bench.answer(2)

    assert bench.of(ev.Release, early) == []
    assert bench.of(ev.Release, late) == [ev.Release(1, range(2))]


@pytest.mark.parametrize(
    "forged",
    [
        ev.ResultArrived(2, 1, 0, [0], True),
        ev.ResultArrived(1, 77, 0, [0], True),
        ev.LeaseFailed(2, 1, "not mine"),
        ev.LeaseFailed(1, 77, "unknown"),
        ev.ResultRejected(2, 1, "not mine"),
        ev.LeaseCancelled(1, 1),
        ev.LeaseReturned(2, 1),
        ev.LeaseReturned(1, 77),
        ev.InputEnded(77),
        ev.MapCancelled(77),
        ev.ItemCancelled(77, 0),
        ev.ItemCancelled(1, 77),
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
    assert bench.scheduler.map_of(1, 1) == 1


def test_a_late_duplicate_changes_nothing() -> None:
    """The same answer twice is delivered once."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 2, chunk_size=1)
    bench.answer(1)

    commands = bench.tell(ev.ResultArrived(1, 1, 0, [0], True))
    commands += bench.tell(ev.LeaseReturned(1, 1))

    assert commands == []


@pytest.mark.parametrize(
    ("offset", "values", "final"),
    [(1, [0], False), (0, [0] * 5, True), (0, [0], True), (0, [0] * 4, False), (0, [], False)],
)
def test_results_that_do_not_fit_are_blamed(
    offset: int, values: Sequence[object], final: bool
) -> None:
    """Gaps, too many, too few or endless answers count against the worker, not the map."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 4, chunk_size=4)

    commands = bench.tell(ev.ResultArrived(1, 1, offset, values, final))

    assert len(bench.of(ev.Blame, commands)) == 1
    assert bench.of(ev.Deliver, commands) == []
    assert [lend.skip for lend in bench.of(ev.Lend, commands)] == [0]


@pytest.mark.parametrize("final", [True, False])
def test_results_must_not_go_beyond_what_was_lent(final: bool) -> None:
    """The payload of a cut chunk holds more items than the lease is for."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 4, chunk_size=4)
    bench.fail(1)
    bench.fail(2)
    alone = min(bench.leases)
    assert bench.items(alone) == range(1)

    commands = bench.tell(ev.ResultArrived(1, alone, 0, [0, 1, 4, 9], final))

    assert len(bench.of(ev.Blame, commands)) == 1
    assert bench.of(ev.Deliver, commands) == []


def test_answers_without_sense_never_end_a_map() -> None:
    """They count against their worker, however often they come."""
    bench = Bench()
    bench.join(1)
    bench.start(1, 1)

    for _ in range(10):
        bench.tell(ev.ResultRejected(1, max(bench.leases), "nonsense"))
    bench.answer(max(bench.leases))

    assert len(bench.of(ev.Blame)) == 10
    assert bench.outcome[1] == ev.Finish(1)


def test_a_device_that_pauses_finishes_what_it_has_begun() -> None:
    """What it has in advance goes to others; what runs is not taken away."""
    bench = Bench()
    bench.join(1, capacity=2)
    bench.start(1, 4, chunk_size=1)

    commands = bench.tell(ev.WorkerResized(1, 0))
    bench.answer(1)
    bench.answer(2)

    assert {cancel.lease for cancel in bench.of(ev.Cancel, commands)} == {3, 4}
    assert bench.leases == {}
    assert bench.results[1] == squares(2)


def test_an_item_can_be_cancelled_wherever_it_is() -> None:
    """Queued, running, or in advance at a worker: nothing comes for it, and the map ends."""
    bench = Bench()
    bench.start(1, 5, chunk_size=1, keep_going=True)
    bench.cancelled[1] = {0, 1, 2}

    queued = bench.tell(ev.ItemCancelled(1, 0))
    bench.join(1)
    running = bench.tell(ev.ItemCancelled(1, 1))
    ahead = bench.tell(ev.ItemCancelled(1, 2))
    while bench.leases:
        bench.answer(next(iter(bench.leases)))

    assert bench.of(ev.Release, queued) == [ev.Release(1, range(1))]
    assert ev.Cancel(1, 1) in running
    assert bench.of(ev.Cancel, ahead)
    assert bench.results[1] == {3: 9, 4: 16}
    assert bench.outcome[1] == ev.Finish(1)


def test_a_cancelled_map_leaves_nothing_behind() -> None:
    """Its leases are cancelled, its workers told to forget it, and nothing is due any more."""
    bench = Bench()
    bench.join(1, capacity=2)
    bench.start(1, 100, chunk_size=1)

    commands = bench.tell(ev.MapCancelled(1))

    assert len(bench.of(ev.Cancel, commands)) == 4
    assert bench.of(ev.Forget, commands) == [ev.Forget(1, 1)]
    assert bench.scheduler.next_deadline() is None


def test_an_impossible_transition_tells_its_story() -> None:
    """A bug in the scheduler names the chunk and both states."""
    chunk = Chunk(Map(1, None, None, TIMEOUT), Parcel(None, 5), 5, 6)
    chunk.become(ChunkState.DONE)

    with pytest.raises(InvalidTransition, match="chunk 5 of map 1 is done, cannot become leased"):
        chunk.become(ChunkState.LEASED)
