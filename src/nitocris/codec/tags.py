"""The first byte of every value: which kind it is.

The numbers are the wire format; a new kind takes a free number, an old one is never reused.
Bytes from `SMALL_INT` up are the ints 0 to 127 themselves.
"""

from __future__ import annotations

from typing import Final

NONE: Final = 0x00
FALSE: Final = 0x01
TRUE: Final = 0x02
INT: Final = 0x03
BIG_INT: Final = 0x04
FLOAT: Final = 0x05
COMPLEX: Final = 0x06
STR: Final = 0x07
BYTES: Final = 0x08
BYTEARRAY: Final = 0x09
RANGE: Final = 0x0A
DECIMAL: Final = 0x0B
FRACTION: Final = 0x0C
UUID: Final = 0x0D

DATETIME: Final = 0x10
DATE: Final = 0x11
TIME: Final = 0x12
TIMEDELTA: Final = 0x13
TIMEZONE: Final = 0x14
ZONEINFO: Final = 0x15

LIST: Final = 0x20
TUPLE: Final = 0x21
DICT: Final = 0x22
SET: Final = 0x23
FROZENSET: Final = 0x24
ORDERED_DICT: Final = 0x25
COUNTER: Final = 0x26
DEFAULT_DICT: Final = 0x27
DEQUE: Final = 0x28

DATACLASS: Final = 0x30
NAMEDTUPLE: Final = 0x31
ENUM: Final = 0x32
FLAG: Final = 0x33
EXCEPTION: Final = 0x38

ARRAY: Final = 0x40
OBJECT_ARRAY: Final = 0x41
NUMPY_SCALAR: Final = 0x42
NUMPY_STR: Final = 0x43
NUMPY_BYTES: Final = 0x44
DTYPE: Final = 0x45

SERIES: Final = 0x50
FRAME: Final = 0x51
INDEX: Final = 0x52
RANGE_INDEX: Final = 0x53
MULTI_INDEX: Final = 0x54
MASKED_COLUMN: Final = 0x55
STRING_COLUMN: Final = 0x56
CATEGORICAL: Final = 0x57
ZONED_COLUMN: Final = 0x58
INTERVAL_COLUMN: Final = 0x59
TIMESTAMP: Final = 0x5A
PANDAS_TIMEDELTA: Final = 0x5B
NAT: Final = 0x5C
NA: Final = 0x5D
INTERVAL: Final = 0x5E

SMALL_INT: Final = 0x80

INTEGERS: Final = (INT, BIG_INT, SMALL_INT)
ZONES: Final = (NONE, TIMEZONE, ZONEINFO)
INDEXES: Final = (INDEX, RANGE_INDEX, MULTI_INDEX)

# The forms of a sequence's body: one by one, or packed.
ONE_BY_ONE: Final = 0x00
FLOATS: Final = 0x01
INTS_1: Final = 0x02
INTS_2: Final = 0x03
INTS_4: Final = 0x04
INTS_8: Final = 0x05
BOOLS: Final = 0x06
STRS: Final = 0x07
TUPLE_COLUMNS: Final = 0x08
DICT_COLUMNS: Final = 0x09
NUMPY_SCALARS: Final = 0x0A
