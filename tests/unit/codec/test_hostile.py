"""Bytes from a stranger: whatever they claim, the answer is `DecodeError`, soon and cheaply."""

from __future__ import annotations

import os
import pickle
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nitocris.codec import decode, encode
from nitocris.errors import DecodeError

from .samples import REGISTRY, VALUES, Colour, Fit, Pair, Permission, Point

HUGE = "ffffffffffffffff7f"
"""The count 2**63 - 1."""


def refuse(data: bytes) -> str:
    """Fail unless the bytes are refused in half a second and 64 MB; answer the message."""
    # The process's own time, so that a busy machine does not count; tracing would.
    start = time.process_time()
    with pytest.raises(DecodeError) as caught:
        decode(data, REGISTRY)
    assert time.process_time() - start < 0.5
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            decode(data, REGISTRY)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    assert caught.value.__context__ is None
    return str(caught.value)


def array_bytes(dtype: str, shape: str, data: str, order: str = "00") -> str:
    """Answer an ARRAY in hex: the name of a dtype, dimensions with shape, the data."""
    head = f"0140 00 {len(dtype):02x} {dtype.encode().hex()} {order} {shape}".replace(" ", "")
    return head + "00" * (-len(head) // 2 % 8) + data


CLAIMS: dict[str, str] = {
    "nothing": "",
    "no value": "01",
    "another version": "02 00",
    "an unknown tag": "01 7f",
    "trailing bytes": "01 00 00",
    "half a float": "01 05 00000000",
    "an endless count": "01 07 " + "ff" * 12,
    "a count beyond 64 bits": "01 07 ffffffffffffffffff7f",
    "a count in a long form": "01 07 80 00",
    "a text of 2**63 bytes": f"01 07 {HUGE} 61",
    "bytes of 2**63": f"01 08 {HUGE}",
    "a list of 2**63": f"01 20 00 {HUGE}",
    "floats of 2**63": f"01 20 01 {HUGE}",
    "ints of 2**63": f"01 20 05 {HUGE}",
    "bools of 2**63": f"01 20 06 {HUGE}",
    "texts of 2**63": f"01 20 07 {HUGE} 00",
    "texts that are fewer": "01 20 07 03 01 00",
    "no texts, but some": "01 20 07 00 01 61",
    "2**63 rows": f"01 20 08 {HUGE} 01 06 {HUGE}",
    "rows without columns": f"01 20 08 {HUGE} 00",
    "dicts without keys": f"01 20 09 {HUGE} 00",
    "2**63 columns": f"01 20 08 01 {HUGE}",
    "columns of two lengths": "01 20 08 02 02 00 02 81 82 00 01 81",
    "columns of one name": "01 20 09 01 02 01 61 00 01 81 01 61 00 01 81",
    "an unknown form": "01 20 0b 00",
    "a bool of 2": "01 20 06 01 02",
    "bad utf-8": "01 07 01 ff",
    "overlong utf-8": "01 07 02 c080",
    "an int in a long form": "01 04 01 05",
    "a big int with a spare byte": "01 04 0a 00000000000000800000",
    "an int of 2 MiB": "01 04 808080 01" + "01" * 100,
    "a key twice": "01 22 00 02 07 01 61 07 01 61 00 02 81 82",
    "a key twice, as int and bool": "01 22 00 02 81 02 00 02 81 82",
    "more keys than values": "01 22 00 01 81 00 00",
    "a list as key": "01 22 00 01 20 00 00 00 01 81",
    "an element twice": "01 23 00 02 81 05 000000000000f03f",
    "a dict in a set": "01 23 00 01 22 00 00 00 00",
    "a range without step": "01 0a 80 81 80",
    "a range of floats": "01 0a 05 000000000000f03f 81 81",
    "a Decimal that is a word": "01 0b 04 31 5f 30 30",
    "a Decimal in Arabic digits": "01 0b 02 d9a1",
    "a Decimal beyond exponents": "01 0b 17" + b"1E+99999999999999999999".hex(),
    "a Decimal with a space": "01 0b 02 20 31",
    "a Fraction over 0": "01 0c 81 80",
    "a Fraction not in lowest terms": "01 0c 82 84",
    "a Fraction with a negative denominator": "01 0c 81 03 03",
    "month 13": "01 11 e807 0d 01",
    "the 30th of February": "01 11 e807 02 1e",
    "hour 24": "01 12 18 00 00 00000000 00 00",
    "fold 2": "01 12 00 00 00 00000000 02 00",
    "a timedelta of two forms": "01 13 00000000 80510100 00000000",
    "an offset of a day": "01 14 13 01000000 00000000 00000000 00",
    "an offset in an offset": "01 14 14 14 14",
    "a zone that is a path": "01 15 0b" + b"../../etc/x".hex(),
    "an absolute zone": "01 15 0b" + b"/etc/passwd".hex(),
    "a zone that is a folder": "01 15 06" + b"Europe".hex(),
    "a zone that is a list": "01 15 0b" + b"leapseconds".hex(),
    "an unknown zone": "01 15 0b" + b"Europe/Pari".hex(),
    "a zone that is a number": "01 10 e807 01 01 00 00 00 00000000 00 81",
    "an unknown factory": "01 27 ff 00 00 00 00",
    "a deque beyond its length": "01 28 80 00 01 81",
    "an unknown class": "01 30 00 02 6f 73 00",
    "a class before its description": "01 30 01",
    "a dtype of an object": array_bytes("|O8", "01 01", "00" * 8),
    "a dtype of a pointer": array_bytes("<P8", "01 01", "00" * 8),
    "a dtype that is a list": array_bytes("f8,O", "01 01", "00" * 16),
    "a dtype with another size": array_bytes("<f9", "01 01", "00" * 9),
    "a long double": array_bytes("<f16", "01 01", "00" * 16),
    "a unit with a divisor": array_bytes("<M8[s/2]", "01 01", "00" * 8),
    "2**32 floats in 8 bytes": array_bytes("<f8", "01 8080808010", "00" * 8),
    "a shape that overflows": array_bytes("<f8", f"03 {HUGE} {HUGE} 00", ""),
    "a shape that overflows to 1": array_bytes("|u1", "02" + "ffffffffffffffffff01" * 2, "00"),
    "an empty array that is endless": array_bytes("<f8", f"02 {HUGE} 00", ""),
    "an empty array of 2**40 rows": array_bytes("<f8", "02 808080808020 00", ""),
    "endless empty texts": array_bytes("|S0", f"01 {HUGE}", ""),
    "too few bytes": array_bytes("<f8", "01 02", "00" * 15),
    "a third order": array_bytes("<f8", "01 01", "00" * 8, order="02"),
    "padding that hides something": array_bytes("<f8", "01 01", "00" * 8)[:-18] + "01" + "00" * 8,
    "a bool array of 2": array_bytes("|b1", "01 02", "0002"),
    "a character beyond Unicode": array_bytes("<U1", "01 01", "00001100"),
    "a big-endian character": array_bytes(">U1", "01 01", "00110000"),
    "a date without unit": array_bytes("<M8", "01 01", "01" + "00" * 7),
    "a big-endian date without unit": array_bytes(">M8", "01 01", "00" * 7 + "80"),
    "a date beyond its unit": array_bytes("<M8[25s]", "01 01", "00" * 7 + "10"),
    "a date before its unit": array_bytes("<M8[25s]", "01 01", "00" * 7 + "90"),
    "a bool scalar of 2": "01 42 00 03 7c6231 02",
    "a text scalar with a dtype": "01 42 00 03 3c5531 61000000",
    "an object array that is too short": "01 41 00 01 02 00 01 00",
    "an object array of 2**60": "01 41 00 01 808080808080808010 00 00",
    "a DataFrame without an index": "01 51 00 00",
    "an endless RangeIndex": "01 53 80 03 feffffffffffffff01 81 00",
    "a Series of nothing": "01 50 53 80 81 81 00 00 00 22 00 00 00 00",
    "an exception without end": "01 38 7f",
    "no exception": "01 38 00",
}


@pytest.mark.parametrize("name", CLAIMS)
def test_false_claims_are_refused(name: str) -> None:
    """A claim that the bytes do not keep is refused before anything is built for it."""
    refuse(bytes.fromhex(CLAIMS[name]))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a text of 2**63 bytes", "9,223,372,036,854,775,807 bytes claimed, 1 are left"),
        ("bytes of 2**63", "9,223,372,036,854,775,807 bytes claimed, 0 are left"),
        ("2**32 floats in 8 bytes", "34,359,738,368 bytes claimed, 8 are left"),
        ("a zone that is a path", "not a time zone's key"),
        ("an absolute zone", "not a time zone's key"),
        ("a Decimal in Arabic digits", "a Decimal that is no number"),
        ("an empty array of 2**40 rows", "bytes of memory when decoded"),
        ("an object array of 2**60", "bytes of memory when decoded"),
    ],
)
def test_claims_are_refused_for_the_right_reason(name: str, reason: str) -> None:
    """The length, the pattern and the price are checked before anything is done with the claim."""
    assert reason in refuse(bytes.fromhex(CLAIMS[name]))


