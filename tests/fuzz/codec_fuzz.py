"""Deterministic fuzzing of the codec: no bytes may do more than raise `DecodeError`.

    python -m tests.fuzz.codec_fuzz --inputs 1000000 --seed 1

Valid encodings of every kind of value are edited (bits, bytes, counts, splices, truncations,
duplications) and decoded.  Only `DecodeError` may escape, within half a second; and what does
decode is *used* (repr, ==, hash, len, iteration), since a value that crashes its reader later is
as bad as one that crashes the decoder.
"""

from __future__ import annotations

import argparse
import copy
import random
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import InvalidOperation
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from nitocris.codec import Registry, decode, encode
from nitocris.errors import DecodeError, EncodeError
from tests.unit.codec.samples import EXCEPTIONS, REGISTRY, VALUES

SECONDS_PER_INPUT = 0.5
"""Of the process's own time: a busy machine makes no input slow."""

_INTERESTING = (0x00, 0x01, 0x02, 0x05, 0x07, 0x20, 0x22, 0x40, 0x41, 0x7F, 0x80, 0x81, 0xFE, 0xFF)
_COUNTS = tuple(
    bytes.fromhex(text)
    for text in ("00", "01", "7f", "8001", "ff7f", "ffff7f", "ffffffff0f", "ffffffffffffffff7f",
                 "ffffffffffffffffff01", "ffffffffffffffffffff7f")
)  # fmt: skip
_USED_ITEMS = 200


@dataclass
class Report:
    """What a run saw.

    Attributes:
        inputs: How many inputs were decoded.
        accepted: How many of them were values.
        slowest: The longest time that one input took to decode, in seconds.
        failures: The inputs that did what they must not, and what they did.
    """

    inputs: int = 0
    accepted: int = 0
    slowest: float = 0.0
    failures: list[tuple[bytes, str]] = field(default_factory=list)


def fuzz(inputs: int, seed: int, max_failures: int = 20) -> Report:
    """Decode edited encodings and use what they decode to.

    Args:
        inputs: How many.
        seed: The same seed gives the same inputs.
        max_failures: When to give up.
    """
    report = Report()
    for data in islice(mutants(random.Random(seed)), inputs):
        problem = check(data, report)
        report.inputs += 1
        if problem is not None:
            report.failures.append((data, problem))
            if len(report.failures) >= max_failures:
                break
    return report


def check(
    data: bytes, report: Report, decoder: Callable[[bytes, Registry], object] = decode
) -> str | None:
    """Decode one input and use its value; answer what went wrong."""
    start = time.process_time()
    try:
        value = decoder(data, REGISTRY)
    except DecodeError:
        value = DecodeError
    except BaseException as error:
        return f"decode raised {error!r}"
    seconds = time.process_time() - start
    report.slowest = max(report.slowest, seconds)
    if seconds > SECONDS_PER_INPUT:
        return f"decode took {seconds:.2f} s"
    if value is DecodeError:
        return None
    report.accepted += 1
    try:
        use(value)
    except BaseException as error:
        return f"using a {type(value).__qualname__} raised {error!r}"
    return None


def mutants(rng: random.Random) -> Iterator[bytes]:
    """Answer endless edited encodings."""
    corpus = [encode(value, REGISTRY) for value in [*VALUES.values(), *EXCEPTIONS.values()]]
    while True:
        data = bytearray(rng.choice(corpus))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
            rng.choice(_EDITS)(rng, data, corpus)
        if rng.random() < 0.9:
            data[:1] = b"\x01"
        yield bytes(data)


