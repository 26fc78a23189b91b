"""Whether two results are the same, whatever they are made of.

Types must agree.  Within one runtime numbers must agree in every bit but the sign of a NaN; across
runtimes within a tolerance, because the last bit of `math.sin` differs between a browser and a
native Python.  NumPy and pandas are looked at by their types' names, so neither is imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from .events import Failed


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how much numbers may differ; 0 for not at all.

    Attributes:
        rtol: Of the greater of the two.
        atol: Absolute.
    """

    rtol: float = 0.0
    atol: float = 0.0


EXACT = Tolerance()


def same(one: Any, other: Any, tolerance: Tolerance = EXACT) -> bool:
    """Returns whether two results are the same; NaN is the same as NaN."""
    if type(one) is not type(other):
        return False
    match one:
        case float():
            return _same_float(one, other, tolerance)
        case complex():
            return _same_float(one.real, other.real, tolerance) and _same_float(
                one.imag, other.imag, tolerance
            )
        case list() | tuple():
            return len(one) == len(other) and all(
                same(a, b, tolerance) for a, b in zip(one, other, strict=True)
            )
        case Mapping():
            return one.keys() == other.keys() and all(
                same(value, other[key], tolerance) for key, value in one.items()
            )
        case BaseException():
            return same(one.args, other.args, tolerance)
    if is_dataclass(one):
        return all(
            same(getattr(one, each.name), getattr(other, each.name), tolerance)
            for each in fields(one)
        )
    match type(one).__module__.partition(".")[0]:
        case "numpy" if hasattr(one, "dtype"):
            return _same_arrays(one, other, tolerance)
        case "pandas" if hasattr(one, "axes"):
            return _same_frames(one, other, tolerance)
        case "pandas" if hasattr(one, "dtype"):
            return bool(one.equals(other))
    return bool(one == other)


def same_failure(one: Failed, other: Failed) -> bool:
    """Returns whether two items failed in the same way: by the type, since texts have addresses."""
    kinds = [getattr(each.error, "type_name", "") or type(each.error) for each in (one, other)]
    return kinds[0] == kinds[1]


def _same_float(one: float, other: float, tolerance: Tolerance) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    if tolerance == EXACT:
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return math.isclose(one, other, rel_tol=tolerance.rtol, abs_tol=tolerance.atol)


def _same_arrays(one: Any, other: Any, tolerance: Tolerance) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.names:
        return all(_same_arrays(one[each], other[each], tolerance) for each in one.dtype.names)
    if one.dtype.kind == "O":
        return same(one.tolist(), other.tolist(), tolerance)
    if one.dtype.kind not in "fc" or tolerance == EXACT:
        missing = (one != one) & (other != other)  # NaN and NaT differ from themselves
        return bool(((one == other) | missing).all())
    if one.dtype.kind == "c":
        parts = ((one.real, other.real), (one.imag, other.imag))
        return all(_same_arrays(a, b, tolerance) for a, b in parts)
    missing = (one != one) & (other != other)
    import numpy as np  # whose value this is, so it is loaded

    with np.errstate(invalid="ignore", over="ignore"):
        allowed = np.maximum(tolerance.rtol * np.maximum(abs(one), abs(other)), tolerance.atol)
        near = np.isfinite(one) & np.isfinite(other) & (abs(one - other) <= allowed)
    return bool(((one == other) | missing | near).all())


def _same_frames(one: Any, other: Any, tolerance: Tolerance) -> bool:
    if len(one.axes) == 2:
        return (
            bool(one.axes[0].equals(other.axes[0]))
            and bool(one.axes[1].equals(other.axes[1]))
            and all(
                _same_frames(one.iloc[:, each], other.iloc[:, each], tolerance)
                for each in range(one.shape[1])
            )
        )
    if one.dtype != other.dtype or not one.index.equals(other.index):
        return False
    if getattr(one.dtype, "kind", "O") in "fc" and type(one.dtype).__module__.startswith("numpy"):
        return _same_arrays(one.to_numpy(), other.to_numpy(), tolerance)
    return bool(one.equals(other))
