"""Items that are answered and lent again, because their answers are doubted."""

from __future__ import annotations

from typing import Any

import pytest

from nitocris import events as ev
from nitocris.scheduler import Scheduler


class Bench:
    """A scheduler with a verified map of two items, which worker 1 has answered.

    Args:
        networks: Those of the workers, from number 1 on; the later ones come after the answer.
    """

    def __init__(self, *networks: str) -> None:
        self.scheduler = Scheduler()
        self.commands: list[ev.Command] = []
        self.tell(ev.WorkerJoined(1, 1, network=networks[0]))
        self.tell(ev.MapStarted(1, 2, 2, 100.0, verified=True))
        self.tell(ev.ChunkArrived(1, 0, 2, "payload"))
        (lend,) = self.of(ev.Lend)
        self.answers = self.tell(ev.ResultArrived(1, lend.lease, 0, ["a", "b"], True))
        for number, network in enumerate(networks[1:], 2):
            self.tell(ev.WorkerJoined(number, 1, network=network))

    def tell(self, event: ev.Event) -> list[ev.Command]:
        self.commands = self.scheduler.handle(event, 1.0)
        self.scheduler.check_invariants()
        return self.commands

    def of(self, kind: type[Any]) -> list[Any]:
        return [command for command in self.commands if isinstance(command, kind)]

    def doubt(self, start: int, stop: int) -> list[int]:
        """Returns who gets it."""
        networks = frozenset({"home"})
        self.tell(ev.Doubted(1, 0, start, stop, start + 1, frozenset({1}), networks))
        return [lend.worker for lend in self.of(ev.Lend)]


def test_answers_are_handed_to_the_judge() -> None:
    """Nothing is delivered, and what the items came in is kept."""
    bench = Bench("home")

    assert bench.answers[0] == ev.Answered(1, 1, 0, 0, "payload", 0, ["a", "b"])
    assert not any(isinstance(each, ev.Deliver | ev.Release) for each in bench.answers)


@pytest.mark.parametrize(
    ("networks", "getter"),
    [
        (("home",), []),
        (("home", "home"), [2]),
        (("home", "away"), [2]),
        (("home", "home", "away"), [3]),
        (("home", "home", "home"), [2]),
    ],
)
def test_never_the_same_device_and_elsewhere_if_possible(
    networks: tuple[str, ...], getter: list[int]
) -> None:
    """The network is avoided while others are there, the device always."""
    assert Bench(*networks).doubt(0, 2) == getter


def test_a_doubt_that_nobody_may_settle_hides_no_other() -> None:
    """Eight chunks are looked at each time, and others the next time."""
    bench = Bench("home")
    bench.tell(ev.MapStarted(2, 40, 1, 100.0, verified=True))
    for index in range(20):
        bench.tell(ev.ChunkArrived(2, index, 1, index))
        (lend,) = bench.of(ev.Lend)
        bench.tell(ev.ResultArrived(1, lend.lease, 0, ["x"], True))
    for index in range(19):
        bench.tell(ev.Doubted(2, index, index, index + 1, index + 1, frozenset({1})))
    bench.tell(ev.Doubted(2, 19, 19, 20, 20, frozenset({7})))

    lent = list(bench.of(ev.Lend))
    for _ in range(3):
        bench.tell(ev.TimePassed())
        lent += bench.of(ev.Lend)

    assert [(lend.worker, lend.payload) for lend in lent] == [(1, 19)]


def test_a_map_is_over_when_all_is_settled() -> None:
    """It is told that all is answered; copies that nobody needs any more are given up."""
    bench = Bench("home", "away")
    bench.tell(ev.InputEnded(1))
    assert bench.of(ev.AllAnswered) == [ev.AllAnswered(1)]
    assert bench.doubt(0, 1) == [2]

    bench.tell(ev.Settled(1, 0, 1))
    assert bench.of(ev.Finish) == []
    bench.tell(ev.Settled(1, 0, 1))

    assert bench.of(ev.Finish) == [ev.Finish(1)]
    assert [cancel.worker for cancel in bench.of(ev.Cancel)] == [2]
    assert bench.of(ev.Release) == [ev.Release(1, "payload")]


