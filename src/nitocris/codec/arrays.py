"""numpy's arrays and scalars: a dtype, a shape and the bytes.

    ARRAY         dtype, order, dimensions, shape, padding to 8, data
    OBJECT_ARRAY  order, dimensions, shape, a sequence of the elements
    NUMPY_SCALAR  dtype, data

The product of the shape must equal the bytes that are there, before anything is allocated; what
the bytes could make numpy misbehave with (a bool of 2, a code point beyond Unicode) is checked on
the owner's copy.  numpy is imported by whoever meets its values, never before.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nitocris.codec import tags
from nitocris.codec.dtypes import import_numpy, read_dtype, write_dtype
from nitocris.codec.limits import ARRAY_BYTES, VALUE_BYTES
from nitocris.codec.sequences import (
    PACKER_FINDERS,
    Packer,
    add_packed_form,
    read_sequence,
    write_sequence,
)
from nitocris.codec.wire import (
    ENCODERS,
    Encoder,
    Reader,
    UnencodableError,
    Writer,
    decodes,
)

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_ARRAY_NODES = 10
_SCALAR_NODES = 3
_MAX_CODE_POINT = 0x10FFFF
_C_ORDER, _F_ORDER = range(2)
_PACKED_KINDS = "biufcmM"
_OVERFLOW = "its dates overflow their unit; use .astype() with a larger one"


def find_encoder(_: Writer, value: Any) -> Encoder | None:
    """Recognise numpy's values without importing numpy."""
    np = sys.modules.get("numpy")
    if np is None or not type(value).__module__.startswith("numpy"):
        return None
    if type(value) is np.ndarray:
        encoder: Encoder = _encode_array
    elif type(value) is np.str_:
        encoder = _encode_str
    elif type(value) is np.bytes_:
        encoder = _encode_bytes
    elif isinstance(value, np.generic):
        encoder = _encode_scalar
    elif isinstance(value, np.dtype):
        return _encode_dtype
    else:
        return None
    ENCODERS[type(value)] = encoder
    return encoder


def _encode_array(writer: Writer, array: Array) -> None:
    writer.at_most("dimensions of an array", array.ndim, writer.limits.dimensions)
    order = _F_ORDER if array.flags.f_contiguous and not array.flags.c_contiguous else _C_ORDER
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
    if _leaves_int64(array):
        raise UnencodableError(array, _OVERFLOW)
    _write_shape(writer, order, array.shape)
    writer.align()
    if array.nbytes:
        writer.payload(_bytes_of(array, order))


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
    _check_contents(reader, array)
    return array


def _bytes_of(array: Array, order: int) -> memoryview:
    import numpy as np

    # A view where the array is contiguous, otherwise the one copy.
    flat = array.reshape(-1, order="F" if order else "C")
    return np.ascontiguousarray(flat).view(np.uint8).data


def _check_contents(reader: Reader, array: Array) -> None:
    """Refuse bytes that numpy would trust although they are no values of the dtype."""
    import numpy as np

    dtype = array.dtype
    if dtype.names is not None:
        for name in dtype.names:
            _check_contents(reader, array[name])
    elif array.size == 0:
        return
    elif dtype.kind == "b":
        if array.view(np.uint8).max() > 1:
            reader.refuse("a bool that is neither 0 nor 1")
    elif dtype.kind == "U":
        points = np.ascontiguousarray(array).reshape(-1).view(f"{dtype.str[0]}u4")
        if points.max() > _MAX_CODE_POINT:
            reader.refuse("a character beyond Unicode")
    elif dtype.kind == "M" and _leaves_int64(array):
        reader.refuse("a date beyond what its unit can count")
    elif dtype.kind == "M" and np.datetime_data(dtype)[0] == "generic":
        # On the bytes: np.isnat is wrong on a view of the other byte order.
        ticks = array.view(f"{dtype.str[0]}i8")
        if (ticks != np.iinfo(np.int64).min).any():
            reader.refuse("a date without a unit")


def _leaves_int64(array: Array) -> bool:
    """Answer whether dates in a multiple of a unit are too large in the unit itself.

    numpy can hold them but, from 2.5 on, not show them: repr raises OverflowError.
    """
    import numpy as np

    if array.dtype.names is not None:
        return any(_leaves_int64(array[name]) for name in array.dtype.names)
    multiple = np.datetime_data(array.dtype)[1] if array.dtype.kind == "M" else 1
    if multiple == 1:
        return False
    ticks = array.view(f"{array.dtype.str[0]}i8")
    most = (2**63 - 1) // multiple
    is_date = ticks != np.iinfo(np.int64).min
    return bool((((ticks > most) | (ticks < -most)) & is_date).any())


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
    if order not in (_C_ORDER, _F_ORDER):
        reader.refuse("an array in an unknown order")
    dimensions = reader.varint()
    reader.at_most("dimensions of an array", dimensions, reader.limits.dimensions)
    return order, tuple(reader.varint() for _ in range(dimensions))


