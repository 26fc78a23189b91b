"""The body of every list-like value: its items one by one, or packed if they are alike.

    form  1 byte
    count varint
    ...   ONE_BY_ONE: the items, each with its tag
          FLOATS, INTS_n, BOOLS: n bytes an item
          STRS: one text, the items joined by NUL
          TUPLE_COLUMNS, DICT_COLUMNS: the width, for dicts the keys, then a sequence per column
          NUMPY_SCALARS: a dtype and the data

Packing makes a list of 10,000 floats a matter of microseconds instead of milliseconds.
Whatever the form, the depth that counts is that of the value, not that of its encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from nitocris.codec import tags
from nitocris.codec.limits import (
    DICT_ENTRY_BYTES,
    FLOAT_BYTES,
    INT_BYTES,
    TEXT_BYTES,
    VALUE_BYTES,
)
from nitocris.codec.wire import ENCODERS, Reader, Writer, text_memory

_SEQUENCE_NODES = 1
_SLOT_BYTES = 8
_PACK_FROM = 8
"""Shorter sequences are not worth the look at all their types."""

_MAX_COLUMNS = 4_096
_PACKED_PER_NODE = 64
_TUPLES_PER_NODE = 8
_DICTS_PER_NODE = 2
"""So many cost about a microsecond to unpack, or to build from columns."""
_TUPLE_BYTES = 64
_DICT_BYTES = 72

_INT_FORMS = ((tags.INTS_1, "b", 1), (tags.INTS_2, "h", 2), (tags.INTS_4, "i", 4),
              (tags.INTS_8, "q", 8))  # fmt: skip


def write_sequence(writer: Writer, items: Sequence[Any]) -> None:
    """Append the items in the most compact form that they allow."""
    writer.enter()
    writer.charge(_SEQUENCE_NODES, 0)
    if len(items) < _PACK_FROM or not _write_packed(writer, items):
        writer.charge(len(items), VALUE_BYTES * len(items))
        buffer = writer.buffer
        buffer.append(tags.ONE_BY_ONE)
        writer.varint(len(items))
        encoder_of = ENCODERS.get
        for item in items:
            (encoder_of(type(item)) or writer.find_encoder(item))(writer, item)
    writer.leave()


def read_sequence(reader: Reader) -> list[Any]:
    """Take the items of a sequence in any form."""
    reader.enter()
    reader.charge(_SEQUENCE_NODES, 0)
    form = reader.byte()
    count = reader.varint()
    if form == tags.ONE_BY_ONE:
        # Each item has at least one byte.
        if count > len(reader.data) - reader.position:
            reader.refuse(f"a sequence of {count:,} items in fewer bytes")
        reader.charge(count, VALUE_BYTES * count)
        read = reader.read
        items = [read() for _ in range(count)]
    elif form in _PACKED_FORMS:
        items = _PACKED_FORMS[form](reader, count)
    else:
        reader.refuse(f"unknown form of a sequence: 0x{form:02x}")
    reader.leave()
    return items


def _write_packed(writer: Writer, items: Sequence[Any]) -> bool:
    pack = _PACKERS.get(type(items[0]))
    if pack is None:
        pack = _find_packer(type(items[0]))
    if pack is None or len(set(map(type, items))) != 1:
        return False
    return pack(writer, items)


def _write_floats(writer: Writer, items: Sequence[float]) -> bool:
    count = len(items)
    _charge_packed(writer, count, FLOAT_BYTES)
    writer.buffer.append(tags.FLOATS)
    writer.varint(count)
    writer.payload(struct.pack(f"<{count}d", *items))
    return True


def _read_floats(reader: Reader, count: int) -> list[Any]:
    data = reader.take(8 * count)
    _charge_packed(reader, count, FLOAT_BYTES)
    return list(struct.unpack(f"<{count}d", data))


def _write_ints(writer: Writer, items: Sequence[int]) -> bool:
    count = len(items)
    for form, code, _size in _INT_FORMS:
        try:
            data = struct.pack(f"<{count}{code}", *items)
        except struct.error:
            continue
        _charge_packed(writer, count, INT_BYTES)
        writer.buffer.append(form)
        writer.varint(count)
        writer.payload(data)
        return True
    return False


def _ints_reader(code: str, size: int) -> Callable[[Reader, int], list[Any]]:
    def read_ints(reader: Reader, count: int) -> list[Any]:
        data = reader.take(size * count)
        _charge_packed(reader, count, INT_BYTES)
        return list(struct.unpack(f"<{count}{code}", data))

    return read_ints


def _write_bools(writer: Writer, items: Sequence[bool]) -> bool:
    _charge_packed(writer, len(items), 2 * _SLOT_BYTES)
    writer.buffer.append(tags.BOOLS)
    writer.varint(len(items))
    writer.payload(bytes(items))
    return True


def _read_bools(reader: Reader, count: int) -> list[Any]:
    data = reader.take(count)
    _charge_packed(reader, count, 2 * _SLOT_BYTES)
    if count and max(data) > 1:
        reader.refuse("a bool that is neither 0 nor 1")
    return list(struct.unpack(f"{count}?", data))


def _write_strs(writer: Writer, items: Sequence[str]) -> bool:
    joined = "\0".join(items)
    if joined.count("\0") != len(items) - 1:
        return False
    data = joined.encode("utf-8", "surrogatepass")
    _charge_packed(writer, len(items), TEXT_BYTES)
    writer.charge(0, text_memory(len(data), ascii_only=joined.isascii()))
    writer.buffer.append(tags.STRS)
    writer.varint(len(items))
    writer.varint(len(data))
    writer.payload(data)
    return True


def _read_strs(reader: Reader, count: int) -> list[Any]:
    data = bytes(reader.take(reader.varint()))
    if count > len(data) + 1:
        reader.refuse(f"{count:,} texts in {len(data):,} bytes")
    _charge_packed(reader, count, TEXT_BYTES)
    reader.charge(0, text_memory(len(data), ascii_only=data.isascii()))
    # Counted before the split, which would build as many texts as there are NULs.
    if data.count(0) != count - 1:
        reader.refuse("not as many texts as announced")
    return data.decode("utf-8", "surrogatepass").split("\0")


def _write_tuples(writer: Writer, items: Sequence[tuple[Any, ...]]) -> bool:
    width = len(items[0])
    if not 0 < width <= _MAX_COLUMNS or set(map(len, items)) != {width}:
        return False
    _charge_tuples(writer, len(items), width)
    writer.buffer.append(tags.TUPLE_COLUMNS)
    writer.varint(len(items))
    writer.varint(width)
    for column in zip(*items, strict=True):
        write_sequence(writer, column)
    return True


def _read_tuples(reader: Reader, count: int) -> list[Any]:
    width = _read_width(reader)
    _charge_tuples(reader, count, width)
    return list(zip(*_read_columns(reader, count, width), strict=True))


def _write_dicts(writer: Writer, items: Sequence[dict[Any, Any]]) -> bool:
    keys = list(items[0])
    if not 0 < len(keys) <= _MAX_COLUMNS or any(list(item) != keys for item in items):
        return False
    # A key of another type may be equal to a str: numpy's own, for one.
    if set(map(type, chain.from_iterable(items))) != {str}:
        return False
    _charge_dicts(writer, len(items), len(keys))
    writer.buffer.append(tags.DICT_COLUMNS)
    writer.varint(len(items))
    writer.varint(len(keys))
    for key in keys:
        writer.text(key)
        write_sequence(writer, [item[key] for item in items])
    return True


def _read_dicts(reader: Reader, count: int) -> list[Any]:
    width = _read_width(reader)
    _charge_dicts(reader, count, width)
    keys = []
    columns = []
    for _ in range(width):
        keys.append(reader.text())
        columns += _read_columns(reader, count, 1)
    if len(set(keys)) != width:
        reader.refuse("a dict with a key that occurs twice")
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def _charge_packed(purse: Reader | Writer, count: int, item_bytes: int) -> None:
    purse.charge(1 + count // _PACKED_PER_NODE, item_bytes * count)


def _charge_tuples(purse: Reader | Writer, count: int, width: int) -> None:
    purse.charge(1 + count // _TUPLES_PER_NODE, (_TUPLE_BYTES + _SLOT_BYTES * width) * count)


def _charge_dicts(purse: Reader | Writer, count: int, width: int) -> None:
    purse.charge(1 + count // _DICTS_PER_NODE, (_DICT_BYTES + DICT_ENTRY_BYTES * width) * count)


def _read_width(reader: Reader) -> int:
    width = reader.varint()
    if not 0 < width <= _MAX_COLUMNS:
        reader.refuse(f"a table of {width:,} columns")
    return width


def _read_columns(reader: Reader, count: int, width: int) -> list[list[Any]]:
    columns = []
    for _ in range(width):
        column = read_sequence(reader)
        if len(column) != count:
            reader.refuse(f"a column of {len(column):,} items in a table of {count:,} rows")
        columns.append(column)
    return columns


Packer = Callable[[Writer, Sequence[Any]], bool]

_PACKERS: dict[type, Packer] = {
    float: _write_floats,
    int: _write_ints,
    bool: _write_bools,
    str: _write_strs,
    tuple: _write_tuples,
    dict: _write_dicts,
}
"""By the type that all items have; answers False if the items cannot be packed after all."""

_PACKED_FORMS: dict[int, Callable[[Reader, int], list[Any]]] = {
    tags.FLOATS: _read_floats,
    **{form: _ints_reader(code, size) for form, code, size in _INT_FORMS},
    tags.BOOLS: _read_bools,
    tags.STRS: _read_strs,
    tags.TUPLE_COLUMNS: _read_tuples,
    tags.DICT_COLUMNS: _read_dicts,
}

PACKER_FINDERS: list[Callable[[type], Packer | None]] = []
"""Asked for types that are not in the table: numpy's scalars."""


def _find_packer(item_type: type) -> Packer | None:
    for finder in PACKER_FINDERS:
        packer = finder(item_type)
        if packer is not None:
            return packer
    return None


def add_packed_form(form: int, read: Callable[[Reader, int], list[Any]]) -> None:
    """Enter another packed form, for a kind that lives in its own module."""
    _PACKED_FORMS[form] = read
