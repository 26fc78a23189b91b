"""What is encoded comes back: the same type, the same value, to the bit."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nitocris.codec import decode, encode

from .sameness import assert_same, assert_same_array
from .samples import PARIS, REGISTRY, VALUES, Fit, Point, float_with_bits

repeatable = settings(derandomize=True, max_examples=150, deadline=None)


def round_trip(value: Any) -> Any:
    """Answer what the owner gets for a worker's value."""
    return decode(encode(value, REGISTRY), REGISTRY)


@pytest.mark.parametrize("name", VALUES)
def test_every_kind_comes_back(name: str) -> None:
    """Each kind of value comes back as it was, alone and within others."""
    value = VALUES[name]

    assert_same(value, round_trip(value))
    assert_same([value] * 10, round_trip([value] * 10))
    assert_same({"k": (value,)}, round_trip({"k": (value,)}))


@pytest.mark.parametrize("name", VALUES)
def test_decoding_accepts_any_buffer(name: str) -> None:
    """Bytes, a bytearray and a view decode to the same, and the value does not need them after."""
    data = encode(VALUES[name], REGISTRY)
    buffer = bytearray(data)

    from_view = decode(memoryview(buffer), REGISTRY)
    from_bytearray = decode(buffer, REGISTRY)
    buffer[:] = bytes(len(buffer))
    buffer.clear()

    assert_same(VALUES[name], from_view)
    assert_same(VALUES[name], from_bytearray)


def test_all_at_once() -> None:
    """All kinds travel together in one message."""
    assert_same(VALUES, round_trip(VALUES))


integers = st.integers() | st.integers(-(2**70), 2**70)
floats = st.floats() | st.integers(0, 2**64 - 1).map(float_with_bits)
texts = st.text() | st.text(st.characters())
zones = (
    st.none()
    | st.sampled_from([PARIS, ZoneInfo("UTC"), ZoneInfo("America/Argentina/Ushuaia")])
    | st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
)
scalars = (
    st.none()
    | st.booleans()
    | integers
    | floats
    | st.complex_numbers()
    | texts
    | st.binary()
    | st.binary().map(bytearray)
    | st.datetimes(timezones=zones)
    | st.dates()
    | st.times(timezones=st.sampled_from([None, UTC]))
    | st.timedeltas()
    | st.decimals()
    | st.fractions()
    | st.uuids()
)
keys = st.recursive(
    st.none() | st.booleans() | integers | st.text() | st.binary() | st.dates() | st.uuids(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.lists(inner).map(deque)
        | st.dictionaries(keys, inner, max_size=5)
        | st.dictionaries(st.text(), inner, max_size=5).map(OrderedDict)
        | st.builds(Fit, inner, inner, inner)
    ),
    max_leaves=15,
)


@repeatable
@given(scalars)
def test_scalars(value: Any) -> None:
    """Any scalar comes back."""
    assert_same(value, round_trip(value))


@repeatable
@given(values)
def test_containers(value: Any) -> None:
    """Any nesting of any values comes back."""
    assert_same(value, round_trip(value))


@repeatable
@given(st.sets(keys, max_size=40), st.dictionaries(keys, st.integers(), max_size=40))
def test_hashed_containers(elements: set[Any], mapping: dict[Any, int]) -> None:
    """Sets, frozensets, dicts and counters come back, dicts in their order."""
    for value in (elements, frozenset(elements), mapping, Counter(mapping)):
        assert_same(value, round_trip(value))


@repeatable
@given(
    st.one_of(
        st.lists(floats, min_size=8),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=8),
        st.lists(st.integers(-200, 200), min_size=8),
        st.lists(integers, min_size=8),
        st.lists(st.booleans(), min_size=8),
        st.lists(texts, min_size=8),
        st.lists(st.tuples(integers, floats, texts), min_size=8),
        st.lists(st.fixed_dictionaries({"a": integers, "b": texts, "": values}), min_size=8),
        st.lists(st.builds(Point, floats, integers), min_size=8),
        st.lists(st.one_of(st.booleans(), integers, floats), min_size=8),
    )
)
def test_packed_lists(items: list[Any]) -> None:
    """Lists that are packed come back as those that are not, and so do tuples."""
    assert_same(items, round_trip(items))
    assert_same(tuple(items), round_trip(tuple(items)))


@pytest.mark.parametrize("bound", [2**7, 2**15, 2**31, 2**63])
def test_integers_at_the_bounds_of_a_width(bound: int) -> None:
    """A packed list of ints takes the width that its largest and smallest need."""
    for extremes in ([bound - 1, -bound], [bound, 0], [-bound - 1, 0]):
        items = [1] * 8 + extremes

        assert_same(items, round_trip(items))


