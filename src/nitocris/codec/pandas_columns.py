"""One-dimensional pandas data: the array of a Series, an Index or a DataFrame's column.

    numpy data      a numpy array
    MASKED_COLUMN   values, mask                      Int64, Float32, boolean …
    STRING_COLUMN   flags, texts, mask or None        str, string
    CATEGORICAL     ordered, codes, categories
    ZONED_COLUMN    ticks in UTC, zone                datetime64[ns, Europe/Paris]
    INTERVAL_COLUMN closed, left, right

Only public constructors are used, those that check their arguments; never `__setstate__`, never
the internal blocks, never Arrow.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nitocris.codec import tags
from nitocris.codec.hashes import pay_for_labels
from nitocris.codec.pandas_zones import (
    YEARS,
    have_calendar_years,
    read_pandas_zone,
    write_pandas_zone,
)
from nitocris.codec.sequences import read_sequence, write_sequence
from nitocris.codec.wire import Reader, UnencodableError, Writer, decodes
from nitocris.errors import DecodeError

# What the constructors cost, measured with pandas 3.1: about a microsecond a node.
_COLUMN_NODES = 20
_MASKED_NODES = 10
_ZONED_NODES = 120
_CATEGORICAL_NODES = 20
_INTERVAL_NODES = 150
_COLUMN_BYTES = 1024

_NUMPY_KINDS = "biufcmMO"
_UNITS = ("s", "ms", "us", "ns")
_CLOSED = ("right", "left", "both", "neither")

_NAN_FOR_MISSING = 1
_DEFAULT_STORAGE, _PYTHON_STORAGE, _ARROW_STORAGE = range(0, 6, 2)
_STORAGES = {_DEFAULT_STORAGE: None, _PYTHON_STORAGE: "python", _ARROW_STORAGE: "pyarrow"}
_PYARROW_NODES = 100


_SIGNALING = "pandas cannot handle a column with a signaling NaN of Decimal"


def import_pandas() -> Any:
    """Answer the module.

    Raises:
        DecodeError: It is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise DecodeError(
            "the result holds pandas objects, but pandas is not installed here: "
            "`pip install pandas`"
        ) from None
    return pandas


def write_column(writer: Writer, owner: Any, array: Any) -> None:
    """Append the data of a Series or Index, of which `array` is the `.array`."""
    writer.charge(_COLUMN_NODES, _COLUMN_BYTES)
    write_array(writer, owner, array)


def write_array(writer: Writer, owner: Any, array: Any) -> None:
    """Append an array of pandas, alone or as the data of `owner`."""
    pd = import_pandas()
    arrays = pd.arrays
    if isinstance(array, (arrays.IntegerArray, arrays.FloatingArray, arrays.BooleanArray)):
        _write_masked(writer, array)
    elif isinstance(array.dtype, pd.StringDtype):
        _write_strings(writer, array)
    elif isinstance(array, pd.Categorical):
        _write_categorical(writer, array)
    elif isinstance(array.dtype, pd.DatetimeTZDtype):
        _write_zoned(writer, array)
    elif isinstance(array, arrays.IntervalArray):
        _write_intervals(writer, array)
    elif isinstance(
        array, (arrays.NumpyExtensionArray, arrays.DatetimeArray, arrays.TimedeltaArray)
    ) and is_plain(array.to_numpy()):
        if holds_signaling(array.to_numpy()):
            raise UnencodableError(owner, f"{_SIGNALING}; use Decimal('NaN') or None")
        writer.write(array.to_numpy())
    else:
        raise UnencodableError(owner, _remedy(array.dtype))


def read_column(reader: Reader) -> Any:
    """Take one-dimensional data."""
    reader.charge(_COLUMN_NODES, _COLUMN_BYTES)
    tag = reader.data[reader.position]
    if tag in (tags.ARRAY, tags.OBJECT_ARRAY):
        array = reader.read()
        if not is_plain(array) or array.ndim != 1:  # type: ignore[attr-defined]
            reader.refuse("a column of data that pandas does not hold")
        if holds_signaling(array):
            reader.refuse(_SIGNALING)
        return array
    if tag not in _COLUMN_TAGS:
        reader.refuse(f"no column has the tag 0x{tag:02x}")
    return reader.read()


