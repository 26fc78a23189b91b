"""Chunk sizes: from one item up, growing step by step, shrinking at once, even at the end."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nitocris.chunking import (
    LENDING_SECONDS,
    MAX_ITEMS,
    SHORT_SECONDS,
    SOON_SECONDS,
    TARGET_SECONDS,
    Durations,
    Pace,
    next_count,
)


def pace(items: int, seconds: float) -> Pace:
    learnt = Pace()
    learnt.learn(items, seconds)
    return learnt


@pytest.mark.parametrize("unknown", [None, Pace()])
def test_an_unknown_worker_starts_with_one_item(unknown: Pace | None) -> None:
    """A slow device is not handed an hour's work."""
    assert next_count(unknown, None, 1) == 1


@pytest.mark.parametrize(("seconds", "growth"), [(SHORT_SECONDS / 2, 8), (SHORT_SECONDS, 2)])
def test_short_chunks_grow_faster(seconds: float, growth: int) -> None:
    """Still step by step: one lucky answer does not make a huge chunk."""
    assert next_count(pace(8, seconds), None, 1) == growth * 8


def test_slow_items_shrink_the_chunk_at_once() -> None:
    """A worker that became slow gets what takes it the aimed time."""
    assert next_count(pace(100, 100 * TARGET_SECONDS / 4), None, 1) == 4


def test_a_chunk_has_at_least_one_item() -> None:
    """Also where one item takes longer than the aim, or nothing remains."""
    assert next_count(pace(1, 60), 0, 4) == 1


def test_the_end_is_shared_evenly() -> None:
    """No chunk is larger than half an even share of what remains."""
    assert next_count(pace(100, 0.1), 400, 4) == 50


def test_what_is_short_is_not_cut_up() -> None:
    """An even share, as far as a person does not notice how long it takes."""
    assert next_count(pace(100, SHORT_SECONDS), 400, 4) == 100
    assert next_count(pace(100, SHORT_SECONDS * 100 / 65), 400, 4) == 65


def test_what_costs_more_to_lend_than_to_compute_is_one_chunk() -> None:
    """However many others would like some."""
    assert next_count(pace(100, 100 * LENDING_SECONDS / 40), 40, 4) == 40


def test_a_remembered_worker_starts_with_a_short_chunk() -> None:
    """And with a part of what there is: the items may be others than those it is known for."""
    remembered = Pace(seconds_per_item=SHORT_SECONDS / 50)

    assert next_count(remembered, 1_000_000, 4) == 50
    assert next_count(remembered, 320, 4) == 20
    assert next_count(remembered, None, 4) == 1


def test_what_is_remembered_gives_way_to_what_is_measured() -> None:
    """Slower at once, as always."""
    learnt = Pace(seconds_per_item=0.001)
    learnt.learn(10, 10.0)

    assert learnt.seconds_per_item == 1.0


def test_chunks_stay_bounded() -> None:
    """However fast the items are."""
    assert next_count(pace(MAX_ITEMS, 0.0), None, 1) == MAX_ITEMS


def test_slower_is_believed_at_once_and_faster_by_and_by() -> None:
    """One slow answer shrinks the next chunk, one lucky answer does not make a huge one."""
    learnt = pace(10, 10.0)
    learnt.learn(10, 100.0)
    slower = learnt.seconds_per_item
    learnt.learn(10, 10.0)

    assert slower == 10.0
    assert 1.0 < learnt.seconds_per_item < 10.0


def test_what_the_function_took_to_arrive_is_forgotten() -> None:
    """It is in the first answer only, and chunks are not small for long because of it."""
    learnt = Pace()
    learnt.learn(1, SOON_SECONDS / 2)
    learnt.learn(1, 0.001)

    assert learnt.seconds_per_item == 0.001
    assert next_count(learnt, None, 1) == 8


def test_the_mean_tells_who_is_faster() -> None:
    """Over all items so far; a worker that answered nothing is the slowest."""
    learnt = pace(1, 3.0)
    learnt.learn(3, 1.0)

    assert learnt.mean == 1.0
    assert Pace().mean == math.inf


@given(st.lists(st.floats(1e-5, 1e5), min_size=1, max_size=200))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_three_quarters_is_the_third_quartile(values: list[float]) -> None:
    """Up to the width of a bucket, 19 %, whatever the order of the values."""
    durations = Durations()
    for value in values:
        durations.add(value)

    exact = sorted(values)[math.ceil(0.75 * len(values)) - 1]
    found = durations.three_quarters

    assert found is not None
    assert exact * 0.999 <= found <= exact * 1.19


def test_nothing_is_known_before_the_first_duration() -> None:
    """And absurd ones do no harm."""
    durations = Durations()
    before = durations.three_quarters
    for value in (0.0, 1e300, 1.0, 1.0, 1.0):
        durations.add(value)

    assert before is None
    assert durations.three_quarters == pytest.approx(1.0, rel=0.2)
