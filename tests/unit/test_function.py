"""The function and its items on their way out."""

from __future__ import annotations

import sys
import threading
from typing import Any

import cloudpickle
import numpy as np
import pytest

from nitocris import shipment
from nitocris.errors import NotSendableError, ProtocolError
from nitocris.function import (
    Shipment,
    encode_function,
    encode_items,
    modules_used_by,
)
from nitocris.pickling import BLOB_BYTES, IN_BAND_BYTES

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def unpack(packed: Shipment) -> Any:
    return shipment.unpack(
        memoryview(bytearray(packed.payload)), {blob.id: blob.data for blob in packed.blobs}
    )


@pytest.mark.parametrize(
    ("size", "blobs"),
    [(IN_BAND_BYTES - 8, 0), (IN_BAND_BYTES, 0), (BLOB_BYTES - 8, 0), (BLOB_BYTES, 1)],
)
def test_buffers_become_blobs_from_32_kib_on(size: int, blobs: int) -> None:
    """Whichever way it travels, the array arrives as it was."""
    array = np.arange(size // 8, dtype="f8")

    packed = encode_items([(array,)], 0)

    assert len(packed.blobs) == blobs
    np.testing.assert_array_equal(unpack(packed)[0][0], array)


def test_the_same_buffer_is_one_blob() -> None:
    """Blobs are known by their content."""
    packed = encode_items([(np.ones(10_000),), (np.ones(10_000),)], 0)

    assert len(packed.blobs) == 1
    assert [float(array.sum()) for (array,) in unpack(packed)] == [10_000.0, 10_000.0]


def test_items_that_are_alike_are_still_several() -> None:
    """Whoever changes one changes no other, also where blobs may be changed in place."""
    packed = encode_items([(np.ones(10_000),), (np.ones(10_000),), (np.zeros(10_000),)], 0)
    blobs = {each.id: bytearray(each.data) for each in packed.blobs}

    items: Any = shipment.unpack(memoryview(packed.payload), blobs)
    ((one,), (other,), (last,)) = items
    one[:] = 5
    last[:] = 5

    assert other.sum() == 10_000.0
    assert any(np.frombuffer(each)[0] == 5 for each in blobs.values())


def test_what_the_owner_changes_afterwards_does_not_travel() -> None:
    """Everything is copied when it is encoded."""
    arrays = [np.ones(300), np.ones(10_000)]
    packed = encode_items([(array,) for array in arrays], 0)

    for array in arrays:
        array[:] = 0

    assert all((array == 1).all() for (array,) in unpack(packed))


def test_a_missing_blob_is_named() -> None:
    """The worker can say which one it did not get."""
    packed = encode_items([(np.ones(10_000),)], 0)

    with pytest.raises(ProtocolError, match=packed.blobs[0].id):
        shipment.unpack(memoryview(packed.payload), {})


def test_an_unpicklable_function_names_itself_and_the_remedy() -> None:
    """The message says which function, what it holds, and what to do."""
    lock = threading.Lock()

    def uses_a_lock() -> object:
        return lock

    with pytest.raises(NotSendableError, match=r"uses_a_lock.*lock.*inside the function"):
        encode_function(uses_a_lock)


def test_an_unpicklable_item_is_named_by_its_index() -> None:
    """Counted over the whole map, not over the chunk."""
    with pytest.raises(NotSendableError, match=r"item 12 .*lock"):
        encode_items([(1,), (2,), (threading.Lock(),)], 10)


def uses_numpy_inside() -> object:
    import numpy.linalg

    return numpy.linalg.norm


@pytest.mark.parametrize(
    ("values", "modules"),
    [
        ((np.square,), {"numpy"}),
        ((lambda x: x, [np.ones(3)]), {"numpy"}),
        ((lambda x: np.float64(x),), {"numpy"}),
        ((uses_numpy_inside,), {"numpy"}),
        ((lambda x: x + 1, [1, "numpy"]), set()),
        ((abs, [1]), set()),
    ],
)
def test_the_modules_that_a_function_needs_are_seen(
    values: tuple[object, ...], modules: set[str]
) -> None:
    """By reference, by import inside, or in the items; a mere text is no module."""
    assert modules_used_by(*values) - {"tests"} == modules
