"""When is a value that came back the value that was sent?  `==` is not enough.

`1 == True == 1.0`, `nan != nan`, `0.0 == -0.0`, and the order of a dict, the bits of a NaN or the
unit of a date do not take part in `==`.
"""

from __future__ import annotations

import dataclasses
import struct
from collections import defaultdict, deque
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd


def assert_same(left: Any, right: Any) -> None:
    """Fail unless two values are of the same type and cannot be told apart."""
    assert type(left) is type(right), f"{type(left)} is not {type(right)}"
    if isinstance(left, Enum) or left is None or isinstance(left, bool):
        assert left is right
    elif isinstance(left, (float, complex)) and not isinstance(left, np.generic):
        assert _bits(left) == _bits(right)
    elif isinstance(left, Decimal):
        assert left.as_tuple() == right.as_tuple()
    elif isinstance(left, (list, tuple, deque)):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
        assert getattr(left, "maxlen", None) == getattr(right, "maxlen", None)
    elif isinstance(left, dict):
        assert_same(list(left.items()), list(right.items()))
        if isinstance(left, defaultdict):
            assert left.default_factory is right.default_factory
    elif isinstance(left, (set, frozenset)):
        assert left == right
        assert {(type(item), item) for item in left} == {(type(item), item) for item in right}
    elif isinstance(left, np.ndarray):
        assert_same_array(left, right)
    elif isinstance(left, (np.str_, np.bytes_)):
        # str() and arrays cut NULs off the end.
        assert list(left) == list(right)
    elif isinstance(left, np.generic):
        assert left.dtype == right.dtype
        assert _content(np.asarray(left)) == _content(np.asarray(right))
    elif type(left).__module__.startswith("pandas"):
        assert_same_pandas(left, right)
    elif dataclasses.is_dataclass(left):
        for field in dataclasses.fields(left):
            assert_same(getattr(left, field.name), getattr(right, field.name))
    else:
        assert left == right
        if isinstance(left, (datetime, time)):
            assert (left.fold, repr(left.tzinfo)) == (right.fold, repr(right.tzinfo))


def assert_same_array(left: Any, right: Any) -> None:
    """Fail unless dtype, shape, order and bytes agree, and the copy can be written to."""
    assert left.dtype == right.dtype
    assert left.shape == right.shape
    if left.flags.contiguous or left.flags.f_contiguous:
        assert left.flags.c_contiguous == right.flags.c_contiguous
        assert left.flags.f_contiguous == right.flags.f_contiguous
    assert right.flags.writeable
    if left.dtype.hasobject:
        assert_same(left.ravel().tolist(), right.ravel().tolist())
    else:
        assert right.flags.aligned or left.dtype.names is not None
        assert _content(left) == _content(right)


def assert_same_pandas(left: Any, right: Any) -> None:
    """Fail unless pandas' own strict comparisons find nothing."""
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, check_exact=True)
        assert_same(left.attrs, right.attrs)
        assert_same_pandas(left.index, right.index)
        assert_same_pandas(left.columns, right.columns)
    elif isinstance(left, pd.Series):
        pd.testing.assert_series_equal(left, right, check_exact=True)
        assert_same(left.attrs, right.attrs)
        assert_same(left.name, right.name)
        if left.dtype == object:
            assert_same(left.tolist(), right.tolist())
    elif isinstance(left, pd.Index):
        pd.testing.assert_index_equal(left, right, exact=True, check_exact=True)
        assert getattr(left, "freq", None) == getattr(right, "freq", None)
        assert left.names == right.names
    elif isinstance(left, pd.api.extensions.ExtensionArray):
        pd.testing.assert_extension_array_equal(left, right, check_exact=True)
    else:
        assert repr(left) == repr(right)
        assert getattr(left, "unit", None) == getattr(right, "unit", None)


def _content(array: Any) -> list[bytes]:
    """Answer the bytes of the fields; what lies between them is nobody's."""
    if array.dtype.names is None:
        return [array.tobytes()]
    return [part for name in array.dtype.names for part in _content(array[name])]


def _bits(value: float | complex) -> bytes:
    number = complex(value)
    if isinstance(value, float):
        return struct.pack("<d", value)
    return struct.pack("<2d", number.real, number.imag)
