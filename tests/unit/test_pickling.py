"""Large parts travel by themselves, whatever they are; small ones stay where they are."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from nitocris import shipment
from nitocris.function import Shipment, encode_function, encode_items
from nitocris.pickling import APART_BYTES, looked_through, pickled

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def unpack(packed: Shipment) -> Any:
    return shipment.unpack(
        memoryview(packed.payload), {blob.id: blob.data for blob in packed.blobs}
    )


@dataclasses.dataclass
class Document:
    text: str
    parts: dict[str, Any]


LARGE: list[Any] = [
    b"x" * APART_BYTES,
    bytearray(APART_BYTES + 1),
    "a" * APART_BYTES,
    "€" * APART_BYTES,
    b"x" * (1 << 20),
    pd.DataFrame({"number": np.arange(20_000), "other": np.arange(20_000) / 2}),
    np.arange(40_000)[::2],
    pd.DataFrame({"word": [f"word {n}" for n in range(20_000)], "number": np.arange(20_000)}),
    pd.Series([f"word {n}" for n in range(20_000)]),
    np.array([f"word {n}" for n in range(20_000)], dtype=object),
]


@pytest.mark.parametrize("value", LARGE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("place", ["item", "nested", "closure"])
def test_large_values_become_blobs_and_arrive_as_they_were(value: Any, place: str) -> None:
    """In an item, deep inside one, or in what a function refers to."""
    if place == "closure":
        packed = encode_function(lambda: value)
        arrived = unpack(packed)[0]()
    elif place == "nested":
        packed = encode_items([(Document("small", {"deep": [value]}),)], 0)
        arrived = unpack(packed)[0][0].parts["deep"][0]
    else:
        packed = encode_items([(value,)], 0)
        arrived = unpack(packed)[0][0]

    assert packed.blobs
    assert len(packed.payload) < 20_000
    assert type(arrived) is type(value)
    assert same(arrived, value)


def same(arrived: Any, value: Any) -> bool:
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return value.equals(arrived) and list(value.index) == list(arrived.index)
    if isinstance(value, np.ndarray):
        return bool((arrived == value).all()) and arrived.dtype == value.dtype
    return bool(arrived == value)


def test_a_frame_that_is_in_many_items_is_the_same_blobs() -> None:
    """Texts in it or not: nothing of it travels again with the next chunk."""
    frame = pd.DataFrame({"word": [f"word {n}" for n in range(20_000)], "x": np.arange(20_000)})

    first, second = (encode_items([(frame, index)], index) for index in range(2))

    assert first.blob_ids == second.blob_ids
    assert len(first.payload) < 10_000


def test_a_frame_can_be_changed_where_it_arrives() -> None:
    """As one that was pickled."""
    frame = pd.DataFrame({"word": ["a"] * 20_000})

    ((arrived,),) = unpack(encode_items([(frame,)], 0))
    arrived.loc[0, "word"] = "b"

    assert list(arrived["word"][:2]) == ["b", "a"]


def test_the_same_text_is_one_blob_in_all_chunks_and_maps() -> None:
    """Blobs are known by their content, so a device fetches it once."""
    text = "text" * APART_BYTES
    chunks = [encode_items([(text, index)], index) for index in range(3)]
    function = encode_function(lambda: text)

    assert {blob.id for packed in (*chunks, function) for blob in packed.blobs} == {
        chunks[0].blobs[0].id
    }


def test_what_is_one_object_stays_one_object() -> None:
    """Hoisting leaves the pickle's own memory of objects as it is."""
    text, array = "text" * APART_BYTES, np.ones(10_000)

    ((first, second, third, fourth),) = unpack(encode_items([(text, text, array, array)], 0))

    assert first is second
    assert third is fourth


def test_a_bytearray_is_copied_when_it_is_encoded() -> None:
    """What the owner changes afterwards does not travel."""
    buffer = bytearray(b"x" * APART_BYTES)
    packed = encode_items([(buffer,)], 0)

    buffer[:] = bytes(len(buffer))

    assert unpack(packed)[0][0] == b"x" * APART_BYTES


def test_bytes_are_not_copied() -> None:
    """The blob is the owner's own object."""
    data = b"x" * APART_BYTES

    (blob,) = encode_items([(data,)], 0).blobs

    assert blob.data is data


def test_small_values_stay_inside() -> None:
    """Also many of them: a frame of pickle's own that is as large is no content."""
    packed = encode_items([(list(range(100_000)), b"x" * 1000, "y" * 10_000)], 0)

    assert packed.blobs == ()
    assert unpack(packed)[0][0][-1] == 99_999


@pytest.mark.parametrize("size", [APART_BYTES - 1, APART_BYTES, APART_BYTES + 1])
def test_contents_around_the_border_arrive(size: int) -> None:
    """Whether they stand alone or between others."""
    values = (b"a" * size, "b" * size, 1, bytearray(size), b"")

    assert unpack(encode_items([values], 0)) == [values]


def test_the_size_that_travels_is_known() -> None:
    """The pickle and all that is beside it."""
    assert 4_000_000 < pickled([np.ones(250_000), b"x" * 2_000_000]).nbytes < 4_001_000


@pytest.mark.parametrize("value", LARGE, ids=lambda value: type(value).__name__)
def test_looking_through_finds_the_modules_and_keeps_nothing(value: Any) -> None:
    """What a map needs is asked of the same arrays again, whose bytes nobody wants then."""
    whole, found = pickled((np.square, value)), looked_through((np.square, value))

    assert (found.referenced, found.mentioned) == (whole.referenced, whole.mentioned)
    assert whole.nbytes >= APART_BYTES > found.nbytes == len(found.blobs) == 0
