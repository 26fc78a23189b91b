"""Short batches travel together, long ones and unknown ones at once and alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from nitocris.gathering import READY, Gathering
from tests.support import clock


class Remotes:
    """Calls on their way, which a test ends when it likes."""

    def __init__(self) -> None:
        self.open: list[tuple[Callable[..., Any], list[Any], Future[list[Any]]]] = []
        self.sizes: list[int] = []
        self.capacity = 2
        self.gathering = Gathering(self.send, lambda: self.capacity, clock.now)

    def send(self, function: Callable[..., Any], calls: list[Any]) -> Future[list[Any]]:
        future: Future[list[Any]] = Future()
        self.open.append((function, calls, future))
        self.sizes.append(len(calls))
        return future

    def submit(self, *calls: Any, whose: object = None) -> Future[list[Any]]:
        return self.gathering.submit(abs, list(calls), whose)

    def end_oldest(self, seconds: float = 0.0) -> None:
        clock.advance(seconds)
        function, calls, future = self.open.pop(0)
        future.set_result([function(each) for each in calls])


@pytest.fixture
def remotes() -> Remotes:
    return Remotes()


def known_as(seconds: float, remotes: Remotes) -> None:
    """Has one task be computed in so many seconds."""
    remotes.submit(-1)
    remotes.end_oldest(seconds)
    remotes.sizes.clear()


def test_nothing_waits_as_long_as_nothing_is_known(remotes: Remotes) -> None:
    for number in range(20):
        remotes.submit(number)

    assert remotes.sizes == [1] * 20


def test_long_tasks_do_not_wait(remotes: Remotes) -> None:
    """A device that comes later finds them."""
    known_as(1.0, remotes)
    for number in range(20):
        remotes.submit(number)

    assert remotes.sizes == [1] * 20


def test_short_tasks_wait_for_a_place_and_travel_together(remotes: Remotes) -> None:
    known_as(0.0001, remotes)
    futures = [remotes.submit(-number, -number) for number in range(20)]
    assert remotes.sizes == [2] * READY * remotes.capacity

    remotes.end_oldest(0.0002)
    assert remotes.sizes[4:] == [32]
    while remotes.open:
        remotes.end_oldest(0.0002)

    assert [each.result() for each in futures] == [[number, number] for number in range(20)]


def test_more_devices_have_more_of_them(remotes: Remotes) -> None:
    known_as(0.0001, remotes)
    for number in range(20):
        remotes.submit(number)
    remotes.capacity = 4
    remotes.end_oldest(0.0001)

    assert len(remotes.open) == READY * 4
    assert sum(remotes.sizes) == 20


def test_they_do_not_travel_with_another_function_or_for_others(remotes: Remotes) -> None:
    known_as(0.0001, remotes)
    for number in range(4):
        remotes.submit(number)
    remotes.submit(-4)
    mine = [remotes.submit(each, whose="me") for each in (-5, -6)]
    other = remotes.gathering.submit(str, [7], "me")
    while remotes.open:
        remotes.end_oldest(0.0001)

    assert remotes.sizes == [1] * 4 + [1, 2, 1]
    assert [each.result() for each in (*mine, other)] == [[5], [6], ["7"]]


def test_who_submits_when_something_is_done_is_gathered_as_well(remotes: Remotes) -> None:
    """As joblib does, which hands over a task for each that is done."""
    known_as(0.0001, remotes)
    futures = [remotes.submit(number) for number in range(12)]
    for future in futures:
        future.add_done_callback(lambda _: remotes.submit(-1))
    for _ in range(4):
        remotes.end_oldest(0.0001)

    assert remotes.sizes[:4] == [1] * 4
    assert remotes.sizes[4:] == [9, 1, 1, 1]  # eight that waited, and a new one each
    remotes.end_oldest(0.0001)
    assert remotes.sizes[8:] == [8]


def test_an_error_is_one_of_all_that_travelled_together(remotes: Remotes) -> None:
    known_as(0.0001, remotes)
    futures = [remotes.submit(number) for number in range(6)]
    remotes.end_oldest(0.0001)
    *_, (_, _, together) = remotes.open
    together.set_exception(ValueError("no"))

    assert [type(each.exception()) for each in futures[4:]] == [ValueError] * 2


def test_a_call_that_cannot_be_sent() -> None:
    """The future says so, because whoever submits may be another thread than who waits."""

    def refuse(*_: object) -> Future[list[Any]]:
        raise OSError("closed")

    future = Gathering(refuse, lambda: 1).submit(abs, [1], None)

    with pytest.raises(OSError, match="closed"):
        future.result(0)


def test_those_of_one_are_cancelled_and_others_not(remotes: Remotes) -> None:
    known_as(0.0001, remotes)
    mine = [remotes.submit(number, whose="me") for number in range(6)]
    others = [remotes.submit(-number, whose="others") for number in range(6)]
    remotes.gathering.cancel(lambda whose: whose == "me")
    for each in mine:
        with pytest.raises(CancelledError):
            each.result(0)
    remotes.open = [each for each in remotes.open if not each[2].cancelled()]
    while remotes.open:
        remotes.end_oldest(0.0001)

    assert [each.result() for each in others] == [[number] for number in range(6)]
