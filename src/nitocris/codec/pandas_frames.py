"""pandas' Series, DataFrame and scalars.

SERIES     index, column, name, attrs
FRAME      index, columns, attrs, then one array of two dimensions or the columns one by one
TIMESTAMP  unit, ticks in UTC, zone
"""

from __future__ import annotations

import struct
import sys
from functools import cache
from typing import Any

from nitocris.codec import tags
from nitocris.codec.limits import VALUE_BYTES
from nitocris.codec.pandas_columns import (
    import_pandas,
    is_plain,
    read_column,
    write_array,
    write_column,
)
from nitocris.codec.pandas_labels import encode_index, encode_multi_index, encode_range_index
from nitocris.codec.pandas_zones import (
    YEARS,
    have_calendar_years,
    read_pandas_zone,
    write_pandas_zone,
)
from nitocris.codec.wire import ENCODERS, Encoder, Reader, UnencodableError, Writer, decodes

_SERIES_NODES = 40
_FRAME_NODES = 100
_COLUMN_NODES = 20
_SCALAR_NODES = 10
_ZONED_SCALAR_NODES = 60
_FRAME_BYTES = 4096

_ONE_ARRAY, _BY_COLUMN = range(2)
_UNITS = ("s", "ms", "us", "ns")
_CLOSED = ("right", "left", "both", "neither")
_TICKS = struct.Struct("<Bq")


def find_encoder(_: Writer, value: Any) -> Encoder | None:
    """Recognise pandas' values without importing pandas."""
    cls = type(value)
    if "pandas" not in sys.modules or not cls.__module__.startswith("pandas"):
        return None
    encoder = _encoders().get(cls)
    if encoder is not None:
        ENCODERS[cls] = encoder
    return encoder


@cache
def _encoders() -> dict[type, Encoder]:
    pd = import_pandas()
    return {
        pd.Series: _encode_series,
        pd.DataFrame: _encode_frame,
        pd.Index: encode_index,
        pd.DatetimeIndex: encode_index,
        pd.TimedeltaIndex: encode_index,
        pd.CategoricalIndex: encode_index,
        pd.IntervalIndex: encode_index,
        pd.RangeIndex: encode_range_index,
        pd.MultiIndex: encode_multi_index,
        pd.Categorical: _encode_array,
        pd.arrays.IntegerArray: _encode_array,
        pd.arrays.FloatingArray: _encode_array,
        pd.arrays.BooleanArray: _encode_array,
        pd.arrays.StringArray: _encode_array,
        pd.arrays.IntervalArray: _encode_array,
        pd.Timestamp: _encode_timestamp,
        pd.Timedelta: _encode_timedelta,
        pd.Interval: _encode_interval,
        type(pd.NaT): _encode_nat,
        type(pd.NA): _encode_na,
    }


def _encode_array(writer: Writer, value: Any) -> None:
    write_array(writer, value, value)


def _encode_series(writer: Writer, series: Any) -> None:
    writer.enter()
    writer.charge(_SERIES_NODES, _FRAME_BYTES)
    writer.buffer.append(tags.SERIES)
    writer.write(series.index)
    write_column(writer, series, series.array)
    writer.write(series.name)
    writer.write(dict(series.attrs))
    writer.leave()


@decodes(tags.SERIES)
def _decode_series(reader: Reader) -> Any:
    pd = import_pandas()
    reader.enter()
    reader.charge(_SERIES_NODES, _FRAME_BYTES)
    index = _read_labels(reader)
    column = read_column(reader)
    name = reader.read()
    attributes = _read_attributes(reader)
    reader.leave()
    dtype = object if column.dtype == object else None
    series = pd.Series(column, index=index, dtype=dtype, name=name, copy=False)
    series.attrs = attributes
    return series


def _encode_frame(writer: Writer, frame: Any) -> None:
    writer.enter()
    rows, width = frame.shape
    writer.charge(_FRAME_NODES, _FRAME_BYTES)
    writer.buffer.append(tags.FRAME)
    writer.write(frame.index)
    writer.write(frame.columns)
    writer.write(dict(frame.attrs))
    if _is_one_array(frame):
        writer.buffer.append(_ONE_ARRAY)
        writer.write(frame.to_numpy())
    else:
        writer.buffer.append(_BY_COLUMN)
        writer.charge(_COLUMN_NODES * width, 8 * rows)
        for position in range(width):
            _write_frame_column(writer, frame, frame.iloc[:, position])
    writer.leave()


def _write_frame_column(writer: Writer, frame: Any, column: Any) -> None:
    name = column.name
    try:
        write_column(writer, column, column.array)
    except UnencodableError as error:
        if error.value is column:
            raise UnencodableError(frame, f"in its column {name!r}, {error}") from None
        raise


def _is_one_array(frame: Any) -> bool:
    """Answer whether all columns have the same numpy dtype, other than object."""
    import numpy as np

    dtypes = set(frame.dtypes)
    if len(dtypes) != 1:
        return False
    dtype = dtypes.pop()
    return isinstance(dtype, np.dtype) and dtype.kind != "O" and is_plain(np.empty(0, dtype))


