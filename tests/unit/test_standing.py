"""How far all maps are, and how fast, in made-up time."""

from __future__ import annotations

import pytest

from nitocris.protocol import Progress
from nitocris.standing import Standing
from nitocris.throughput import WINDOW_SECONDS, Throughput


def test_the_rate_is_the_mean_since_the_maps_began() -> None:
    """Waiting for the first volunteer counts as well."""
    throughput = Throughput(100.0)
    throughput.add(10, 105.0)
    throughput.add(10, 110.0)

    assert throughput.rate(110.0) == 2.0


def test_the_rate_forgets_what_is_longer_ago_than_a_minute() -> None:
    """A device that left an hour ago says nothing about the next one."""
    throughput = Throughput(0.0)
    throughput.add(6000, 10.0)
    for second in range(1000, 1060):
        throughput.add(3, second + 0.5)

    assert throughput.rate(1060.0) == 3.0
    assert throughput.rate(1060.0 + WINDOW_SECONDS / 2) == pytest.approx(1.5, rel=0.05)
    assert throughput.rate(1062.0 + WINDOW_SECONDS) == 0.0


def test_a_burst_at_the_beginning_is_no_endless_rate() -> None:
    """Nothing is divided by a millisecond."""
    throughput = Throughput(5.0)
    throughput.add(7, 5.001)

    assert throughput.rate(5.001) == 7.0


def test_the_rate_needs_no_more_memory_for_more_items() -> None:
    """A second is one number, however many results come in it."""
    throughput = Throughput(0.0)
    for tick in range(100_000):
        throughput.add(1, tick / 100)

    assert len(throughput._seconds) <= WINDOW_SECONDS + 1
    assert throughput.rate(1000.0) == pytest.approx(100, rel=0.02)


def test_several_maps_are_told_as_one() -> None:
    """What is left of all of them takes as long as the rate of all workers says."""
    standing = Standing()
    standing.started(1, 100, 0.0)
    standing.started(2, 50, 5.0)
    standing.delivered(1, 20, 0, 8.0)
    standing.delivered(2, 10, 0, 10.0)

    assert standing.progress(3, 10.0) == Progress(3, 30, 3.0, 150, 40.0)


def test_an_unknown_total_is_left_out() -> None:
    """One map that reads from a generator is enough; then nobody knows how long it takes."""
    standing = Standing()
    standing.started(1, 100, 0.0)
    standing.started(2, None, 0.0)
    standing.delivered(1, 20, 0, 10.0)

    assert standing.progress(1, 10.0) == Progress(1, 20, 2.0)


def test_a_total_is_known_when_the_items_are_all_there() -> None:
    """A generator has come to its end."""
    standing = Standing()
    standing.started(1, None, 0.0)
    standing.supplied(1, 30)
    standing.supplied(1, 10)
    standing.ended(1)

    assert standing.progress(0, 1.0).total == 40


def test_a_total_that_was_a_wrong_guess_grows() -> None:
    """Some iterables say less than they have; never more is done than there is."""
    standing = Standing()
    standing.started(1, 5, 0.0)
    standing.supplied(1, 8)
    standing.delivered(1, 8, 0, 1.0)

    assert standing.progress(1, 1.0) == Progress(1, 8, 8.0, 8, 0.0)


def test_nothing_is_done_of_nothing_when_no_map_runs() -> None:
    """Neither before the first one nor after the last one; the next begins anew."""
    standing = Standing()
    before = standing.progress(2, 0.0)
    standing.started(1, 10, 0.0)
    standing.delivered(1, 10, 0, 10.0)
    standing.over(1)
    after = standing.progress(2, 10.0)
    standing.started(2, 10, 20.0)

    assert before == after == Progress(2, 0, 0.0, 0)
    assert not standing._throughput or standing._throughput.rate(21.0) == 0.0
    assert standing.progress(2, 21.0) == Progress(2, 0, 0.0, 10)


def test_what_is_sent_has_three_figures() -> None:
    """Numbers that only jitter would be news every second."""
    standing = Standing()
    standing.started(1, 1000, 0.0)
    standing.delivered(1, 7, 0, 3.0)

    assert standing.progress(1, 3.0) == Progress(1, 7, 2.33, 1000, 426.0)


def test_items_of_earlier_runs_are_done_but_no_sign_of_speed() -> None:
    """Else a map that goes on would seem to be over in a moment."""
    standing = Standing()
    standing.started(1, 1000, 0.0)
    standing.reused(1, 900)
    standing.delivered(1, 10, 0, 10.0)

    assert standing.progress(1, 10.0) == Progress(1, 910, 1.0, 1000, 90.0)
