"""One value of every kind that the codec carries, for round trips, hostile edits and the fuzzer."""

from __future__ import annotations

import math
import struct
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag, auto
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from nitocris.codec import Registry


@dataclass
class Fit:
    slope: float
    residuals: Any
    label: str = ""


@dataclass(frozen=True)
class Point:
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Slotted:
    name: str
    parts: list[Any] = field(default_factory=list)


@dataclass
class Weighted(Fit):
    weight: int = 1


class Colour(Enum):
    RED = "red"
    GREEN = 2
    ROT = "red"  # noqa: PIE796 - an alias, on purpose


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Permission(Flag):
    READ = auto()
    WRITE = auto()
    RUN = auto()
    BOTH = READ | WRITE


class Bits(IntFlag):
    ONE = 1
    TWO = 2


class Pair(NamedTuple):
    left: Any
    right: Any = None


Triple = namedtuple("Triple", "a b c")

CLASSES: tuple[type, ...] = (
    Fit, Point, Slotted, Weighted, Colour, Level, Permission, Bits, Pair, Triple,
)  # fmt: skip
REGISTRY = Registry(CLASSES)

PARIS = ZoneInfo("Europe/Paris")


def float_with_bits(bits: int) -> float:
    """Answer the double with this pattern, such as a NaN with a payload."""
    value: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value


def raised(error: BaseException) -> BaseException:
    """Answer the exception as it is after it was raised, with a traceback and notes."""
    try:
        raise error
    except BaseException as caught:
        caught.add_note("while testing")
        return caught


def caused() -> BaseException:
    """Answer an exception with a cause."""
    try:
        try:
            raise KeyError("inner")
        except KeyError as cause:
            raise ValueError("outer", 3) from cause
    except ValueError as caught:
        return caught


def _overlay() -> Any:
    """Answer records with gaps and fields out of order."""
    dtype = np.dtype(
        {"names": ["b", "a"], "formats": ["<i4", "?"], "offsets": [8, 1], "itemsize": 16}
    )
    array = np.zeros(3, dtype)
    array["b"] = [1, 2, 3]
    array["a"] = [True, False, True]
    return array


def _objects(*values: Any) -> Any:
    array = np.empty(len(values), object)
    for index, value in enumerate(values):
        array[index] = value
    return array


PLAIN: dict[str, Any] = {
    "none": None,
    "true": True,
    "false": False,
    "zero": 0,
    "small int": 127,
    "int": 128,
    "negative int": -1,
    "largest 64 bit": 2**63 - 1,
    "smallest 64 bit": -(2**63),
    "big int": 2**63,
    "big negative int": -(2**63) - 1,
    "bigger int": 3**500,
    "float": 1.5,
    "minus zero": -0.0,
    "infinity": math.inf,
    "nan": float_with_bits(0x7FF8_0000_0000_0000),
    "nan payload": float_with_bits(0xFFF8_0000_DEAD_BEEF),
    "complex": complex(1.5, -0.0),
    "text": "Grüße 🎉\0",
    "empty text": "",
    "surrogate": "a\ud800b",
    "bytes": b"\x00\xff",
    "bytearray": bytearray(b"abc"),
    "many bytes": bytes(range(256)) * 20,
    "range": range(10, -300, -7),
    "decimal": Decimal("-1.50E+3"),
    "decimal nan": Decimal("NaN12"),
    "decimal infinity": Decimal("-Infinity"),
    "fraction": Fraction(-22, 7),
    "big fraction": Fraction(3**100, 2**200),
    "uuid": UUID(int=2**127 + 5),
    "datetime": datetime(2024, 2, 29, 23, 59, 59, 999_999),
    "utc": datetime(2024, 1, 1, tzinfo=UTC),
    "offset": datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30), "IST")),
    "zone": datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=1),
    "date": date(1, 1, 1),
    "time": time(23, 59, 59, 5, tzinfo=UTC),
    "timedelta": timedelta(-1, 5, 7),
    "timezone": timezone(-timedelta(hours=3)),
    "zoneinfo": PARIS,
}

