"""A closed, data-only codec for everything that comes from a worker.

    worker: value -> encode -> bytes        owner: bytes -> decode -> value

Bytes from a stranger decode to data or to a `DecodeError`; nothing in them names code that is run.
There is a fixed list of kinds of values (see `tags`), and of the owner's own classes only those
that the owner registered.  The same files run on both sides, in CPython and in Pyodide.
The format: one version byte, then one value: a tag byte and what it needs.
"""

from __future__ import annotations

import struct

from nitocris.codec import (
    containers,
    dates,
    exceptions,
    numpy_scalars,
    pandas_frames,
    records,
    scalars,
)
from nitocris.codec.limits import DEFAULT_LIMITS, Limits
from nitocris.codec.reachable import classes_reachable_from
from nitocris.codec.refusals import explain, find_cycle
from nitocris.codec.registry import EMPTY_REGISTRY, Registry, is_registrable
from nitocris.codec.remote_errors import clean
from nitocris.codec.wire import FINDERS, VERSION, Reader, UnencodableError, Writer
from nitocris.errors import DecodeError, EncodeError

__all__ = [
    "DEFAULT_LIMITS",
    "Limits",
    "Registry",
    "classes_reachable_from",
    "clean",
    "decode",
    "encode",
    "is_registrable",
]

KINDS = (scalars, dates, containers, records, numpy_scalars, pandas_frames, exceptions)
"""The modules that fill the tables of `wire` when they are imported."""

# An exception may be a dataclass, and a registered class anything: they are asked in this order.
FINDERS += [
    exceptions.find_encoder,
    records.find_encoder,
    numpy_scalars.find_encoder,
    pandas_frames.find_encoder,
]


def encode(
    value: object, registry: Registry | None = None, limits: Limits = DEFAULT_LIMITS
) -> bytes:
    """Turn a value into bytes that `decode` accepts, or say why that cannot be.

    Args:
        value: What the mapped function returned.
        registry: The classes whose instances may travel.
        limits: The limits of the side that will decode.

    Raises:
        EncodeError: The value holds something that is not carried; the message says where, and
            what to return instead.
    """
    writer = Writer(limits, EMPTY_REGISTRY if registry is None else registry)
    writer.buffer.append(VERSION)
    try:
        writer.charge(1, 0)
        writer.write(value)
        return writer.join()
    except UnencodableError as error:
        reason = explain(value, error.value, str(error))
    except (EncodeError, RecursionError) as error:
        reason = _explain_size(value, error)
    except Exception as error:
        # The user's classes may answer anything when they are asked for their parts.
        reason = f"the result cannot be read: {type(error).__name__}: {error}"
    raise EncodeError(reason)


def _explain_size(value: object, error: Exception) -> str:
    cycle = find_cycle(value)
    if cycle is not None:
        return f"{cycle} is a container that lies inside itself; return a copy without that"
    return f"the result is too large to be carried: {error}"


def decode(
    data: bytes | bytearray | memoryview,
    registry: Registry | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> object:
    """Turn bytes from a stranger into a value.

    Args:
        data: The bytes, which are not changed and not kept.
        registry: The classes whose instances may come.
        limits: What a value may cost.

    Raises:
        DecodeError: The bytes are no value, or one that exceeds the limits.  Nothing else is
            ever raised.
    """
    try:
        reader = Reader(data, limits, EMPTY_REGISTRY if registry is None else registry)
        if reader.byte() != VERSION:
            reader.refuse("another version of the format")
        reader.charge(1, 0)
        value = reader.read()
        if reader.position != len(reader.data):
            reader.refuse(f"{len(reader.data) - reader.position:,} bytes too many")
        return value
    except DecodeError as error:
        problem = str(error)
    except (IndexError, struct.error):
        problem = "the bytes end too early"
    except Exception as error:
        # Constructors of the standard library, numpy and pandas refuse in many ways.
        problem = f"{type(error).__name__}: {ascii(str(error))[:200]}"
    # A new error, since the old one's frames would keep alive what was built so far.
    raise DecodeError(f"not a result: {problem}")
