"""What cannot be carried is refused with a message that says where it is and what to return."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import io
import pathlib
import types
from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from nitocris.codec import Registry, decode, encode
from nitocris.errors import DecodeError, EncodeError

from .samples import REGISTRY, Fit, Point


class Model:
    """A class of the user's that is no dataclass."""


class Count(int):
    """A subclass of int."""


class Names(list[str]):
    """A subclass of list."""


@dataclasses.dataclass
class Unknown:
    x: int = 0


class UnknownPair(NamedTuple):
    x: int = 0


class UnknownColour(enum.Enum):
    RED = 1


def numbers() -> Any:
    """Answer a generator."""
    yield 1


async def later() -> None:
    """Answer a coroutine."""


class Zone(datetime.tzinfo):
    """A time zone of the user's."""

    def utcoffset(self, _: object) -> datetime.timedelta:
        return datetime.timedelta(0)

    dst = utcoffset

    def tzname(self, _: object) -> str:
        return "Z"


REMEDIES: list[tuple[Any, str, str]] = [
    (numbers(), "generator", "list(...)"),
    (map(str, []), "map", "list(...)"),
    (iter([]), "list_iterator", "list(...)"),
    ({}.keys(), "dict_keys", "list(...)"),
    ({}.items(), "dict_items", "list(...)"),
    (lambda: 1, "function", "code does not travel"),
    (len, "builtin_function_or_method", "code does not travel"),
    (functools.partial(len), "functools.partial", "code does not travel"),
    (types, "module", "module"),
    (int, "type", "a class does not travel"),
    (Model(), "Model", "make its class a dataclass"),
    (object(), "object", "return plain data"),
    (Count(1), "Count", "int(...)"),
    (Names(), "Names", "list(...)"),
    (memoryview(b""), "memoryview", "bytes(...)"),
    (io.BytesIO(), "BytesIO", "getvalue()"),
    (io.StringIO(), "StringIO", "getvalue()"),
    (pathlib.Path("a"), "Path", "str(...)"),
    (types.SimpleNamespace(), "SimpleNamespace", "vars(...)"),
    (types.MappingProxyType({}), "mappingproxy", "dict(...)"),
    (collections.ChainMap(), "ChainMap", "plain data"),
    (slice(1), "slice", "plain data"),
    (defaultdict(lambda: 1), "defaultdict", "return dict(...)"),
    (collections.Counter({"a": [1]}), "Counter", "return dict(...)"),
    (datetime.datetime(2024, 1, 1, tzinfo=Zone()), "Zone", "zoneinfo.ZoneInfo"),
    (Unknown(), "Unknown", "DistributedExecution.register(Unknown)"),
    (UnknownPair(), "UnknownPair", "named tuple"),
    (UnknownColour.RED, "UnknownColour", "enum"),
    (np.ma.array([1]), "MaskedArray", "filled("),
    (np.zeros(1).view(np.recarray), "recarray", "numpy.asarray(...)"),
    (np.zeros(1, np.longdouble), "ndarray", "float64"),
    (np.longdouble(1), "longdouble", "float64"),
    (np.zeros(1, [("a", object)]), "ndarray", "list of dicts"),
    (np.zeros(1, [(("title", "a"), "f8")]), "ndarray", "titles"),
    (np.zeros(1, np.dtype({"names": ["a", "b"], "formats": ["i4", "i4"], "offsets": [0, 2]})),
     "ndarray", "overlap"),
    (np.array([2**60]).view("M8[25s]"), "ndarray", "overflow their unit"),
    (np.array([2**60]).view("M8[25s]")[0], "datetime64", "overflow their unit"),
    ([np.array([2**60]).view("M8[25s]")[0]] * 9, "datetime64", "overflow their unit"),
    (pd.period_range("2024", periods=2), "PeriodIndex", "to_timestamp()"),
    (pd.Period("2024"), "Period", "to_timestamp()"),
    (pd.Series(pd.arrays.SparseArray([1, 0])), "Series", "to_dense()"),
    (pd.DataFrame({"p": pd.period_range("2024", periods=2)}), "DataFrame", "in its column 'p'"),
    (pd.Series([1], dtype=">i4"), "Series", "another dtype"),
    (pd.DataFrame().groupby(lambda x: x), "DataFrameGroupBy", "plain data"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "name", "remedy"), REMEDIES, ids=[n for _, n, _ in REMEDIES])
def test_every_refusal_has_a_remedy(value: Any, name: str, remedy: str) -> None:
    """The message names the type, the place, and what to return instead."""
    with pytest.raises(EncodeError) as caught:
        encode([1, {"model": value}], REGISTRY)

    message = str(caught.value)
    assert name in message
    assert remedy in message
    if "Zone" not in name:
        place = "result[1]['model'][0]" if isinstance(value, list) else "result[1]['model']"
        assert f"{place} is a " in message or isinstance(value, Names)


def test_a_coroutine_says_that_the_function_is_async() -> None:
    """The mistake is not in the value but in the function that was mapped."""
    coroutine = later()

    with pytest.raises(EncodeError, match="map a plain function"):
        encode(coroutine)
    coroutine.close()


