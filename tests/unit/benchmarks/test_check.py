"""The error rate: what is wrong, lost or doubled is found and counted once."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.check import Errors, check

RIGHT = [0, 1, 4, 9]


@pytest.mark.parametrize(
    ("found", "wrong", "lost", "doubled"),
    [
        ([0, 1, 4, 9], 0, 0, 0),
        ([0, 1, 5, 9], 1, 0, 0),
        ([0, 1, None, 9], 1, 0, 0),
        ([0, 1, 4.0, 9], 1, 0, 0),
        ([0, 1, 9], 0, 1, 0),
        ([], 0, 4, 0),
        ([0, 1, 1, 4, 9], 0, 0, 1),
        ([0, 1, 1, 9], 0, 1, 1),
        ([1, 0, 4, 9], 2, 0, 0),
        ([0, 1, 4, 9, 16], 1, 0, 0),
        ([7, 9], 1, 2, 0),
    ],
)
def test_every_kind_of_error_is_counted(
    found: list[object], wrong: int, lost: int, doubled: int
) -> None:
    assert check(found, RIGHT) == Errors(4, wrong, lost, doubled)


def test_arrays_may_differ_in_rounding_only() -> None:
    right = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]

    assert check([right[0] * (1 + 1e-12), right[1]], right).count == 0
    assert check([right[0] * (1 + 1e-6), right[1]], right) == Errors(2, wrong=1)
    assert check([right[0][:1], right[1]], right) == Errors(2, wrong=1)


def test_errors_add_up() -> None:
    together = Errors(10, wrong=1) + Errors(20, lost=2, doubled=3)

    assert together == Errors(30, 1, 2, 3)
    assert together.count == 6