CONTAINERS: dict[str, Any] = {
    "empty list": [],
    "mixed list": [1, 2.5, None, "a", [True]],
    "floats": [0.5 * n for n in range(20)],
    "bytes wide ints": list(range(-20, 20)),
    "two bytes ints": [1000 * n for n in range(-20, 20)],
    "four bytes ints": [10**6 * n for n in range(-20, 20)],
    "eight bytes ints": [10**12 * n for n in range(-20, 20)],
    "big ints": [10**30 * n for n in range(-20, 20)],
    "bools": [n % 3 == 0 for n in range(20)],
    "texts": [f"é{n}" for n in range(20)],
    "texts with nul": [f"{n}\0" for n in range(20)],
    "rows": [(n, f"{n}", 0.5 * n, None) for n in range(20)],
    "records": [{"n": n, "name": f"{n}", "half": [0.5 * n]} for n in range(20)],
    "uneven records": [{"n": n} if n % 2 else {"m": n} for n in range(20)],
    "tuple": (1, (2, (3, ()))),
    "float tuple": tuple(0.5 * n for n in range(20)),
    "dict": {"a": 1, 2: "b", (3, 4): None, None: [], 1.5: {}},
    "text dict": {f"key {n}": n for n in range(20)},
    "set": {1, "a", (2, 3)},
    "int set": set(range(50)),
    "frozenset": frozenset({frozenset(), frozenset({1})}),
    "ordered dict": OrderedDict([("b", 1), ("a", 2)]),
    "counter": Counter("mississippi"),
    "defaultdict": defaultdict(list, {"a": [1]}),
    "bare defaultdict": defaultdict(None, {"a": 1}),
    "deque": deque([1, 2, 3], maxlen=5),
    "endless deque": deque([1, 2, 3]),
}

REGISTERED: dict[str, Any] = {
    "dataclass": Fit(1.5, [1, 2], "a"),
    "frozen": Point(1.0, -2.0),
    "slots": Slotted("s", [1]),
    "inherited": Weighted(1.5, None, "w", 3),
    "nested": Fit(0.5, Fit(0.25, Point(1.0, 2.0))),
    "many": [Point(float(n), 0.5) for n in range(10)],
    "enum": Colour.GREEN,
    "int enum": Level.HIGH,
    "flag": Permission.RUN,
    "named combination": Permission.BOTH,
    "combination": Permission.READ | Permission.RUN,
    "no flag": Permission(0),
    "int flag": Bits.ONE | Bits.TWO,
    "named tuple": Pair(1, Pair(2)),
    "old named tuple": Triple(1, "b", None),
    "enum keys": {Colour.RED: 1, Point(0.0, 1.0): 2},
}

NUMPY: dict[str, Any] = {
    "float64": np.arange(6.0),
    "matrix": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6, dtype="i2").reshape(2, 3)),
    "strided": np.arange(20)[::3],
    "no dimension": np.array(5, "u1"),
    "empty": np.zeros((3, 0, 2), "f4"),
    "bool": np.array([True, False]),
    "big endian": np.arange(5, dtype=">i4"),
    "half": np.arange(3, dtype="f2"),
    "complex64": np.array([1 + 2j], "c8"),
    "complex128": np.array([1 + 2j, complex("nan")]),
    "S": np.array([b"a", b"bcd"]),
    "U": np.array(["a", "bé🎉"]),
    "big endian U": np.array(["a", "bé🎉"], ">U3"),
    "V": np.array([b"abc"], "V3"),
    "datetime64": np.array(["2024-02-29", "NaT"], "M8[D]"),
    "datetime64 of 25s": np.array([1, 2], "M8[25s]"),
    "big endian datetime64": np.array(["2024-02-29T01", "NaT"], ">M8[ns]"),
    "unitless NaT": np.array([-(2**63)], ">i8").view(">M8"),
    "timedelta64": np.array([1, -2, "NaT"], "m8[ms]"),
    "unitless timedelta64": np.array([1, -2]).view("m8"),
    "record": np.array([(1.5, "a", True)], [("x", "f8"), ("né", "U3"), ("ok", "?")]),
    "nested record": np.zeros(2, [("p", [("x", "f4"), ("y", "f4", (2, 3))]), ("d", "M8[us]")]),
    "gaps": _overlay(),
    "aligned": np.zeros(2, np.dtype([("a", "u1"), ("b", "f8")], align=True)),
    "no fields": np.zeros(3, np.dtype([])),
    "objects": _objects(1, "a", [1, 2], None, np.arange(3), np.array(7)),
    "object matrix": _objects(1, 2, 3, 4, 5, 6).reshape(2, 3).T,
    "large": np.arange(3000.0),
    "scalar": np.float64(1.5),
    "float32 nan": np.array([0x7FC0_1234], "u4").view("f4")[0],
    "int8 scalar": np.int8(-5),
    "bool scalar": np.bool_(True),
    "str scalar": np.str_("a\0b\0"),
    "bytes scalar": np.bytes_(b"a\0"),
    "datetime64 scalar": np.datetime64("2024-02-29T01:02", "m"),
    "timedelta64 scalar": np.timedelta64(5, "s"),
    "void scalar": np.array([(1.5, b"a")], [("x", "f8"), ("y", "S1")])[0],
    "scalars": [np.float32(n) for n in range(10)],
    "datetime64 scalars": [np.datetime64(n, "s") for n in range(10)],
    "scalars of several units": [np.datetime64(n, "s" if n % 2 else "D") for n in range(10)],
    "dtype": np.dtype([("a", "f8"), ("b", "U3")]),
    "arrays": [np.arange(float(n)) for n in range(10)],
}


