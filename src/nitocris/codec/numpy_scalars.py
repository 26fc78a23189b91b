"""numpy's scalars, dtypes, and lists of scalars, which are packed as one array.

    NUMPY_SCALAR           dtype, data
    NUMPY_STR, NUMPY_BYTES the text or bytes
    NUMPY_SCALARS          a form of a sequence: dtype, padding to 8, data

Here numpy's values are recognised, without importing numpy: who has one has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nitocris.codec import tags
from nitocris.codec.arrays import encode_array
from nitocris.codec.contents import (
    C_ORDER,
    OVERFLOW,
    bytes_of,
    check_contents,
    leaves_int64,
)
from nitocris.codec.dtypes import import_numpy, read_dtype, write_dtype
from nitocris.codec.limits import ARRAY_BYTES, VALUE_BYTES
from nitocris.codec.sequences import (
    PACKER_FINDERS,
    Packer,
    add_packed_form,
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

_SCALAR_NODES = 3
_PACKED_KINDS = "biufcmM"


def find_encoder(_: Writer, value: Any) -> Encoder | None:
    """Recognise numpy's values without importing numpy."""
    np = sys.modules.get("numpy")
    if np is None or not type(value).__module__.startswith("numpy"):
        return None
    if type(value) is np.ndarray:
        encoder: Encoder = encode_array
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


def _encode_scalar(writer: Writer, value: Any) -> None:
    import numpy as np

    writer.buffer.append(tags.NUMPY_SCALAR)
    try:
        write_dtype(writer, value.dtype)
    except UnencodableError as error:
        raise UnencodableError(value, str(error)) from None
    if leaves_int64(np.asarray(value)):
        raise UnencodableError(value, OVERFLOW)
    writer.charge(_SCALAR_NODES, ARRAY_BYTES + value.nbytes)
    if value.nbytes:
        writer.payload(bytes_of(np.asarray(value), C_ORDER))


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
    check_contents(reader, array)
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
    if leaves_int64(array):
        return False
    writer.buffer.append(tags.NUMPY_SCALARS)
    writer.varint(len(items))
    write_dtype(writer, dtype)
    writer.charge(1, VALUE_BYTES * len(items) + array.nbytes)
    writer.align()
    writer.payload(bytes_of(array, C_ORDER))
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
    check_contents(reader, array)
    return list(array)


PACKER_FINDERS.append(_find_packer)
add_packed_form(tags.NUMPY_SCALARS, _read_scalars)
