"""What the bytes of an array may be, beyond what its dtype says.

numpy trusts the memory that it is given: a bool of 2, a code point beyond Unicode or a date that
leaves its unit are values to it, and make it crash, raise or answer nonsense later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nitocris.codec.wire import Reader

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

C_ORDER, F_ORDER = range(2)
OVERFLOW = "its dates overflow their unit; use .astype() with a larger one"
_MAX_CODE_POINT = 0x10FFFF


def check_contents(reader: Reader, array: Array) -> None:
    """Refuse bytes that numpy would trust although they are no values of the dtype."""
    import numpy as np

    dtype = array.dtype
    if dtype.names is not None:
        for name in dtype.names:
            check_contents(reader, array[name])
    elif array.size == 0:
        return
    elif dtype.kind == "b":
        if array.view(np.uint8).max() > 1:
            reader.refuse("a bool that is neither 0 nor 1")
    elif dtype.kind == "U":
        points = np.ascontiguousarray(array).reshape(-1).view(f"{dtype.str[0]}u4")
        if points.max() > _MAX_CODE_POINT:
            reader.refuse("a character beyond Unicode")
    elif dtype.kind == "M" and leaves_int64(array):
        reader.refuse("a date beyond what its unit can count")
    elif dtype.kind == "M" and np.datetime_data(dtype)[0] == "generic":
        # On the bytes: np.isnat is wrong on a view of the other byte order.
        ticks = array.view(f"{dtype.str[0]}i8")
        if (ticks != np.iinfo(np.int64).min).any():
            reader.refuse("a date without a unit")


def leaves_int64(array: Array) -> bool:
    """Answer whether dates in a multiple of a unit are too large in the unit itself.

    numpy can hold them but, from 2.5 on, not show them: repr raises OverflowError.
    """
    import numpy as np

    if array.dtype.names is not None:
        return any(leaves_int64(array[name]) for name in array.dtype.names)
    multiple = np.datetime_data(array.dtype)[1] if array.dtype.kind == "M" else 1
    if multiple == 1:
        return False
    ticks = array.view(f"{array.dtype.str[0]}i8")
    most = (2**63 - 1) // multiple
    is_date = ticks != np.iinfo(np.int64).min
    return bool((((ticks > most) | (ticks < -most)) & is_date).any())


def bytes_of(array: Array, order: int) -> memoryview:
    """Answer the bytes of an array in an order, as a view if it is contiguous."""
    import numpy as np

    # A view where the array is contiguous, otherwise the one copy.
    flat = array.reshape(-1, order="F" if order else "C")
    return np.ascontiguousarray(flat).view(np.uint8).data