@decodes(tags.FRAME)
def _decode_frame(reader: Reader) -> Any:
    pd = import_pandas()
    reader.enter()
    reader.charge(_FRAME_NODES, _FRAME_BYTES)
    index, columns = _read_labels(reader), _read_labels(reader)
    attributes = _read_attributes(reader)
    form = reader.byte()
    if form == _ONE_ARRAY:
        values = reader.read_one_of((tags.ARRAY,), "a DataFrame's array")
        if values.ndim != 2 or not is_plain(values):
            reader.refuse("a DataFrame of data that pandas does not hold")
        frame = pd.DataFrame(values, index=index, columns=columns, copy=False)
    elif form == _BY_COLUMN:
        reader.charge(_COLUMN_NODES * len(columns), 8 * len(index))
        data = {n: _as_column(read_column(reader), index) for n in range(len(columns))}
        frame = pd.DataFrame(data, index=index, columns=range(len(columns)), copy=False)
        frame.columns = columns
    else:
        reader.refuse(f"unknown form of a DataFrame: {form}")
    reader.leave()
    frame.attrs = attributes
    return frame


def _as_column(column: Any, index: Any) -> Any:
    """Keep pandas 3 from looking for texts in an object array."""
    if column.dtype != object:
        return column
    return import_pandas().Series(column, index=index, dtype=object, copy=False)


def _read_labels(reader: Reader) -> Any:
    return reader.read_one_of(tags.INDEXES, "labels")


def _read_attributes(reader: Reader) -> dict[Any, Any]:
    attributes: dict[Any, Any] = reader.read_one_of((tags.DICT,), "attrs")
    return attributes


def _encode_timestamp(writer: Writer, value: Any) -> None:
    zone = value.tz
    if zone is not None and not have_calendar_years(value.asm8):
        raise UnencodableError(value, YEARS)
    writer.charge(_ZONED_SCALAR_NODES if zone else _SCALAR_NODES, 4 * VALUE_BYTES)
    writer.buffer.append(tags.TIMESTAMP)
    _write_ticks(writer, value)
    write_pandas_zone(writer, zone)


@decodes(tags.TIMESTAMP)
def _decode_timestamp(reader: Reader) -> Any:
    import numpy as np

    pd = import_pandas()
    unit, ticks = _read_ticks(reader)
    zone = read_pandas_zone(reader)
    reader.charge(_ZONED_SCALAR_NODES if zone else _SCALAR_NODES, 4 * VALUE_BYTES)
    exact = np.int64(ticks).view(f"M8[{unit}]")
    if zone is not None and not have_calendar_years(exact):
        reader.refuse(YEARS)
    stamp = pd.Timestamp(exact)
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


def _encode_timedelta(writer: Writer, value: Any) -> None:
    writer.charge(_SCALAR_NODES, 4 * VALUE_BYTES)
    writer.buffer.append(tags.PANDAS_TIMEDELTA)
    _write_ticks(writer, value)


@decodes(tags.PANDAS_TIMEDELTA)
def _decode_timedelta(reader: Reader) -> Any:
    import numpy as np

    pd = import_pandas()
    reader.charge(_SCALAR_NODES, 4 * VALUE_BYTES)
    unit, ticks = _read_ticks(reader)
    return pd.Timedelta(np.int64(ticks).view(f"m8[{unit}]"))


def _write_ticks(writer: Writer, value: Any) -> None:
    import numpy as np

    exact = value.asm8
    writer.buffer += _TICKS.pack(_UNITS.index(np.datetime_data(exact.dtype)[0]), exact.view("i8"))


def _read_ticks(reader: Reader) -> tuple[str, int]:
    unit, ticks = _TICKS.unpack(reader.take(_TICKS.size))
    if unit >= len(_UNITS) or ticks == -(2**63):
        reader.refuse("a date or duration that is none")
    return _UNITS[unit], ticks


def _encode_interval(writer: Writer, value: Any) -> None:
    writer.enter()
    writer.charge(_SCALAR_NODES, 4 * VALUE_BYTES)
    writer.buffer.append(tags.INTERVAL)
    writer.buffer.append(_CLOSED.index(value.closed))
    writer.write(value.left)
    writer.write(value.right)
    writer.leave()


@decodes(tags.INTERVAL)
def _decode_interval(reader: Reader) -> Any:
    pd = import_pandas()
    reader.enter()
    reader.charge(_SCALAR_NODES, 4 * VALUE_BYTES)
    closed = reader.byte()
    if closed >= len(_CLOSED):
        reader.refuse("an interval that is closed in an unknown way")
    left, right = reader.read(), reader.read()
    reader.leave()
    return pd.Interval(left, right, closed=_CLOSED[closed])


def _encode_nat(writer: Writer, _: object) -> None:
    writer.buffer.append(tags.NAT)


@decodes(tags.NAT)
def _decode_nat(_: Reader) -> Any:
    return import_pandas().NaT


def _encode_na(writer: Writer, _: object) -> None:
    writer.buffer.append(tags.NA)


@decodes(tags.NA)
def _decode_na(_: Reader) -> Any:
    return import_pandas().NA