BAD = object()
OBJECTS = np.array([None, BAD], dtype=object)

PATHS: list[tuple[Any, str]] = [
    (BAD, "result is"),
    ([0, (1, BAD)], "result[1][1] is"),
    ({"a": [BAD]}, "result['a'][0] is"),
    ({(1, 2): BAD}, "result[(1, 2)] is"),
    ({BAD: 1}, "result key <object object"),
    (collections.deque([1, BAD]), "result[1] is"),
    ([{"a": 1, "b": 2}] * 20 + [{"a": 1, "b": BAD}], "result[20]['b'] is"),
    ([(1, 2)] * 20 + [(1, BAD)], "result[20][1] is"),
    ({f"{n}": n for n in range(20)} | {"x": BAD}, "result['x'] is"),
    (Fit(1.0, [BAD]), "result.residuals[0] is"),
    ([Fit(0.5, [Point(1, 2)]), Fit(1, Fit(0.5, BAD))], "result[1].residuals.residuals is"),
    (OBJECTS, "result.flat[1] is"),
    (pd.Series([1, BAD]), "result.array[1] is"),
    (pd.DataFrame({"a": [1], "b": [BAD]}), "result.iloc[:, 1].array[0] is"),
]


@pytest.mark.parametrize(("value", "path"), PATHS, ids=[path for _, path in PATHS])
def test_the_path_leads_to_the_culprit(value: Any, path: str) -> None:
    """The path is an expression that a data scientist can type."""
    with pytest.raises(EncodeError) as caught:
        encode(value, REGISTRY)

    assert str(caught.value).startswith(path)


def test_cycles_are_named() -> None:
    """A container that lies inside itself is a clear error, not a recursion."""
    loop: list[Any] = [1]
    loop.append({"self": loop})
    fit = Fit(1.0, None)
    fit.residuals = [fit]

    with pytest.raises(EncodeError, match=r"result\[1\]\['self'\] is a container that lies inside"):
        encode(loop)
    with pytest.raises(EncodeError, match=r"result\.residuals\[0\] is a container that lies"):
        encode(fit, REGISTRY)


def test_shared_parts_are_no_cycle() -> None:
    """The same list twice is carried twice; what would unfold without end is too large."""
    part = [1, 2]
    bomb: list[Any] = []
    for _ in range(60):
        bomb = [bomb, bomb]

    encode([part, part])
    with pytest.raises(EncodeError, match="too large"):
        encode(bomb)


def test_large_results_say_what_would_help() -> None:
    """A result of too many small values is told that an array counts as one."""
    with pytest.raises(EncodeError, match="a numpy array counts as one"):
        encode([[n] for n in range(200_000)])


def test_an_attribute_beyond_the_fields_is_not_lost_silently() -> None:
    """Only fields travel; another attribute is an error, a cached property is computed again."""

    @dataclasses.dataclass
    class Ring:
        radius: float

        @functools.cached_property
        def area(self) -> float:
            return 3 * self.radius**2

    registry = Registry([Ring])
    ring = Ring(1.0)
    assert ring.area == 3.0
    encode(ring, registry)

    vars(ring)["colour"] = "red"
    with pytest.raises(EncodeError, match="'colour' is no field"):
        encode(ring, registry)
    del vars(ring)["colour"], ring.radius
    with pytest.raises(EncodeError, match="a field is missing"):
        encode(ring, registry)


def test_flags_that_nobody_knows() -> None:
    """A flag that keeps unknown bits is refused where it is made, not where it arrives."""

    class Kept(enum.IntFlag):
        ONE = 1

    with pytest.raises(EncodeError, match="no member"):
        encode(Kept(5), Registry([Kept]))


def test_a_hopeless_value_does_not_break_the_message() -> None:
    """The message is written even if the value's own methods fail."""

    class Hopeless:
        def __repr__(self) -> str:
            raise RuntimeError

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = object.__hash__

    for value in (Hopeless(), [Hopeless()], {Hopeless(): 1}, {"a": Hopeless()}):
        with pytest.raises(EncodeError, match="Hopeless"):
            encode(value)


def test_nothing_but_an_encode_error_is_raised() -> None:
    """Whatever the user's classes do when they are asked, the worker gets an EncodeError."""

    @dataclasses.dataclass
    class Moody:
        x: int = 0

        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError("not today")

    with pytest.raises(EncodeError, match="not today"):
        encode(Moody(), Registry([Moody]))
    with pytest.raises(EncodeError):
        encode([Moody()])


def test_pandas_is_spared_what_it_cannot_show() -> None:
    """A signaling NaN in a column is refused on both sides; alone it travels."""
    signaling = decimal.Decimal("sNaN")
    good = encode(pd.Series([decimal.Decimal("1234")], dtype=object))

    with pytest.raises(EncodeError, match=r"signaling NaN.*Decimal\('NaN'\)"):
        encode(pd.Series([signaling], dtype=object))
    with pytest.raises(DecodeError, match="signaling NaN"):
        decode(good.replace(b"1234", b"sNaN"))
    assert repr(decode(encode(signaling))) == "Decimal('sNaN')"