def _charge_array(purse: Reader | Writer, shape: tuple[int, ...], itemsize: int) -> None:
    # A dimension of zero is charged as one, an empty item as a byte and by the piece: there is
    # nothing to store then, but whoever walks through the array pays for the other dimensions.
    items = math.prod(length or 1 for length in shape)
    purse.charge(_ARRAY_NODES + (0 if itemsize else items), ARRAY_BYTES + items * (itemsize or 1))


def _encode_scalar(writer: Writer, value: Any) -> None:
    import numpy as np

    writer.buffer.append(tags.NUMPY_SCALAR)
    try:
        write_dtype(writer, value.dtype)
    except UnencodableError as error:
        raise UnencodableError(value, str(error)) from None
    if _leaves_int64(np.asarray(value)):
        raise UnencodableError(value, _OVERFLOW)
    writer.charge(_SCALAR_NODES, ARRAY_BYTES + value.nbytes)
    if value.nbytes:
        writer.payload(_bytes_of(np.asarray(value), _C_ORDER))


@decodes(tags.NUMPY_SCALAR)
def _decode_scalar(reader: Reader) -> object:
    import_numpy()
    import numpy as np

    dtype = read_dtype(reader)
    data = reader.take(dtype.itemsize)
    reader.charge(_SCALAR_NODES, ARRAY_BYTES + dtype.itemsize)
    if dtype.kind in "SU" or dtype.subdtype is not None:
        reader.refuse(f"no scalar has the dtype {dtype}")
    if not data:
        return np.zeros((), dtype)[()]
    array = np.frombuffer(data, dtype).copy()
    _check_contents(reader, array)
    return array[0]


def _encode_str(writer: Writer, value: str) -> None:
    writer.charge(1, VALUE_BYTES)
    writer.buffer.append(tags.NUMPY_STR)
    writer.text(value)  # not str(value), which cuts NULs off the end


@decodes(tags.NUMPY_STR)
def _decode_str(reader: Reader) -> object:
    import_numpy()
    import numpy as np

    reader.charge(1, VALUE_BYTES)
    return np.str_(reader.text())


def _encode_bytes(writer: Writer, value: bytes) -> None:
    writer.charge(1, VALUE_BYTES + len(value))
    writer.buffer.append(tags.NUMPY_BYTES)
    writer.varint(len(value))
    writer.payload(bytes(value))


@decodes(tags.NUMPY_BYTES)
def _decode_bytes(reader: Reader) -> object:
    import_numpy()
    import numpy as np

    data = reader.take(reader.varint())
    reader.charge(1, VALUE_BYTES + len(data))
    return np.bytes_(bytes(data))


def _encode_dtype(writer: Writer, value: np.dtype[Any]) -> None:
    writer.charge(_SCALAR_NODES, ARRAY_BYTES)
    writer.buffer.append(tags.DTYPE)
    write_dtype(writer, value)


@decodes(tags.DTYPE)
def _decode_dtype(reader: Reader) -> object:
    import_numpy()
    reader.charge(_SCALAR_NODES, ARRAY_BYTES)
    return read_dtype(reader)


def _find_packer(item_type: type) -> Packer | None:
    np = sys.modules.get("numpy")
    if np is None or not issubclass(item_type, np.generic):
        return None
    return _write_scalars


def _write_scalars(writer: Writer, items: Sequence[Any]) -> bool:
    import numpy as np

    dtype = items[0].dtype
    # Datetimes of one type may have several units.
    if dtype.kind not in _PACKED_KINDS or any(item.dtype != dtype for item in items):
        return False
    array = np.array(items, dtype)
    if _leaves_int64(array):
        return False
    writer.buffer.append(tags.NUMPY_SCALARS)
    writer.varint(len(items))
    write_dtype(writer, dtype)
    writer.charge(1, VALUE_BYTES * len(items) + array.nbytes)
    writer.align()
    writer.payload(_bytes_of(array, _C_ORDER))
    return True


def _read_scalars(reader: Reader, count: int) -> list[Any]:
    import_numpy()
    import numpy as np

    dtype = read_dtype(reader)
    if dtype.kind not in _PACKED_KINDS:
        reader.refuse(f"no packed scalars have the dtype {dtype}")
    reader.align()
    data = reader.take(count * dtype.itemsize)
    reader.charge(1, VALUE_BYTES * count + len(data))
    array = np.frombuffer(data, dtype)
    _check_contents(reader, array)
    return list(array)


PACKER_FINDERS.append(_find_packer)
add_packed_form(tags.NUMPY_SCALARS, _read_scalars)
