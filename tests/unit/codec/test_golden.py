"""The format is a promise: a table of values and their bytes, used both ways."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from nitocris.codec import decode, encode

from .sameness import assert_same
from .samples import REGISTRY, Bits, Colour, Pair, Point

_MODULE = b"tests.unit.codec.samples.".hex()

GOLDEN: list[tuple[Any, str]] = [
    (None, "00"),
    (False, "01"),
    (True, "02"),
    (0, "80"),
    (127, "ff"),
    (128, "03 8002"),
    (-1, "03 01"),
    (2**63 - 1, "03 feffffffffffffffff01"),
    (-(2**63), "03 ffffffffffffffffff01"),
    (2**63, "04 09 000000000000008000"),
    (-(2**63) - 1, "04 09 ffffffffffffff7fff"),
    (1.0, "05 000000000000f03f"),
    (-0.0, "05 0000000000000080"),
    (math.inf, "05 000000000000f07f"),
    (1 - 2j, "06 000000000000f03f 00000000000000c0"),
    ("é", "07 02 c3a9"),
    ("\ud800", "07 03 eda080"),
    (b"\x00\xff", "08 02 00ff"),
    (bytearray(b"a"), "09 01 61"),
    (range(1, 128, 2), "0a 81 038002 82"),
    (Decimal("1.50"), "0b 04 312e3530"),
    (Fraction(-1, 3), "0c 0301 83"),
    (UUID(int=1), "0d 00000000000000000000000000000001"),
    (datetime(2024, 2, 29, 1, 2, 3, 4), "10 e807 02 1d 01 02 03 04000000 00 00"),
    (datetime(1, 1, 1, tzinfo=UTC, fold=1), "10 0100 01 01 00 00 00 00000000 01 14 13"
     "00000000 00000000 00000000 00"),
    (date(2024, 2, 29), "11 e807 02 1d"),
    (time(1, 2, 3, 4), "12 01 02 03 04000000 00 00"),
    (timedelta(-1, 2, 3), "13 ffffffff 02000000 03000000"),
    ([], "20 00 00"),
    ([1, [None]], "20 00 02 81 20 00 01 00"),
    ([0.5] * 8, "20 01 08" + 8 * "000000000000e03f"),
    ([-1] * 8, "20 02 08" + 8 * "ff"),
    ([-129] * 8, "20 03 08" + 8 * "7fff"),
    ([2**15] * 8, "20 04 08" + 8 * "00800000"),
    ([2**31] * 8, "20 05 08" + 8 * "0000008000000000"),
    ([True, False] * 4, "20 06 08" + 4 * "0100"),
    (["a", ""] * 4, "20 07 08 0b 6100 0061 0000 6100 0061 00"),
    ([(1, None)] * 8, "20 08 08 02" + "02 08" + 8 * "01" + "00 08" + 8 * "00"),
    ([{"k": 1}] * 8, "20 09 08 01 01 6b" + "02 08" + 8 * "01"),
    ((1, 2), "21 00 02 81 82"),
    ({"a": 1}, "22 00 01 07 01 61 00 01 81"),
    ({1}, "23 00 01 81"),
    (frozenset({1}), "24 00 01 81"),
    (OrderedDict(a=1), "25 00 01 07 01 61 00 01 81"),
    (Counter("a"), "26 00 01 07 01 61 00 01 81"),
    (defaultdict(list), "27 07 00 00 00 00"),
    (deque([1], 2), "28 82 00 01 81"),
    (Point(1, 2), f"30 00 1e{_MODULE}506f696e74 02 01 78 01 79 81 82"),
    (Pair(1, 2), f"31 00 1d{_MODULE}50616972 02 04 6c656674 05 7269676874 81 82"),
    (Colour.RED, f"32 00 1f{_MODULE}436f6c6f7572 00 07 03 524544"),
    (Bits.ONE | Bits.TWO, f"33 00 1d{_MODULE}42697473 00 83"),
    (np.array([1, 2], "<i2"), "40 00 03 3c6932 00 01 02 000000000000 0100 0200"),
    (np.array([None], object), "41 00 01 01 00 01 00"),
    (np.float64(1), "42 00 03 3c6638 000000000000f03f"),
    (pd.NaT, "5c"),
    (pd.NA, "5d"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), GOLDEN, ids=[repr(value) for value, _ in GOLDEN])
def test_the_format(value: Any, text: str) -> None:
    """A value has these bytes, and these bytes are that value; a change needs a new version."""
    data = bytes.fromhex("01" + text)

    assert encode(value, REGISTRY) == data
    assert_same(value, decode(data, REGISTRY))


def test_a_class_is_described_once() -> None:
    """The second instance of a class refers to the first one's name and fields."""
    one, two = encode([Point(1, 2)], REGISTRY), encode([Point(1, 2), Point(3, 4)], REGISTRY)

    assert two == one.replace(b"\x20\x00\x01", b"\x20\x00\x02") + bytes.fromhex("30 00 83 84")