def is_plain(array: Any) -> bool:
    """Answer whether pandas holds data of this dtype as a numpy array."""
    import numpy as np

    dtype = array.dtype
    if dtype.kind not in _NUMPY_KINDS or not dtype.isnative or dtype.subdtype is not None:
        return False
    return dtype.kind not in "mM" or (
        np.datetime_data(dtype)[0] in _UNITS and np.datetime_data(dtype)[1] == 1
    )


def holds_signaling(array: Any) -> bool:
    """Answer whether there is a signaling NaN among objects: pandas cannot even show a column."""
    if array.dtype != object:
        return False
    return any(type(each) is Decimal and each.is_snan() for each in array.flat)


def _write_masked(writer: Writer, array: Any) -> None:
    mask = array.isna()
    fill: Any = False if array.dtype.kind == "b" else 0
    writer.charge(_MASKED_NODES, _COLUMN_BYTES)
    writer.buffer.append(tags.MASKED_COLUMN)
    writer.write(array.to_numpy(dtype=array.dtype.numpy_dtype, na_value=fill))
    writer.write(mask)


@decodes(tags.MASKED_COLUMN)
def _decode_masked(reader: Reader) -> Any:
    arrays = import_pandas().arrays
    reader.charge(_MASKED_NODES, _COLUMN_BYTES)
    values, mask = read_vector(reader, "biuf"), read_vector(reader, "b")
    if values.dtype.kind == "b":
        return arrays.BooleanArray(values, mask)
    if values.dtype.kind == "f":
        return arrays.FloatingArray(values, mask)
    return arrays.IntegerArray(values, mask)


def read_vector(reader: Reader, kinds: str) -> Any:
    """Take a numpy array of one dimension whose dtype is of one of the kinds."""
    if reader.data[reader.position] != tags.ARRAY:
        reader.refuse("a column without its array")
    array: Any = reader.read()
    if array.ndim != 1 or array.dtype.kind not in kinds or not array.dtype.isnative:
        reader.refuse(f"a column's part with the dtype {array.dtype}")
    return array


def _write_strings(writer: Writer, array: Any) -> None:
    pd = import_pandas()
    dtype = array.dtype
    # pandas 2.2 has no na_value; its only dtype with NaN is called pyarrow_numpy.
    na_value = getattr(dtype, "na_value", pd.NA)
    flags = _NAN_FOR_MISSING if na_value is not pd.NA else 0
    # The default differs between machines, and the default is what most people want.
    if dtype.storage != _string_dtype(flags | _DEFAULT_STORAGE).storage:
        flags |= _PYTHON_STORAGE if dtype.storage == "python" else _ARROW_STORAGE
    mask = array.isna()
    texts = array.to_numpy(dtype=object, na_value="").tolist()
    writer.charge(_PYARROW_NODES, 0)
    writer.buffer.append(tags.STRING_COLUMN)
    writer.buffer.append(flags)
    write_sequence(writer, texts)
    writer.write(mask if mask.any() else None)


@decodes(tags.STRING_COLUMN)
def _decode_strings(reader: Reader) -> Any:
    import numpy as np

    pd = import_pandas()
    reader.charge(_PYARROW_NODES, 0)
    flags = reader.byte()
    if flags & ~_NAN_FOR_MISSING not in _STORAGES:
        reader.refuse("a text column of an unknown kind")
    texts = read_sequence(reader)
    if not set(map(type, texts)) <= {str}:
        reader.refuse("a text column with something else")
    values = np.fromiter(texts, dtype=object, count=len(texts))
    if reader.data[reader.position] == tags.NONE:
        reader.position += 1
    else:
        mask = read_vector(reader, "b")
        values[mask] = np.nan if flags & _NAN_FOR_MISSING else pd.NA
    dtype = _string_dtype(flags)
    return values if dtype is None else pd.array(values, dtype=dtype)


