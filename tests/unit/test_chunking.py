"""Chunk sizes: from one item up, at most doubling, shrinking at once, even at the end."""

from __future__ import annotations

import pytest

from nitocris.chunking import MAX_ITEMS, TARGET_SECONDS, Pace, next_count


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
