"""What becomes of results and failures on their way to the owner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nitocris import events as ev
from nitocris.call import Call, Limits
from nitocris.deliveries import Deliveries, explained
from nitocris.display import Display
from nitocris.errors import ClosedError, ItemTimeoutError, RemoteError, WorkerLostError


def call(errors: Literal["raise", "return", "skip"] = "raise") -> Call:
    return Call(
        function=abs,
        items=iter(()),
        total=None,
        limits=Limits(),
        errors=errors,
        classes=(),
        examine=False,
        display=Display(),
    )


def failed(error: Exception) -> ev.Failed:
    return ev.Failed(error, "browser worker 2", 1)


@given(st.lists(st.integers(1, 4), max_size=20), st.randoms(use_true_random=False))
def test_whatever_comes_first_the_order_is_that_of_the_items(lengths: list[int], rng: Any) -> None:
    """And nothing is ready before what it follows."""
    starts = [sum(lengths[:place]) for place in range(len(lengths))]
    notes = [
        ev.Deliver(1, start, range(start, start + length))
        for start, length in zip(starts, lengths, strict=True)
    ]
    rng.shuffle(notes)
    deliveries = Deliveries(call())
    come: set[int] = set()

    for note in notes:
        deliveries.add(note)
        come.update(note.values)  # type: ignore[arg-type]
        complete = next(x for x in range(sum(lengths) + 1) if x not in come)
        assert list(deliveries.ready) == list(range(complete))


@pytest.mark.parametrize(
    ("errors", "ready", "left_out"), [("return", 6, 0), ("skip", 4, 2), ("raise", 1, 0)]
)
def test_what_is_handed_over_is_counted_by_items(errors: Any, ready: int, left_out: int) -> None:
    """A result that waits is not; an item that was left out is."""
    deliveries = Deliveries(call(errors))

    deliveries.add(ev.Deliver(1, 3, [3, None, 5], {4: failed(RemoteError("no 4"))}))
    assert (len(deliveries.ready), deliveries.handed_over) == (0, 0)
    deliveries.add(ev.Deliver(1, 0, [0, None, 2], {1: failed(RemoteError("no 1"))}))
    assert len(deliveries.ready) == ready
    if errors != "raise":
        assert deliveries.handed_over == left_out
        deliveries.ready.popleft()
        assert deliveries.handed_over == left_out + 1


def test_nothing_follows_an_error_that_is_raised() -> None:
    """What comes later does not even wait."""
    deliveries = Deliveries(call())

    deliveries.add(ev.Deliver(1, 0, [0, None, 2], {1: failed(RemoteError("no 1"))}))
    deliveries.add(ev.Deliver(1, 3, [3]))

    assert list(deliveries.ready) == [0]
    assert str(deliveries.error) == "no 1"


def test_unordered_results_are_ready_as_they_come() -> None:
    """Whatever they follow."""
    deliveries = Deliveries(call(), ordered=False)

    deliveries.add(ev.Deliver(1, 3, [3, 4]))
    deliveries.add(ev.Deliver(1, 0, [0]))

    assert list(deliveries.ready) == [3, 4, 0]


@pytest.mark.parametrize("kind", [RemoteError, ItemTimeoutError, WorkerLostError])
def test_errors_know_where_they_come_from(kind: type[Any]) -> None:
    """Item, worker and attempts are attributes."""
    error: Any = explained(call(), ev.Failed(kind("text"), "browser worker 2", 3), 7)

    assert (error.index, error.worker, error.attempts) == (7, "browser worker 2", 3)


def test_errors_say_where_they_come_from() -> None:
    """In a note, which is printed with the traceback."""
    patient = replace(call(), limits=Limits(retries=2))

    in_map = explained(patient, ev.Failed(RemoteError("x"), "browser worker 2", 1), 3)
    alone = explained(call(), ev.Failed(ItemTimeoutError("x"), "", 1))
    closed = explained(call(), ev.Failed(ClosedError("x"), "", 0), 0)

    note = "raised by item 3 of the map on browser worker 2, attempt 1 of 3"
    assert in_map.__notes__ == [note]
    assert alone.__notes__ == ["raised on a worker, attempt 1 of 1"]
    assert not hasattr(closed, "__notes__")


def test_a_lost_item_is_named_as_its_owner_knows_it() -> None:
    """By its index in a map; a future's item has none that anybody knows."""
    in_map = explained(call(), failed(WorkerLostError("took down 3 workers")), 3)
    of_future = explained(call(), failed(WorkerLostError("took down 3 workers")))

    assert str(in_map) == "item 3 took down 3 workers"
    assert str(of_future) == "the call took down 3 workers"
