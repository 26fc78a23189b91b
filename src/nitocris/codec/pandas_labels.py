"""pandas' indexes.

INDEX        column, name, frequency or None
RANGE_INDEX  start, stop, step, name
MULTI_INDEX  count, for each level: index, codes; names
"""

from __future__ import annotations

import re
from typing import Any

from nitocris.codec import tags
from nitocris.codec.hashes import pay_for_labels
from nitocris.codec.pandas_columns import import_pandas, read_column, read_vector, write_column
from nitocris.codec.scalars import read_integer
from nitocris.codec.wire import Reader, Writer, decodes

_INDEX_NODES = 30
_MULTI_INDEX_NODES = 200
_LEVEL_NODES = 30
_INDEX_BYTES = 2048

_FREQUENCY = re.compile(
    r"(?P<count>-?[1-9]\d{0,5})?"
    r"(?:(?P<fixed>D|h|min|s|ms|us|ns)|B|W-[A-Z]{3}|[BS]?M[SE]|B?[QY][SE]-[A-Z]{3})",
    re.ASCII,
)
_FREQUENCY_NODES = 150
_CALENDAR_NODES = 10
"""Per date: pandas steps through a calendar's dates in Python to see whether the index agrees."""


def encode_index(writer: Writer, index: Any) -> None:
    """Append an Index that is neither a RangeIndex nor a MultiIndex."""
    writer.enter()
    writer.charge(_INDEX_NODES, _INDEX_BYTES)
    writer.buffer.append(tags.INDEX)
    write_column(writer, index, index.array)
    writer.write(index.name)
    _write_frequency(writer, index)
    writer.leave()


@decodes(tags.INDEX)
def _decode_index(reader: Reader) -> Any:
    pd = import_pandas()
    reader.enter()
    reader.charge(_INDEX_NODES, _INDEX_BYTES)
    column = read_column(reader)
    name = reader.read()
    # An object array stays one: pandas 3 would look for texts in it.
    dtype = object if column.dtype == object else None
    index = pd.Index(column, dtype=dtype, name=name, copy=False)
    frequency = _read_frequency(reader, len(index))
    reader.leave()
    if frequency is not None:
        index = type(index)(index, freq=frequency, name=name)
    return index


def _write_frequency(writer: Writer, index: Any) -> None:
    """Append the frequency of dates, if it is among the common ones; it can be inferred again."""
    frequency = getattr(index, "freqstr", None)
    match = _FREQUENCY.fullmatch(frequency or "")
    if match is None or (not match["fixed"] and len(index) > 1000):
        writer.write(None)
        return
    writer.charge(_frequency_nodes(match, len(index)), _INDEX_BYTES)
    writer.write(frequency)


def _read_frequency(reader: Reader, length: int) -> str | None:
    frequency: str | None = reader.read_one_of((tags.NONE, tags.STR), "a frequency")
    if frequency is None:
        return None
    match = _FREQUENCY.fullmatch(frequency)
    if match is None or (not match["fixed"] and length > 1000):
        reader.refuse(f"an unknown frequency: {frequency!a:.40}")
    reader.charge(_frequency_nodes(match, length), _INDEX_BYTES)
    return match.string


def _frequency_nodes(match: re.Match[str], length: int) -> int:
    return _FREQUENCY_NODES + (0 if match["fixed"] else _CALENDAR_NODES * length)


def encode_range_index(writer: Writer, index: Any) -> None:
    """Append a RangeIndex."""
    writer.enter()
    _charge_range(writer, len(index))
    writer.buffer.append(tags.RANGE_INDEX)
    for number in (index.start, index.stop, index.step):
        writer.write(int(number))
    writer.write(index.name)
    writer.leave()


@decodes(tags.RANGE_INDEX)
def _decode_range_index(reader: Reader) -> Any:
    pd = import_pandas()
    reader.enter()
    numbers = range(read_integer(reader), read_integer(reader), read_integer(reader))
    _charge_range(reader, len(numbers))
    name = reader.read()
    reader.leave()
    return pd.RangeIndex(numbers, name=name)


def _charge_range(purse: Reader | Writer, length: int) -> None:
    # pandas turns it into an array on many occasions.
    purse.charge(_INDEX_NODES, _INDEX_BYTES + 8 * length)


def encode_multi_index(writer: Writer, index: Any) -> None:
    """Append a MultiIndex."""
    writer.enter()
    writer.charge(_MULTI_INDEX_NODES + _LEVEL_NODES * index.nlevels, _INDEX_BYTES + 8 * len(index))
    writer.buffer.append(tags.MULTI_INDEX)
    writer.varint(index.nlevels)
    for level, codes in zip(index.levels, index.codes, strict=True):
        writer.write(level.rename(None))
        pay_for_labels(writer, level)
        writer.write(codes)
    for name in index.names:
        writer.write(name)
    writer.leave()


@decodes(tags.MULTI_INDEX)
def _decode_multi_index(reader: Reader) -> Any:
    pd = import_pandas()
    reader.enter()
    count = reader.varint()
    reader.charge(_MULTI_INDEX_NODES + _LEVEL_NODES * count, _INDEX_BYTES)
    levels: list[Any] = []
    codes: list[Any] = []
    for _ in range(count):
        levels.append(reader.read_one_of((tags.INDEX, tags.RANGE_INDEX), "a level"))
        pay_for_labels(reader, levels[-1])
        codes.append(read_vector(reader, "i"))
    names = [reader.read() for _ in range(count)]
    reader.leave()
    reader.charge(0, 8 * len(codes[0]) if codes else 0)
    return pd.MultiIndex(levels=levels, codes=codes, names=names, verify_integrity=True)
