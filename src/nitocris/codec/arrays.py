"""numpy's arrays: a dtype, a shape and the bytes.

    ARRAY         dtype, order, dimensions, shape, padding to 8, data
    OBJECT_ARRAY  order, dimensions, shape, a sequence of the elements

The product of the shape must equal the bytes that are there, before anything is allocated; what
the bytes could make numpy misbehave with (a bool of 2, a code point beyond Unicode) is checked on
the owner's copy.  numpy is imported by whoever meets its values, never before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nitocris.codec import tags
from nitocris.codec.contents import (
    C_ORDER,
    F_ORDER,
    OVERFLOW,
    bytes_of,
    check_contents,
    leaves_int64,
)
from nitocris.codec.dtypes import import_numpy, read_dtype, write_dtype
from nitocris.codec.limits import ARRAY_BYTES
from nitocris.codec.sequences import (
    read_sequence,
    write_sequence,
)
from nitocris.codec.wire import (
    Reader,
    UnencodableError,
    Writer,
    decodes,
)

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_ARRAY_NODES = 10


def encode_array(writer: Writer, array: Array) -> None:
    """Append an array."""
    writer.at_most("dimensions of an array", array.ndim, writer.limits.dimensions)
    order = F_ORDER if array.flags.f_contiguous and not array.flags.c_contiguous else C_ORDER
    if array.dtype.kind == "O":
        _charge_array(writer, array.shape, 8)
        writer.buffer.append(tags.OBJECT_ARRAY)
        _write_shape(writer, order, array.shape)
        write_sequence(writer, array.ravel("F" if order else "C").tolist())
        return
    writer.buffer.append(tags.ARRAY)
    try:
        write_dtype(writer, array.dtype)
    except UnencodableError as error:
        raise UnencodableError(array, str(error)) from None
    _charge_array(writer, array.shape, array.dtype.itemsize)
    if leaves_int64(array):
        raise UnencodableError(array, OVERFLOW)
    _write_shape(writer, order, array.shape)
    writer.align()
    if array.nbytes:
        writer.payload(bytes_of(array, order))


@decodes(tags.ARRAY)
def _decode_array(reader: Reader) -> Array:
    import_numpy()
    import numpy as np

    dtype = read_dtype(reader)
    if dtype.subdtype is not None:
        reader.refuse(f"no array has the dtype {dtype}")
    order, shape = _read_shape(reader)
    count = math.prod(shape)
    reader.align()
    data = reader.take(count * dtype.itemsize)
    _charge_array(reader, shape, dtype.itemsize)
    if not data:
        return np.zeros(shape, dtype, "F" if order else "C")
    flat = np.frombuffer(data, dtype)
    array = flat.reshape(shape, order="F" if order else "C").copy("A")
    check_contents(reader, array)
    return array


@decodes(tags.OBJECT_ARRAY)
def _decode_object_array(reader: Reader) -> Array:
    import_numpy()
    import numpy as np

    order, shape = _read_shape(reader)
    _charge_array(reader, shape, 8)
    elements = read_sequence(reader)
    if len(elements) != math.prod(shape):
        reader.refuse(f"{len(elements):,} elements for an array of shape {shape}")
    # Not np.array(elements), which would look into lists and arrays among them.
    flat = np.fromiter(elements, dtype=object, count=len(elements))
    return flat.reshape(shape, order="F" if order else "C")


def _write_shape(writer: Writer, order: int, shape: tuple[int, ...]) -> None:
    writer.buffer.append(order)
    writer.varint(len(shape))
    for length in shape:
        writer.varint(length)


def _read_shape(reader: Reader) -> tuple[int, tuple[int, ...]]:
    order = reader.byte()
    if order not in (C_ORDER, F_ORDER):
        reader.refuse("an array in an unknown order")
    dimensions = reader.varint()
    reader.at_most("dimensions of an array", dimensions, reader.limits.dimensions)
    return order, tuple(reader.varint() for _ in range(dimensions))


def _charge_array(purse: Reader | Writer, shape: tuple[int, ...], itemsize: int) -> None:
    # A dimension of zero is charged as one, an empty item as a byte and by the piece: there is
    # nothing to store then, but whoever walks through the array pays for the other dimensions.
    items = math.prod(length or 1 for length in shape)
    purse.charge(_ARRAY_NODES + (0 if itemsize else items), ARRAY_BYTES + items * (itemsize or 1))