def _string_dtype(flags: int) -> Any:
    """Answer the dtype for the flags, or the nearest that this installation has."""
    import numpy as np

    pd = import_pandas()
    storage = _STORAGES[flags & ~_NAN_FOR_MISSING]
    na_value = np.nan if flags & _NAN_FOR_MISSING else pd.NA
    try:
        return pd.StringDtype(storage, na_value=na_value)
    except ImportError:  # pyarrow is not here
        return pd.StringDtype("python", na_value=na_value)
    except TypeError:  # pandas 2.2
        return pd.StringDtype() if na_value is pd.NA else None


def _write_categorical(writer: Writer, array: Any) -> None:
    writer.enter()
    writer.charge(_CATEGORICAL_NODES, _COLUMN_BYTES)
    writer.buffer.append(tags.CATEGORICAL)
    writer.buffer.append(bool(array.ordered))
    writer.write(array.codes)
    writer.write(array.categories)
    pay_for_labels(writer, array.categories)
    writer.leave()


@decodes(tags.CATEGORICAL)
def _decode_categorical(reader: Reader) -> Any:
    pd = import_pandas()
    reader.enter()
    reader.charge(_CATEGORICAL_NODES, _COLUMN_BYTES)
    ordered = reader.byte()
    codes = read_vector(reader, "i")
    categories = reader.read_one_of((tags.INDEX, tags.RANGE_INDEX), "categories")
    pay_for_labels(reader, categories)
    reader.leave()
    if ordered > 1:
        reader.refuse("a categorical that is not well described")
    return pd.Categorical.from_codes(codes, categories=categories, ordered=bool(ordered))


def _write_zoned(writer: Writer, array: Any) -> None:
    writer.charge(_ZONED_NODES, _COLUMN_BYTES)
    ticks = array.tz_convert(None).to_numpy()
    if not have_calendar_years(ticks):
        raise UnencodableError(array, YEARS)
    writer.buffer.append(tags.ZONED_COLUMN)
    writer.write(ticks)
    write_pandas_zone(writer, array.dtype.tz)


@decodes(tags.ZONED_COLUMN)
def _decode_zoned(reader: Reader) -> Any:
    pd = import_pandas()
    reader.charge(_ZONED_NODES, _COLUMN_BYTES)
    ticks = read_vector(reader, "M")
    zone = read_pandas_zone(reader)
    if zone is None or not is_plain(ticks):
        reader.refuse("a column of zoned dates without a zone or unit")
    if not have_calendar_years(ticks):
        reader.refuse(YEARS)
    return pd.DatetimeIndex(ticks).tz_localize("UTC").tz_convert(zone).array


def _write_intervals(writer: Writer, array: Any) -> None:
    writer.enter()
    writer.charge(_INTERVAL_NODES, _COLUMN_BYTES)
    writer.buffer.append(tags.INTERVAL_COLUMN)
    writer.buffer.append(_CLOSED.index(array.closed))
    writer.write(array.left)
    writer.write(array.right)
    writer.leave()


@decodes(tags.INTERVAL_COLUMN)
def _decode_intervals(reader: Reader) -> Any:
    pd = import_pandas()
    reader.enter()
    reader.charge(_INTERVAL_NODES, _COLUMN_BYTES)
    closed = reader.byte()
    left, right = (reader.read_one_of((tags.INDEX, tags.RANGE_INDEX), "ends") for _ in "lr")
    reader.leave()
    if closed >= len(_CLOSED):
        reader.refuse("intervals that are closed in an unknown way")
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=_CLOSED[closed])


_COLUMN_TAGS = {
    tags.MASKED_COLUMN,
    tags.STRING_COLUMN,
    tags.CATEGORICAL,
    tags.ZONED_COLUMN,
    tags.INTERVAL_COLUMN,
}


def _remedy(dtype: Any) -> str:
    text = str(dtype)
    if text.startswith("Sparse"):
        return f"pandas' dtype {text} is not carried; use .sparse.to_dense()"
    if text.startswith("period"):
        return f"pandas' dtype {text} is not carried; use .dt.to_timestamp() or .astype(str)"
    if "pyarrow" in text:
        return (
            f"pandas' dtype {text} is not carried; use .convert_dtypes() or .astype() with a "
            "numpy dtype"
        )
    return f"pandas' dtype {text} is not carried; use .astype(object) or another dtype"