def test_a_copy_is_lent_again_when_its_worker_leaves() -> None:
    """As any chunk, and still not to the one that answered it."""
    bench = Bench("home", "away", "elsewhere")
    (first,) = bench.doubt(0, 2)

    bench.tell(ev.WorkerLeft(first))

    assert [lend.worker for lend in bench.of(ev.Lend)] == [5 - first]


def test_known_items_are_lent_like_any_others_and_counted_nowhere() -> None:
    """Not to those that are spared; the map's end does not wait for them."""
    bench = Bench("home", "away", "elsewhere")
    before = [bench.scheduler.tally_of(3).items, *bench.scheduler.ledger_of(1).shares]

    bench.tell(ev.KnownArrived(1, -2, 2, "known", frozenset({1, 2})))
    (lend,) = bench.of(ev.Lend)
    assert (lend.worker, lend.skip, lend.stop, lend.payload) == (3, 0, 2, "known")
    assert bench.scheduler.items_of(lend.lease, 3) is None, "nobody is shown what they print"

    bench.tell(ev.ResultArrived(3, lend.lease, 0, ["x", "y"], True, slowest=[(0, 9.0)]))
    assert bench.of(ev.Answered) == [ev.Answered(1, 3, 1, -2, "known", -2, ["x", "y"])]
    assert bench.of(ev.Release) == [ev.Release(1, "known")]
    ledger = bench.scheduler.ledger_of(1)
    assert [bench.scheduler.tally_of(3).items, *ledger.shares] == before
    assert len(ledger.slowest()) == 0

    bench.tell(ev.KnownArrived(1, -4, 2, "known", frozenset()))
    bench.tell(ev.InputEnded(1))
    assert bench.of(ev.AllAnswered) == [ev.AllAnswered(1)]
    bench.tell(ev.Settled(1, 0, 2))
    assert bench.of(ev.Finish) == [ev.Finish(1)]
    assert len(bench.of(ev.Cancel)) == 1


def test_a_map_is_verified_from_now_on() -> None:
    """What was delivered before stands; what comes is judged, and no exception ends the map."""
    scheduler = Scheduler()
    commands = [
        *scheduler.handle(ev.WorkerJoined(1, 2), 1.0),
        *scheduler.handle(ev.MapStarted(1, 4, 2, 100.0), 1.0),
        *scheduler.handle(ev.ChunkArrived(1, 0, 2, "early"), 1.0),
        *scheduler.handle(ev.ChunkArrived(1, 2, 2, "late"), 1.0),
        *scheduler.handle(ev.InputEnded(1), 1.0),
    ]
    first, second = [each.lease for each in commands if isinstance(each, ev.Lend)]
    delivered = scheduler.handle(ev.ResultArrived(1, first, 0, ["a"], False), 1.0)
    assert delivered == [ev.Deliver(1, 0, ["a"])]

    scheduler.handle(ev.MapVerified(1), 1.0)
    failure = {1: ev.Failure(ValueError("invented"))}
    judged = scheduler.handle(ev.ResultArrived(1, first, 1, ["b"], True), 1.0)
    judged += scheduler.handle(ev.ResultArrived(1, second, 0, ["c", None], True, failure), 1.0)
    scheduler.check_invariants()

    answers = [each for each in judged if isinstance(each, ev.Answered)]
    assert [(each.parcel, each.start, list(each.values)) for each in answers] == [
        (0, 1, ["b"]),
        (2, 2, ["c", None]),
    ]
    assert not any(isinstance(each, ev.Fail | ev.Finish) for each in judged)
    ends = scheduler.handle(ev.Settled(1, 0, 1), 1.0) + scheduler.handle(ev.Settled(1, 2, 2), 1.0)
    assert [each for each in ends if isinstance(each, ev.Finish)] == [ev.Finish(1)]