@pytest.mark.parametrize("name", VALUES)
def test_cut_and_extended_messages_are_refused(name: str) -> None:
    """No part of a message is a message, and neither is more than one."""
    data = encode(VALUES[name], REGISTRY)

    for end in sorted({0, 1, 2, len(data) // 2, len(data) - 1} & set(range(len(data)))):
        refuse(data[:end])
    refuse(data + b"\x00")
    refuse(data + data)


@pytest.mark.parametrize(
    "opening",
    ["20 00 01", "21 00 01", "28 00 00 01", "22 00 01 80 00 01", "24 00 01", "41 00 00 00 01"],
)
def test_deep_nesting_is_refused_by_its_depth(opening: str) -> None:
    """A million opening brackets end at depth 64, far from the interpreter's own limit."""
    assert "deeper than 64" in refuse(b"\x01" + bytes.fromhex(opening) * 100_000)


@pytest.mark.parametrize("tag", range(0x20, 0x60))
def test_no_kind_recurses_without_counting(tag: int) -> None:
    """Whatever a kind may hold, a chain of it does not reach the interpreter's limit."""
    for filler in (b"", b"\x00", b"\x00\x01", b"\x00\x00\x00\x01", b"\x80\x80\x81", b"\x81"):
        message = refuse(b"\x01" + (bytes([tag]) + filler) * 20_000)

        assert "RecursionError" not in message


def test_a_flood_of_hashes_is_refused_quickly() -> None:
    """20,000 ints that share a hash would cost 6.5 s in a set."""
    flood = [k * (2**61 - 1) for k in range(20_000)]
    body = encode(flood)[2:]

    for tag in (b"\x23", b"\x24"):
        assert "share a hash" in refuse(b"\x01" + tag + body)
    assert "share a hash" in refuse(b"\x01\x22" + body + encode([0] * 20_000)[2:])


def khash_flood(size: int) -> Any:
    """Answer int64 that pandas' hash tables all put in one place, in no order.

    Its hash of an int64 is linear: low 32 bits of (x >> 33) ^ x ^ (x << 11).
    """
    keys = []
    for high in range(1, size + 1):
        low = 0
        for bit in range(32):
            wanted = (high >> bit) & 1
            if bit >= 11:
                wanted ^= (low >> (bit - 11)) & 1
            low |= wanted << bit
        keys.append(high << 33 | low)
    return np.random.default_rng(0).permutation(np.array(keys))


def test_a_flood_in_pandas_is_refused_quickly() -> None:
    """40,000 chosen int64 as categories or as a level would cost pandas 2 s."""
    flood = encode(pd.Index(khash_flood(40_000)))[1:]
    code = encode(np.zeros(1, "i1"))[1:]

    refuse(b"\x01\x57\x00" + bytes(7) + code + flood)
    # A few odd bytes of padding earlier or later: the alignment is that of the whole message.
    for shift in range(8):
        prefix = b"\x01\x20\x00" + bytes([1 + shift]) + b"\x00" * shift
        message = refuse(prefix + b"\x54\x01" + flood + code)
        if "250,000" in message:
            return
    pytest.fail("the labels were never reached")


@pytest.mark.parametrize(
    ("edit", "wanted"),
    [
        (lambda data: data.replace(b"\x01x\x01y", b"\x01x\x01z"), "has the fields"),
        (lambda data: data.replace(b"\x02\x01x\x01y", b"\x01\x01x"), "has the fields"),
        (lambda data: data.replace(b"\x02\x01x\x01y", b"\x03\x01x\x01y\x01z"), "has the fields"),
        (lambda data: data.replace(b"\x01x\x01y", b"\x01x\x01x"), "has the fields"),
        (lambda data: data.replace(b"\x01x\x01y", b"\x01y\x01x"), "has the fields"),
        (lambda data: data.replace(b".Point", b".Pair_"), "no class is registered"),
        (lambda data: data.replace(b"\x30\x00", b"\x31\x00"), "another kind"),
        (lambda data: data.replace(b"\x30\x00", b"\x32\x00"), "another kind"),
    ],
)
def test_a_dataclass_with_other_fields_is_refused(
    edit: Callable[[bytes], bytes], wanted: str
) -> None:
    """Missing, extra, renamed, doubled and reordered fields, and other classes, are refused."""
    data = encode(Point(1, 2), REGISTRY)
    edited = edit(data)
    assert edited != data

    assert wanted in refuse(edited)


def test_unknown_members_of_enums_are_refused() -> None:
    """An Enum's member must exist by its own name; a combination only has known flags."""
    colour = encode(Colour.RED, REGISTRY)
    flags = encode(Permission.READ | Permission.RUN, REGISTRY)

    assert "no such member" in refuse(colour.replace(b"RED", b"RAD"))
    assert "no such member" in refuse(colour.replace(b"RED", b"ROT"))  # another name of RED
    assert "no such member" in refuse(colour.replace(b"\x03RED", b"\x08__init__"))
    assert "in the place of" in refuse(colour.replace(b"\x07\x03RED", b"\x81"))
    assert "no such flags" in refuse(flags[:-1] + b"\x88")
    assert "no such flags" in refuse(flags[:-1] + b"\x03\x01")


def test_no_method_of_a_class_runs() -> None:
    """Neither `__init__` nor `__post_init__` nor `__setstate__` nor `__new__` is called."""
    from dataclasses import dataclass

    from nitocris.codec import Registry

    calls: list[str] = []

    @dataclass
    class Watched:
        x: int = 0

        def __post_init__(self) -> None:
            calls.append("__post_init__")

        def __setstate__(self, state: object) -> None:
            calls.append("__setstate__")

        def __setattr__(self, name: str, value: object) -> None:
            calls.append("__setattr__")
            object.__setattr__(self, name, value)

    registry = Registry([Watched])
    data = encode(Watched(5), registry)
    calls.clear()

    value: Any = decode(data, registry)

    assert (value.x, calls) == (5, [])


def record(fields: list[tuple[str, int, str]], itemsize: int, data: bytes) -> bytes:
    """Answer an array of one record with fields given as (name, offset, dtype)."""
    body = bytearray(b"\x01\x40\x01") + bytes([itemsize, 0, len(fields)])
    for name, offset, dtype in fields:
        body += bytes([len(name)]) + name.encode() + bytes([offset, 0, len(dtype)])
        body += dtype.encode()
    body += b"\x00\x01\x01"
    return bytes(body) + bytes(-len(body) % 8) + data


def test_records_are_checked() -> None:
    """Fields that overlap, leave the item, or share a name are refused, and so are their values."""
    good = record([("a", 0, "<f8"), ("b", 8, "|b1")], 9, bytes(9))
    assert isinstance(decode(good), np.ndarray)

    wrong = "overlap or leave"
    assert wrong in refuse(record([("a", 0, "<f8"), ("b", 7, "|b1")], 9, bytes(9)))
    assert wrong in refuse(record([("a", 0, "<f8"), ("b", 8, "<f8")], 15, bytes(15)))
    assert wrong in refuse(record([("a", 0, "<f8"), ("b", 120, "|b1")], 9, bytes(9)))
    refuse(record([("a", 0, "<f8"), ("a", 8, "|b1")], 9, bytes(9)))
    refuse(record([("a", 0, "<f8"), ("b", 8, "|b1")], 9, bytes(8) + b"\x02"))
    refuse(record([("a", 0, "|O8")], 8, bytes(8)))
    refuse(record([("a", 4, "<U1")], 8, b"\xff" * 8))


def test_codes_stay_within_their_labels() -> None:
    """A categorical or MultiIndex whose codes point at no label is refused."""
    for value in (
        pd.Categorical(["a", "b"], ["a", "b"]),
        pd.MultiIndex.from_arrays([["a", "b"]]),
        pd.Series(["a", "b"], dtype="category"),
    ):
        data = bytearray(encode(value))
        # The codes lie after the name of their dtype, an order, a dimension, a shape, and padding.
        position = data.index(b"|i1") + 6
        position += -position % 8
        assert data[position : position + 2] == b"\x00\x01"

        for code in (2, 0x7F, 0xFE):
            data[position + 1] = code
            refuse(bytes(data))


def test_zoned_dates_stay_within_the_calendar() -> None:
    """pandas cannot write out zoned dates beyond the year 9999; they are refused."""
    zoned = pd.Series(pd.to_datetime(["2024-01-01"]).as_unit("s").tz_localize("UTC"))
    data = encode(zoned)
    seconds = struct.pack("<q", 1_704_067_200)
    assert data.count(seconds) == 1

    assert "years 1 to 9999" in refuse(data.replace(seconds, struct.pack("<q", 2**40)))
    assert "years 1 to 9999" in refuse(data.replace(seconds, struct.pack("<q", -(2**40))))


class Trap:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_no_results(protocol: int, tmp_path: Path) -> None:
    """A pickle is refused and leaves no trace, alone and in the place of a value."""
    trap = tmp_path / "trap"
    data = pickle.dumps(Trap(trap), protocol)

    refuse(data)
    refuse(b"\x01" + data)
    refuse(b"\x01\x20\x00\x01" + data)
    # As bytes or in an object array it is what it is: bytes.
    assert decode(encode(data)) == data

    assert not trap.exists()


def test_not_even_bytes() -> None:
    """What is no buffer at all is refused like everything else."""
    for thing in (None, "text", 5, memoryview(bytes(16))[::2]):
        with pytest.raises(DecodeError):
            decode(thing)  # type: ignore[arg-type]


def test_a_registry_is_needed() -> None:
    """Instances of classes come back only where the owner registered the class."""
    for value in (Point(1, 2), Colour.RED, Permission(0), Pair(1), Fit(1, 2)):
        data = encode(value, REGISTRY)

        with pytest.raises(DecodeError, match="no class is registered"):
            decode(data)
