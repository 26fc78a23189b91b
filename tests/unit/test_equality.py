"""Which results are the same."""

from __future__ import annotations

import math
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nitocris import events as ev
from nitocris.equality import Tolerance, same, same_failure
from nitocris.errors import RemoteError

NEAR = Tolerance(rtol=1e-9)
NAN = math.nan
Point = namedtuple("Point", "x y")


@dataclass
class Reading:
    value: float
    more: list[float]


def nearly(value: float) -> float:
    return value * (1 + 1e-12)


@pytest.mark.parametrize(
    "value",
    [
        1,
        "text",
        None,
        1.5,
        NAN,
        complex(NAN, 1),
        math.inf,
        [1, (2.5, {"a": NAN})],
        {"a": 1.0, "b": [NAN]},
        {1, 2},
        Point(1.0, NAN),
        Reading(NAN, [1.0]),
        np.float32(1.5),
        np.float64(NAN),
        np.array([1.0, NAN, math.inf]),
        np.array([1 + 2j, complex(NAN, 0)]),
        np.array(["a", "b"]),
        np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
        np.array([(1, NAN)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array([1.0, None, [NAN]], dtype=object),
        np.array([]),
        pd.DataFrame({"a": [1.0, NAN], "b": ["x", None]}),
        pd.Series([1, 2], index=["p", "q"]),
        pd.Index([1, 2]),
        pd.Timestamp("2020-01-01"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("tolerance", [Tolerance(), NEAR])
def test_a_value_is_the_same_as_its_twin(value: Any, tolerance: Tolerance) -> None:
    """NaN is the same as NaN, wherever it stands."""
    import copy

    assert same(value, copy.deepcopy(value), tolerance)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (1.0, 1.0000000000000002),
        (1.0, NAN),
        ([1, 2], (1, 2)),
        ([1], [1, 2]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 2}),
        (Reading(1.0, [1.0]), Reading(1.0, [2.0])),
        (np.float32(1), np.float64(1)),
        (np.array([1.0]), np.array([1.0], dtype="f4")),
        (np.array([1.0]), np.array([[1.0]])),
        (np.array([1.0, NAN]), np.array([1.0, 2.0])),
        (pd.Series([1.0]), pd.Series([1.0], index=[5])),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]})),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [2.0]})),
    ],
    ids=repr,
)
def test_what_differs_is_not_the_same(one: Any, other: Any) -> None:
    """Types, shapes, labels, keys and the last bit count."""
    assert not same(one, other)
    assert not same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, nearly(1.0)),
        ([{"a": 2.0}], [{"a": nearly(2.0)}]),
        (complex(1, 2), complex(1, nearly(2))),
        (Reading(1.0, [3.0]), Reading(1.0, [nearly(3.0)])),
        (np.array([1.0, NAN]), np.array([nearly(1.0), NAN])),
        (np.array([2j]), np.array([nearly(2) * 1j])),
        (pd.DataFrame({"a": [1.0, NAN]}), pd.DataFrame({"a": [nearly(1.0), NAN]})),
    ],
    ids=repr,
)
def test_runtimes_may_differ_in_the_last_bits(one: Any, other: Any) -> None:
    """The same numbers are different in one runtime, and the same across two."""
    assert same(one, other, NEAR)
    assert not same(one, other)


def test_infinity_is_near_nothing_else() -> None:
    """A tolerance relative to it would take every number."""
    assert not same(np.array([math.inf]), np.array([1.0]), NEAR)
    assert not same(np.array([math.inf]), np.array([-math.inf]), NEAR)


def test_failures_are_the_same_by_their_type() -> None:
    """Their texts have addresses and times in them."""

    def failed(name: str, text: str) -> ev.Failed:
        error = RemoteError(text)
        error.type_name = name
        return ev.Failed(error, "", 1)

    assert same_failure(failed("ValueError", "at 0x1"), failed("ValueError", "at 0x2"))
    assert not same_failure(failed("ValueError", ""), failed("KeyError", ""))
