"""Chunk sizes: from one item up, at most doubling, shrinking at once, even at the end."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nitocris.chunking import MAX_ITEMS, TARGET_SECONDS, Durations, Pace, next_count


def pace(items: int, seconds: float) -> Pace:
    learnt = Pace()
    learnt.learn(items, seconds)
    return learnt


@pytest.mark.parametrize("unknown", [None, Pace()])
def test_an_unknown_worker_starts_with_one_item(unknown: Pace | None) -> None:
    """A slow device is not handed an hour's work."""
    assert next_count(unknown, None, 1) == 1


def test_fast_items_double_the_chunk() -> None:
    """One lucky answer does not make a huge chunk."""
    assert next_count(pace(8, 0.000001), None, 1) == 16


def test_slow_items_shrink_the_chunk_at_once() -> None:
    """A worker that became slow gets what takes it the aimed time."""
    assert next_count(pace(100, 100 * TARGET_SECONDS / 4), None, 1) == 4


def test_a_chunk_has_at_least_one_item() -> None:
    """Also where one item takes longer than the aim, or nothing remains."""
    assert next_count(pace(1, 60), 0, 4) == 1


def test_the_end_is_shared_evenly() -> None:
    """No chunk is larger than half an even share of what remains."""
    assert next_count(pace(1000, 0.001), 400, 4) == 50


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
