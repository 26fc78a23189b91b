"""Which known items are lent, and how."""

from __future__ import annotations

import random

import pytest

from nitocris.errors import ConfigurationError
from nitocris.spot_checks import SpotChecks
from nitocris.verify import Verify

PAIRS = [(number, number**2) for number in range(3)]


def spots(spot: float, known: list[tuple[object, object]]) -> SpotChecks:
    return SpotChecks(Verify(spot=spot, known=known), random.Random(1))


def test_as_many_as_the_chunk_beside_them() -> None:
    """None twice before all have come; each with its result."""
    items, results = spots(1.0, [*PAIRS]).choose([(9,)] * 7)

    assert len(items) == 7
    assert sorted(items[:3]) == sorted(items[3:6]) == [(0,), (1,), (2,)]
    assert results == [number**2 for (number,) in items]


def test_beside_the_share_of_chunks_that_the_owner_wants() -> None:
    """Here a tenth."""
    some = spots(0.1, [*PAIRS])

    assert sum(bool(some.choose([(9,)])[0]) for _ in range(2000)) == pytest.approx(200, rel=0.2)
    assert some.choose([]) == ([], [])


def test_several_arguments_are_a_tuple() -> None:
    """Where the function takes one, a tuple is that one."""
    assert spots(1.0, [((2, 3), 8)]).choose([(1, 1)]) == ([(2, 3)], [8])
    assert spots(1.0, [((2, 3), 8)]).choose([(1,)]) == ([((2, 3),)], [8])
    with pytest.raises(ConfigurationError, match=r"takes 2 arguments, .* not 5"):
        spots(1.0, [(5, 8)]).choose([(1, 1)])
