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