def _frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "int": [1, 2, 3],
            "float": [1.5, np.nan, -0.0],
            "str": ["x", "y", None],
            "object": pd.Series([[1], "a", None], dtype=object),
            "texts as objects": pd.Series(["a", "b", "c"], dtype=object),
            "date": pd.date_range("2024-02-28", periods=3),
            "zoned": pd.date_range("2024-02-28", periods=3, tz="Europe/Paris"),
            "duration": pd.to_timedelta([1, 2, 3], unit="s"),
            "Int64": pd.array([1, None, 3], dtype="Int64"),
            "Float32": pd.array([1.5, None, 3], dtype="Float32"),
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "string": pd.array(["a", None, "b"], dtype="string"),
            "category": pd.Categorical(["u", "v", None]),
            "ordered": pd.Categorical([3, 1, 2], categories=[3, 2, 1], ordered=True),
            "interval": pd.interval_range(0, 3),
        }
    )


def _with_attrs() -> pd.Series[Any]:
    series = pd.Series([1, 2], name="n")
    series.attrs["unit"] = "m"
    return series


_LEVELS = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None])

PANDAS: dict[str, Any] = {
    "frame": _frame(),
    "one array": pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=list("xy")),
    "no frame": pd.DataFrame(),
    "no columns": pd.DataFrame(index=[1, 2]),
    "no rows": pd.DataFrame(columns=["a", "b"]),
    "columns of one name": pd.DataFrame([[1, "a"], [2, "b"]], columns=["a", "a"]),
    "levels in rows": pd.DataFrame({"v": range(4)}, index=_LEVELS),
    "levels in columns": pd.DataFrame(np.arange(8).reshape(2, 4), columns=_LEVELS),
    "series": _with_attrs(),
    "named by a tuple": pd.Series([1.5], index=["q"], name=("a", 1)),
    "empty series": pd.Series([], dtype=float),
    "index": pd.Index([3, 1, 2], name="n"),
    "text index": pd.Index(["a", None]),
    "object index": pd.Index(["a", 1, None], dtype=object),
    "range index": pd.RangeIndex(10, 0, -2, name="r"),
    "multi index": _LEVELS,
    "empty multi index": pd.MultiIndex.from_arrays([[], []]),
    "multi index with a gap": pd.MultiIndex.from_tuples([(1, np.nan), (2, 0.5)]),
    "dates": pd.date_range("2024-02-28", periods=4),
    "month ends": pd.date_range("2024-02-28", periods=4, freq="ME"),
    "zoned dates": pd.date_range("2024-10-26", periods=4, freq="12h", tz="Europe/Paris"),
    "utc dates": pd.date_range("2024-10-26", periods=4, tz="UTC"),
    "seconds": pd.date_range("2024-10-26", periods=4).as_unit("s"),
    "uneven dates": pd.DatetimeIndex(["2024-01-01", "2024-01-03", "NaT"]),
    "durations": pd.timedelta_range("1s", periods=3),
    "category index": pd.CategoricalIndex(["a", "b", "a"]),
    "interval index": pd.interval_range(0, 3, closed="left"),
    "date intervals": pd.interval_range(pd.Timestamp("2024"), periods=3, freq="D"),
    "cut": pd.cut(pd.Series([1, 5, 9]), 3),
    "masked array": pd.array([1, None], dtype="UInt8"),
    "categorical": pd.Categorical(["b", "a"]),
    "timestamp": pd.Timestamp("2024-02-29 01:02:03.000000004"),
    "zoned timestamp": pd.Timestamp("2024-10-27T00:30", tz="UTC").tz_convert("Europe/Paris"),
    "timestamp in seconds": pd.Timestamp("2024").as_unit("s"),
    "pandas timedelta": pd.Timedelta(5, unit="ns"),
    "interval": pd.Interval(0.5, 1.5, closed="both"),
    "NaT": pd.NaT,
    "NA": pd.NA,
}

VALUES: dict[str, Any] = {**PLAIN, **CONTAINERS, **REGISTERED, **NUMPY, **PANDAS}
"""Values that come back as what they were."""

EXCEPTIONS: dict[str, BaseException] = {
    "value error": raised(ValueError("bad", 3)),
    "key error": raised(KeyError("key")),
    "os error": raised(FileNotFoundError(2, "No such file", "data.csv")),
    "import error": raised(ModuleNotFoundError("No module named 'x'", name="x")),
    "unicode error": raised(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")),
    "chain": caused(),
    "plain": raised(Exception("plain")),
    "exit": SystemExit(3),
    "stop": StopIteration(5),
    "group": ExceptionGroup("two", [ValueError(1), TypeError(2)]),
    "odd argument": RuntimeError(object, [1, 2]),
}
"""Exceptions, which come back as remote errors."""