def test_a_key_that_only_equals_a_text_stays_itself() -> None:
    """Rows of a table whose keys are equal but of another type are not merged into columns."""
    rows = [{"a": 1}] * 8 + [{np.str_("a"): 1}]

    assert_same(rows, round_trip(rows))


dtypes = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    npst.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    npst.datetime64_dtypes(endianness="?"),
    npst.timedelta64_dtypes(endianness="?"),
    npst.byte_string_dtypes(max_len=5),
    npst.unicode_string_dtypes(endianness="?", max_len=5),
)


def has_titles(dtype: Any) -> bool:
    """Answer whether a field has a second name, which is not carried."""
    dtype = dtype.base
    names = dtype.names or ()
    return len(dtype.fields or ()) != len(names) or any(has_titles(dtype[n]) for n in names)


record_dtypes = (npst.array_dtypes(dtypes) | npst.nested_dtypes(dtypes, max_leaves=6)).filter(
    lambda dtype: not has_titles(dtype)
)


@repeatable
@given(st.data())
def test_arrays(data: st.DataObject) -> None:
    """Any array comes back with its bytes, dtype, shape and order, writable."""
    dtype = data.draw(dtypes | record_dtypes)
    if dtype.subdtype is not None:  # no array has such a dtype itself
        dtype = dtype.base
    shape = data.draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    array = np.zeros(shape, dtype, order=data.draw(st.sampled_from("CF")))
    if dtype.names is None and dtype.kind in "iufcmS":
        array[...] = data.draw(npst.arrays(dtype, shape))

    assert_same_array(array, round_trip(array))
    assert_same_array(array.T, round_trip(array.T))
    assert_same_array(array[..., None, None], round_trip(array[..., None, None]))
    assert_same(list(array.ravel()), round_trip(list(array.ravel())))
    for scalar in list(array.ravel()[:3]):
        assert_same(scalar, round_trip(scalar))


@repeatable
@given(npst.arrays(object, npst.array_shapes(max_dims=3, max_side=3), elements=scalars))
def test_object_arrays(array: Any) -> None:
    """Object arrays come back element by element."""
    assert_same_array(array, round_trip(array))
    assert_same_array(array.T, round_trip(array.T))


def test_an_array_is_copied_once_each_way() -> None:
    """A decoded array owns its memory; the message is aligned so that it can be read in place."""
    array = np.arange(1000.0)
    data = encode([1, array])

    back: Any = decode(data)

    assert back[1].flags.owndata
    assert data.index(array.tobytes()) % 8 == 0
    assert len(data) < array.nbytes + 64


def is_signaling(item: object) -> bool:
    """A Decimal that pandas refuses to show."""
    return isinstance(item, Decimal) and item.is_snan()


columns = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.floats()),
    st.lists(st.booleans()),
    st.lists(st.none() | st.text(st.characters(codec="utf-8"))),
    st.lists(scalars.filter(lambda item: not is_signaling(item))).map(
        lambda items: pd.Series(items, dtype=object)
    ),
    st.lists(st.none() | st.integers(-100, 100)).map(lambda items: pd.array(items, dtype="Int8")),
    st.lists(st.none() | st.booleans()).map(lambda items: pd.array(items, dtype="boolean")),
    st.lists(st.none() | st.sampled_from("abc")).map(pd.Categorical),
    st.lists(st.none() | st.datetimes(pd.Timestamp(1700, 1, 1), pd.Timestamp(2200, 1, 1))).map(
        lambda items: pd.to_datetime(pd.Series(items, dtype="M8[us]"), utc=True)
    ),
)


@repeatable
@given(columns, st.none() | st.text(max_size=3) | st.tuples(st.integers()))
def test_series(column: Any, name: Any) -> None:
    """A Series of any dtype comes back, and so does it as an index."""
    series = pd.Series(column, name=name)

    assert_same(series, round_trip(series))
    assert_same(pd.Index(series), round_trip(pd.Index(series)))


@repeatable
@given(st.lists(columns, max_size=4), st.booleans())
def test_frames(parts: list[Any], same_labels: bool) -> None:
    """A DataFrame comes back column by column."""
    height = min(map(len, parts), default=0)
    labels = ["x" if same_labels else f"{n}" for n in range(len(parts))]
    frame = pd.concat([pd.Series(part)[:height] for part in parts], axis=1) if parts else None
    frame = pd.DataFrame(index=range(3)) if frame is None else frame.set_axis(labels, axis=1)

    assert_same(frame, round_trip(frame))
