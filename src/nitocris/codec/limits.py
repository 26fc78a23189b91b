"""What a value may cost, and the purse from which both directions pay.

Encoder and decoder charge the same prices at the same points, before they allocate.  So whatever
an honest worker manages to encode is never refused by the owner, and a stranger's claim ("here
come 2**32 numbers") is refused before it costs anything.

A *node* is a unit of work, roughly a microsecond: a plain value costs one, a DataFrame hundreds.
Packed lists and arrays are paid by their bytes instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NoReturn

KIB = 1024
MIB = 1024 * KIB

# Estimates of CPython's sizes on 64 bit (sys.getsizeof, rounded up).
VALUE_BYTES = 64
"""A value and the slot that refers to it."""
DICT_ENTRY_BYTES = 112
"""A key's and a value's slot in a dict, with the room that the hash table leaves empty."""
FLOAT_BYTES = 40
INT_BYTES = 48
"""An object and two slots, since packed numbers are a tuple before they are a list."""
TEXT_BYTES = 64
"""The head of a str or bytes, and the slot that refers to it."""
ARRAY_BYTES = 160
"""The head of a numpy array with its shape and strides."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest values that the codec carries.

    Attributes:
        depth: How many containers may lie inside one another.
        nodes: How many values a result may hold, outside of packed lists and arrays.
        memory: The estimated memory of the decoded value, in bytes.
        hash_multiplicity: How many non-text keys or elements of one dict or set may share a hash;
            more is a flood that makes the hash table quadratic.
        integer_bytes: The size of one int.
        decimal_characters: The length of one Decimal as text.
        fraction_bits: The size of a Fraction's numerator, and of its denominator.
        dtype_depth: How many record or subarray dtypes may lie inside one another.
        dtype_fields: How many fields a dtype may have in all.
        dimensions: How many dimensions an array may have.
        traceback_bytes: The length of a remote traceback in UTF-8; the encoder keeps the tail.
        causes: How many exceptions of a chain of causes are carried.
    """

    depth: int = 64
    nodes: int = 250_000
    memory: int = 512 * MIB
    hash_multiplicity: int = 32
    integer_bytes: int = 1 * MIB
    decimal_characters: int = 4_096
    fraction_bits: int = 32 * KIB
    dtype_depth: int = 8
    dtype_fields: int = 4_096
    dimensions: int = 32
    traceback_bytes: int = 64 * KIB
    causes: int = 5


DEFAULT_LIMITS = Limits()


class Budget:
    """What is left of the limits while one value is encoded or decoded."""

    __slots__ = ("depth_left", "limits", "memory_left", "nodes_left")

    error: ClassVar[type[Exception]] = ValueError

    def __init__(self, limits: Limits) -> None:
        """Begin with everything that the limits allow."""
        self.limits = limits
        self.depth_left = limits.depth
        self.nodes_left = limits.nodes
        self.memory_left = limits.memory

    def charge(self, nodes: int, memory: int) -> None:
        """Pay for what is about to be built.

        Raises:
            EncodeError, DecodeError: The limit of nodes or memory would be passed.
        """
        self.nodes_left -= nodes
        self.memory_left -= memory
        if self.nodes_left < 0:
            self.refuse(
                f"more than {self.limits.nodes:,} values; "
                "a numpy array counts as one, whatever its size"
            )
        if self.memory_left < 0:
            self.refuse(f"more than {self.limits.memory:,} bytes of memory when decoded")

    def enter(self) -> None:
        """Go into a container; pair with `leave`."""
        self.depth_left -= 1
        if self.depth_left < 0:
            self.refuse(f"nested deeper than {self.limits.depth} containers")

    def leave(self) -> None:
        """Come out of a container."""
        self.depth_left += 1

    def at_most(self, what: str, size: int, limit: int) -> None:
        """Refuse a size over its limit."""
        if size > limit:
            self.refuse(f"{what}: {size:,}, the limit is {limit:,}")

    def refuse(self, reason: str) -> NoReturn:
        """Raise this side's error."""
        raise self.error(reason)
