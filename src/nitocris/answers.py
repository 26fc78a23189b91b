"""What a worker answers, taken apart and checked: nothing of it is trusted."""

from __future__ import annotations

import pickle

from . import codec, protocol
from . import events as ev
from .errors import DecodeError, RemoteError


def decode_result(
    payload: memoryview, message: protocol.Result, registry: codec.Registry | None
) -> tuple[list[object], dict[int, ev.Failure]]:
    """Returns the values of a result, and the failures by their places among them.

    Args:
        payload: What came.
        message: What the header says of it.
        registry: What values may be made of, besides plain data; None to unpickle them.

    Raises:
        DecodeError: It is no result.
    """
    if any(place >= message.count for place, _ in message.slowest):
        raise DecodeError("a result names an item as slow that it does not answer")
    decoded = codec.decode(payload, registry)
    if not (isinstance(decoded, tuple) and len(decoded) == 2):
        raise DecodeError("a result must be a pair of values and failures")
    carried, listed = decoded
    failures = _failures(listed, message)
    if registry is None and isinstance(carried, bytes):
        # Only with results="pickle", which admits nobody but holders of the worker token.
        carried = pickle.loads(carried)  # noqa: S301
    if not isinstance(carried, list) or len(carried) != message.count:
        raise DecodeError(f"a result must have the {message.count} values that it announced")
    return carried, failures


def _failures(listed: object, message: protocol.Result) -> dict[int, ev.Failure]:
    if not isinstance(listed, list) or len(listed) != message.raised:
        raise DecodeError(f"a result must have the {message.raised} failures that it announced")
    failures: dict[int, ev.Failure] = {}
    for each in listed:
        match each:
            case (int(position), RemoteError() as error, bool(transient)) if (
                0 <= position < message.count and position not in failures
            ):
                failures[position] = ev.Failure(error, transient)
            case _:
                raise DecodeError("a failure must be the place of an item, an exception, a flag")
    return failures
