"""Whether results are right: the paper's error rate, in the three ways to be wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

TOLERANCE = 1e-9
"""Relative; other processors add up a product in another order."""


@dataclass(frozen=True, slots=True)
class Errors:
    """How many results were not what they should be, of how many."""

    results: int = 0
    wrong: int = 0
    lost: int = 0
    doubled: int = 0

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.results + other.results,
            self.wrong + other.wrong,
            self.lost + other.lost,
            self.doubled + other.doubled,
        )

    @property
    def count(self) -> int:
        """All of them together."""
        return self.wrong + self.lost + self.doubled


def check(found: Sequence[Any], expected: Sequence[Any]) -> Errors:
    """Compares results with the right ones, of which no two are alike.

    A value that is no item's is wrong, and one that is another's doubles it.  An item whose result
    is nowhere is lost, unless a wrong one is there for it.  Where all are there, each that stands
    in another's place is wrong.
    """
    owners = [_owner(value, place, expected) for place, value in enumerate(found)]
    times = Counter(owner for owner in owners if owner is not None)
    wrong = owners.count(None)
    lost = max(0, len(expected) - len(times) - wrong)
    doubled = times.total() - len(times)
    if not (wrong or lost or doubled):
        wrong = sum(owner != place for place, owner in enumerate(owners))
    return Errors(len(expected), wrong, lost, doubled)


def _owner(value: Any, place: int, expected: Sequence[Any]) -> int | None:
    """Returns the index of the item that has this result; that of its place first."""
    if place < len(expected) and same(value, expected[place]):
        return place
    return next((index for index, right in enumerate(expected) if same(value, right)), None)


def same(value: Any, right: Any) -> bool:
    """Whether these are the same result, of the same kind."""
    if not isinstance(right, float | np.ndarray):
        return type(value) is type(right) and bool(value == right)
    return np.shape(value) == np.shape(right) and bool(
        np.allclose(value, right, rtol=TOLERANCE, atol=0)
    )
