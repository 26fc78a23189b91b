"""Every limit holds at its edge on both sides: up to it a value passes, above it none does."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from nitocris.codec import DEFAULT_LIMITS, Limits, decode, encode
from nitocris.codec.hashes import hash_on_64_bit
from nitocris.codec.wire import VERSION, Reader, Writer
from nitocris.errors import DecodeError, EncodeError

from .samples import EXCEPTIONS, REGISTRY, VALUES

ROOMY = Limits(
    depth=10_000,
    nodes=10**9,
    memory=10**12,
    hash_multiplicity=10**6,
    integer_bytes=10**9,
    decimal_characters=10**6,
    fraction_bits=10**6,
    dtype_depth=100,
    dtype_fields=10**6,
    dimensions=64,
    traceback_bytes=10**6,
    causes=100,
)
"""For building what the limits under test must refuse."""


def nested(depth: int) -> Any:
    """Answer so many lists within one another."""
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def nested_dtype(depth: int) -> Any:
    """Answer a record dtype so many levels deep."""
    dtype: Any = np.dtype("f8")
    for _ in range(depth - 1):
        dtype = np.dtype([("x", dtype)])
    return dtype


def colliding(count: int) -> set[int]:
    """Answer so many ints that all hash to 0 on a 64-bit machine."""
    return {k * (2**61 - 1) for k in range(count)}


def chain(causes: int) -> BaseException:
    """Answer an exception with a chain of so many causes."""
    error = ValueError(0)
    for number in range(causes):
        outer = ValueError(number)
        outer.__cause__ = error
        error = outer
    return error


EDGES: dict[str, tuple[int, Any]] = {
    "depth": (64, nested),
    "integer_bytes": (2**20, lambda size: 1 << (8 * size - 2)),
    "decimal_characters": (4_096, lambda size: Decimal("1" * size)),
    "fraction_bits": (32_768, lambda bits: Fraction(1, 2 ** (bits - 1))),
    "hash_multiplicity": (32, colliding),
    "dtype_depth": (8, lambda depth: np.zeros(1, nested_dtype(depth))),
    "dtype_fields": (4_096, lambda n: np.zeros(1, [(f"{k}", "i1") for k in range(n)])),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_value_passes_up_to_the_limit(name: str) -> None:
    """One below the limit and at the limit a value travels; one above neither side takes it."""
    limit, build = EDGES[name]
    assert getattr(DEFAULT_LIMITS, name) == limit

    for size in (limit - 1, limit):
        decode(encode(build(size)))
    with pytest.raises(EncodeError):
        encode(build(limit + 1))
    forged = encode(build(limit + 1), limits=ROOMY)
    with pytest.raises(DecodeError):
        decode(forged)


@pytest.mark.parametrize("name", EDGES)
def test_limits_are_settings(name: str) -> None:
    """Each limit can be moved by whoever decodes, and that one alone."""
    limit, build = EDGES[name]
    data = encode(build(limit + 1), limits=ROOMY)

    decode(data, limits=replace(DEFAULT_LIMITS, **{name: limit + 1}))


def test_dimensions() -> None:
    """Arrays of up to 32 dimensions travel (more need a numpy that has them)."""
    for dimensions in (31, 32):
        decode(encode(np.zeros((1,) * dimensions)))
    tight = replace(DEFAULT_LIMITS, dimensions=3)
    decode(encode(np.zeros((1,) * 3)), limits=tight)
    with pytest.raises(EncodeError):
        encode(np.zeros((1,) * 4), limits=tight)
    with pytest.raises(DecodeError):
        decode(encode(np.zeros((1,) * 4)), limits=tight)
    with pytest.raises(DecodeError):
        decode(encode(np.array([None]).reshape((1,) * 4)), limits=tight)
    with pytest.raises(DecodeError):
        decode(encode(np.zeros(1, [("x", "f8", (1,) * 4)])), limits=tight)


@pytest.mark.parametrize(("size", "passes"), [(249_997, True), (249_998, True), (249_999, False)])
def test_nodes(size: int, passes: bool) -> None:
    """250,000 nodes travel, of which a list that holds the values is two, and not one more."""
    value = [None] * size

    if passes:
        assert decode(encode(value)) == value
        return
    with pytest.raises(EncodeError, match="250,000 values"):
        encode(value)
    with pytest.raises(DecodeError, match="250,000 values"):
        decode(encode(value, limits=ROOMY))


def test_packed_lists_are_not_counted_by_the_piece() -> None:
    """A million floats, ints or texts are one packed list, and so are rows of them."""
    floats = [0.5] * 1_000_000
    assert decode(encode(floats)) == floats

    rows = [(1, 0.5, "a")] * 300_000
    assert decode(encode(rows)) == rows


def test_memory() -> None:
    """The estimated memory is charged before anything is built, on both sides alike."""
    value = [b"x" * 1000, np.zeros(1000), "y" * 1000, [0.5] * 1000]
    used = DEFAULT_LIMITS.memory - paid(value)[1]

    for slack in (0, 1):
        tight = replace(DEFAULT_LIMITS, memory=used + slack)
        decode(encode(value, limits=tight), limits=tight)
    tight = replace(DEFAULT_LIMITS, memory=used - 1)
    with pytest.raises(EncodeError, match="memory"):
        encode(value, limits=tight)
    with pytest.raises(DecodeError, match="memory"):
        decode(encode(value), limits=tight)


def test_causes() -> None:
    """Five causes of an exception travel; the encoder cuts what is longer, the decoder refuses."""
    for causes, kept in ((4, 4), (5, 5), (6, 5)):
        error: Any = decode(encode(chain(causes)))
        for _ in range(kept):
            error = error.remote_cause
        assert error.remote_cause is None

    with pytest.raises(DecodeError):
        decode(encode(chain(6), limits=ROOMY))


@pytest.mark.parametrize(("extra", "kept"), [(-1, 65_535), (0, 65_536), (1, 65_536)])
def test_traceback(extra: int, kept: int) -> None:
    """64 KiB of a traceback travel; the encoder keeps the tail, the decoder refuses more."""
    frame = "ValueError: \n"
    error = ValueError("x" * (65_536 - len(frame) + extra))

    back: Any = decode(encode(error))
    assert len(back.remote_traceback) == kept
    assert back.remote_traceback.endswith("xxx\n")

    if extra > 0:
        with pytest.raises(DecodeError):
            decode(encode(error, limits=ROOMY))


def paid(value: Any) -> tuple[int, int]:
    """Answer the nodes and the memory that are left after encoding; decoding must leave as much."""
    writer = Writer(DEFAULT_LIMITS, REGISTRY)
    writer.buffer.append(VERSION)
    writer.write(value)
    reader = Reader(writer.join(), DEFAULT_LIMITS, REGISTRY)
    reader.byte()
    reader.read()

    assert (writer.nodes_left, writer.memory_left) == (reader.nodes_left, reader.memory_left)
    assert writer.depth_left == reader.depth_left == DEFAULT_LIMITS.depth
    return writer.nodes_left, writer.memory_left


@pytest.mark.parametrize("name", [*VALUES, *EXCEPTIONS])
def test_both_sides_pay_the_same(name: str) -> None:
    """What an honest worker can encode the owner never refuses, as both count alike."""
    value = VALUES.get(name, EXCEPTIONS.get(name))

    paid(value)
    paid([value] * 10)
    paid({"a": [value]})


@pytest.mark.parametrize("count", [31, 32, 33])
def test_hash_floods_are_refused_in_any_container(count: int) -> None:
    """Sets, frozensets and dicts, with ints, floats or tuples that share a hash."""
    ints = [k * (2**61 - 1) for k in range(count)]
    floats = [2.0 ** (61 * k - 1000) for k in range(count)]
    tuples = [(k * (2**61 - 1), "a") for k in range(count)]

    for keys in (ints, floats, tuples):
        for value in (set(keys), frozenset(keys), dict.fromkeys(keys, 1)):
            data = encode(value, limits=ROOMY)
            if count <= 32:
                assert decode(data) == value
                continue
            with pytest.raises(DecodeError, match="share a hash"):
                decode(data)
            with pytest.raises(EncodeError, match="share a hash"):
                encode(value)


def test_numeric_keys_are_counted() -> None:
    """Numbers as keys are counted even if they came packed, since their hashes can be chosen."""
    encode(list(range(250_000)))
    encode({f"{n}" for n in range(250_000)})

    with pytest.raises(EncodeError, match="250,000 values"):
        encode(set(range(250_000)))
    with pytest.raises(DecodeError, match="250,000 values"):
        decode(encode(dict.fromkeys(range(250_000)), limits=ROOMY))


def test_ordinary_keys_are_no_flood() -> None:
    """Large sets of ordinary numbers, texts and tuples travel."""
    for value in (
        set(range(-5_000, 5_000)),
        {1 << k for k in range(1_000)},
        {k / 7 for k in range(5_000)},
        {f"{k}" for k in range(5_000)},
        {(k, -k) for k in range(5_000)},
        {k << 40 for k in range(5_000)},
    ):
        assert decode(encode(value)) == value


@pytest.mark.parametrize("number", [0, -1, 2**61 - 1, -(2**61), 2**200, 0.5, -1e300, 5e-324, 3.0])
def test_hashes_of_64_bit_are_known_on_32_bit(number: float) -> None:
    """A worker in WebAssembly, where hashes are narrower, sees the flood that the owner would."""
    assert hash_on_64_bit(number) == hash(number)
