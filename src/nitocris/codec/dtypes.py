"""numpy's dtypes as data: an allow-listed name, or a description of records and subarrays.

numpy's own ways to restore a dtype trust their input; `dtype.__setstate__` can be made to use
chosen bytes as an object's address.  Here a dtype is always built by `np.dtype(...)` from a name
that a pattern accepted, or from fields whose offsets and sizes were checked first.

    0  name
    1  record: itemsize, aligned, count, then for each field: name, offset, dtype
    2  subarray: dimensions, shape, dtype
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nitocris.codec.wire import Reader, UnencodableError, Writer
from nitocris.errors import DecodeError

if TYPE_CHECKING:
    import numpy as np

    Dtype = np.dtype[Any]

_NAMED, _RECORD, _SUBARRAY = range(3)

_NAME = re.compile(
    r"[<>|](?:b1|[iu][1248]|f[248]|c8|c16|[SUV]\d{1,9}"
    r"|[mM]8(?:\[[1-9]?\d{0,8}(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)",
    re.ASCII,
)
_MAX_NAME_BYTES = 32

_FIELD_NODES = 5
_FIELD_BYTES = 512
_MAX_ITEMSIZE = 2**31 - 1
"""numpy keeps the size of an item in a C int."""


def write_dtype(writer: Writer, dtype: Dtype) -> None:
    """Append a dtype."""
    _write(writer, dtype, writer.limits.dtype_depth, [writer.limits.dtype_fields])


def read_dtype(reader: Reader) -> Dtype:
    """Take a dtype."""
    return _read(reader, reader.limits.dtype_depth, [reader.limits.dtype_fields])


def import_numpy() -> None:
    """Make sure that numpy is here.

    Raises:
        DecodeError: It is not installed.
    """
    try:
        import numpy  # noqa: F401 - this is the check
    except ImportError:
        raise DecodeError(
            "the result holds numpy values, but numpy is not installed here: `pip install numpy`"
        ) from None


def _write(writer: Writer, dtype: Dtype, depth_left: int, fields_left: list[int]) -> None:
    if depth_left < 1:
        writer.refuse(f"a dtype nested deeper than {writer.limits.dtype_depth} levels")
    if dtype.names is not None:
        _write_record(writer, dtype, depth_left, fields_left)
    elif dtype.subdtype is not None:
        base, shape = dtype.subdtype
        writer.at_most("dimensions", len(shape), writer.limits.dimensions)
        writer.buffer.append(_SUBARRAY)
        writer.varint(len(shape))
        for length in shape:
            writer.varint(length)
        _write(writer, base, depth_left - 1, fields_left)
    else:
        name = dtype.str.encode("ascii")
        if dtype.kind not in "biufcSUVmM" or not _NAME.fullmatch(dtype.str):
            raise UnencodableError(dtype, _remedy(dtype))
        writer.buffer.append(_NAMED)
        writer.varint(len(name))
        writer.buffer += name


def _write_record(writer: Writer, dtype: Dtype, depth_left: int, fields_left: list[int]) -> None:
    names = dtype.names or ()
    fields: Mapping[str, Any] = dtype.fields or {}
    _pay_fields(writer, len(names), fields_left)
    if len(fields) != len(names):
        raise UnencodableError(dtype, "fields with titles are not carried; build the dtype without")
    extents = [(fields[name][1], fields[name][0].itemsize) for name in names]
    if not _lie_apart(extents, dtype.itemsize):
        raise UnencodableError(dtype, "fields that overlap are not carried; return a copy of each")
    writer.buffer.append(_RECORD)
    writer.varint(dtype.itemsize)
    writer.buffer.append(dtype.isalignedstruct)
    writer.varint(len(names))
    for name in names:
        field, offset = fields[name][:2]
        writer.text(name)
        writer.varint(offset)
        _write(writer, field, depth_left - 1, fields_left)


def _read(reader: Reader, depth_left: int, fields_left: list[int]) -> Dtype:
    if depth_left < 1:
        reader.refuse(f"a dtype nested deeper than {reader.limits.dtype_depth} levels")
    form = reader.byte()
    if form == _NAMED:
        size = reader.varint()
        reader.at_most("bytes of a dtype's name", size, _MAX_NAME_BYTES)
        return _named(bytes(reader.take(size)))
    if form == _RECORD:
        return _read_record(reader, depth_left, fields_left)
    if form != _SUBARRAY:
        reader.refuse(f"unknown form of a dtype: {form}")
    return _read_subarray(reader, depth_left, fields_left)


def _read_record(reader: Reader, depth_left: int, fields_left: list[int]) -> Dtype:
    import numpy as np

    itemsize, aligned, count = reader.varint(), reader.byte(), reader.varint()
    reader.at_most("bytes of an item", itemsize, _MAX_ITEMSIZE)
    _pay_fields(reader, count, fields_left)
    names, offsets, formats = [], [], []
    for _ in range(count):
        names.append(reader.text())
        offsets.append(reader.varint())
        formats.append(_read(reader, depth_left - 1, fields_left))
    extents = [(offset, field.itemsize) for offset, field in zip(offsets, formats, strict=True)]
    if not _lie_apart(extents, itemsize):
        reader.refuse("a record whose fields overlap or leave it")
    if aligned > 1 or len(set(names)) != count:
        reader.refuse("a record that is not well described")
    description = {
        "names": names,
        "formats": formats,
        "offsets": offsets,
        "itemsize": itemsize,
    }
    return np.dtype(description, align=bool(aligned))  # type: ignore[call-overload, no-any-return]


def _read_subarray(reader: Reader, depth_left: int, fields_left: list[int]) -> Dtype:
    import numpy as np

    dimensions = reader.varint()
    reader.at_most("dimensions", dimensions, reader.limits.dimensions)
    shape = tuple(reader.varint() for _ in range(dimensions))
    base = _read(reader, depth_left - 1, fields_left)
    if base.itemsize * _product(shape) > _MAX_ITEMSIZE or 0 in shape or base.itemsize == 0:
        reader.refuse(f"a subarray of shape {shape}")
    return np.dtype((base, shape))


def _pay_fields(purse: Reader | Writer, count: int, fields_left: list[int]) -> None:
    fields_left[0] -= count
    if fields_left[0] < 0:
        purse.refuse(f"a dtype of more than {purse.limits.dtype_fields:,} fields")
    purse.charge(_FIELD_NODES * (1 + count), _FIELD_BYTES * (1 + count))


def _lie_apart(extents: list[tuple[int, int]], itemsize: int) -> bool:
    """Answer whether fields, given as (offset, size), stay in the item and do not overlap."""
    end = 0
    for offset, size in sorted(extents):
        if offset < end:
            return False
        end = offset + size
    return end <= itemsize


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for length in shape:
        result *= length
    return result


@lru_cache(maxsize=256)
def _named(name: bytes) -> Dtype:
    import numpy as np

    text = name.decode("latin-1")
    if not _NAME.fullmatch(text):
        raise DecodeError(f"not an accepted dtype: {text!a}")
    dtype = np.dtype(text)
    if dtype.str != text:
        raise DecodeError(f"a dtype that is not in its own form: {text!a}")
    return dtype


def _remedy(dtype: Dtype) -> str:
    if dtype.hasobject:
        return "records that hold Python objects are not carried; return a list of dicts"
    if dtype.kind in "fc":
        return f"numpy's {dtype.name} differs between machines; use .astype('float64')"
    return f"numpy's dtype {dtype} is not carried; use .astype(object) or .tolist()"