def _flip_bit(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set_byte(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice((*_INTERESTING, rng.randrange(256)))


def _set_count(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    data[start : start + rng.randrange(3)] = rng.choice(_COUNTS)


def _step_byte(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        position = rng.randrange(len(data))
        data[position] = (data[position] + rng.choice((-1, 1))) % 256


def _splice(rng: random.Random, data: bytearray, corpus: list[bytes]) -> None:
    other = rng.choice(corpus)
    begin = rng.randrange(len(other))
    piece = other[begin : begin + rng.randrange(1, 64)]
    start = rng.randrange(len(data) + 1)
    data[start : start + rng.choice((0, len(piece), rng.randrange(64)))] = piece


def _graft(rng: random.Random, data: bytearray, corpus: list[bytes]) -> None:
    """Put a whole value where a byte was: often the place of another value."""
    start = rng.randrange(len(data) + 1)
    data[start : start + 1] = rng.choice(corpus)[1:]


def _duplicate(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.randrange(1, 32)]
    data[start:start] = piece * rng.choice((1, 1, 2, 50))


def _delete(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    del data[start : start + rng.randrange(1, 16)]


def _truncate(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _nest(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    data[1:1] = rng.choice((b"\x20\x00\x01", b"\x21\x00\x01", b"\x28\x00\x00\x01")) * rng.randrange(
        1, 80
    )


_EDITS = (
    _flip_bit, _flip_bit, _set_byte, _set_byte, _set_count, _step_byte, _step_byte, _splice,
    _graft, _duplicate, _delete, _truncate, _nest,
)  # fmt: skip


def use(value: Any) -> None:
    """Do with a value what its owner would."""
    with warnings.catch_warnings():
        # A signalling NaN warns wherever it is compared; that is the value, not the decoder.
        warnings.simplefilter("ignore")
        for action, tolerated in _USES:
            try:
                action(value)
            except tolerated as error:
                if isinstance(error, ValueError) and action in (repr, str):
                    _tolerate_only_long_ints(error)


def _tolerate_only_long_ints(error: ValueError) -> None:
    """Python refuses to write out an int of more than 4,300 digits; nothing else may fail."""
    if "Exceeds the limit" not in str(error):
        raise error


def _compare(value: Any) -> object:
    return value == value


def _copy(value: Any) -> None:
    if isinstance(value, (pd.DataFrame, pd.Series)):
        value.copy()
    elif isinstance(value, np.ndarray):
        value.copy()
        if value.size < 10_000:
            value.tolist()


def _look_into(error: Any) -> None:
    if isinstance(error, BaseException):
        "".join(traceback.format_exception(error))
        repr((error.args, error.__cause__, vars(error)))
        copy.copy(error)


def _walk(value: Any) -> None:
    if isinstance(value, (str, bytes, bytearray, pd.DataFrame)) or not hasattr(value, "__iter__"):
        return
    for item in islice(iter(value), _USED_ITEMS):
        try:
            repr(item)
        except ValueError as error:
            _tolerate_only_long_ints(error)


def _encode_again(value: Any) -> None:
    decode(encode(value, REGISTRY), REGISTRY)


# What good values say as well: arrays and NA have no truth, a Decimal NaN cannot be ordered (and
# a Counter's repr orders), lists have no hash, an array without dimensions has no length.
_USES: tuple[tuple[Callable[[Any], object], tuple[type[Exception], ...]], ...] = (
    (repr, (ValueError, InvalidOperation)),
    (str, (ValueError, InvalidOperation)),
    (_compare, (TypeError, ValueError, InvalidOperation)),
    (hash, (TypeError,)),
    (len, (TypeError, OverflowError)),
    (_copy, ()),
    (_look_into, ()),
    (_walk, (TypeError, InvalidOperation)),
    (_encode_again, (EncodeError,)),
)


def main() -> int:
    """Run from the command line; answer the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("error")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    report = fuzz(arguments.inputs, arguments.seed)
    seconds = time.perf_counter() - start
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        f"{report.inputs:,} inputs in {seconds:.0f} s, {report.accepted:,} accepted, "
        f"slowest {report.slowest * 1000:.0f} ms, memory +{growth // 1024} MiB, "
        f"{len(report.failures)} failures"
    )
    for data, problem in report.failures:
        print(f"{problem}\n    {data!r}"[:1500])
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
