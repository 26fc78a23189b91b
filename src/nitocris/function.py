"""The function and its items, on their way out: cloudpickle, with large buffers beside the pickle
and the owner's own modules before it.

Everything is copied while it is encoded, so what the owner changes afterwards changes nothing for
the workers, and a generator may hand out the same array again and again.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from . import own_modules, shipment
from .captures import reason_not_sendable
from .errors import NotSendableError
from .own_modules import Needs
from .pickling import Blob, Pickled, joined, looked_through, of_parts, pickled
from .worker import sources
from .worker.rules import Rules
from .worker.shared import Shared

_USUAL = Rules()


@dataclass(frozen=True, slots=True)
class Shipment:
    """The payload of a frame, and the blobs that it refers to.

    Attributes:
        payload: What the frame carries.
        blobs: What travels beside it.
        modules: The owner's own top-level modules that are in it.
        warnings: Sentences about these for the owner.
    """

    payload: bytes
    blobs: tuple[Blob, ...]
    modules: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The hash of the whole; the payload names its blobs by theirs."""
        return hashlib.sha256(self.payload).hexdigest()

    @property
    def blob_ids(self) -> tuple[str, ...]:
        """The ids for the frame's header, each once, in the order of the shipment's table."""
        return tuple(blob.id for blob in self.blobs)


def encode_function(
    function: Callable[..., Any],
    classes: tuple[type, ...] | None = (),
    rules: Rules = _USUAL,
) -> Shipment:
    """Encodes a function and what a worker must know to call it.

    Args:
        function: What is mapped.
        classes: The classes that its results may be made of; None to pickle them.
        rules: What happens to items that fail.

    Raises:
        NotSendableError: It refers to something that cannot be pickled, or to an own module that
            cannot travel.
    """
    try:
        return _encode((function, classes, rules))
    except NotSendableError:
        raise
    except Exception as error:
        name = getattr(function, "__qualname__", repr(function))
        reason = reason_not_sendable(function) or (
            f"{error}; create what it needs (locks, files, connections, generators) inside the "
            "function"
        )
        raise NotSendableError(
            f"the function {name} cannot be sent to workers: {reason}"
        ) from error


def encode_items(
    items: list[tuple[Any, ...]], start: int, carried: Collection[str] = ()
) -> Shipment:
    """Encodes a chunk: for each item the tuple of its arguments.

    Args:
        items: The argument tuples.
        start: The index of the first item in its map, for messages.
        carried: The own modules that travel with the function.

    Raises:
        NotSendableError: An item cannot be pickled; the message names its index.
    """
    try:
        return _encode(items, carried)
    except Exception as error:
        raise _blame(items, start, error) from error


def encode_arguments(arguments: tuple[Any, ...], carried: Collection[str] = ()) -> Shipment:
    """Encodes the arguments of one call, as a chunk of one item.

    Args:
        arguments: What the function gets.
        carried: The own modules that travel with the function.

    Raises:
        NotSendableError: One of them cannot be pickled.
    """
    try:
        return _encode([arguments], carried)
    except Exception as error:
        raise _refusal("the arguments", arguments, error) from error


def share(value: object) -> Shared[Any]:
    """Encodes a value once, for all functions and items that refer to the handle.

    Raises:
        NotSendableError: It cannot be pickled.
    """
    try:
        parts = pickled(value)
        modules = _needs(parts, ()).modules
    except Exception as error:
        raise _refusal("the shared value", (value,), error) from error
    payload = parts.packed()
    needed = frozenset(parts.referenced) if modules else frozenset()
    return Shared(hashlib.sha256(payload).hexdigest(), payload, needed, value)


def modules_used_by(*values: object) -> set[str]:
    """Returns the top-level names of modules that these need where they are unpickled.

    Seen are the modules, functions and classes that are pickled by reference, the imports inside
    functions that are pickled by value, and what the owner's own modules import.  These themselves
    are not among them: they travel.
    """
    parts = looked_through(values)
    return set(own_modules.needs(parts.referenced, parts.mentioned).imports)


def _blame(items: list[tuple[Any, ...]], start: int, error: Exception) -> NotSendableError:
    problem = NotSendableError(f"the items from {start} on cannot be sent to workers: {error}")
    problem.index = start
    for index, arguments in enumerate(items, start):
        try:
            _encode(arguments)
        except Exception as cause:
            problem = _refusal(f"item {index}", arguments, cause)
            problem.index = index
            break
    return problem


def _refusal(what: str, arguments: tuple[Any, ...], cause: Exception) -> NotSendableError:
    shown = repr(arguments[0] if len(arguments) == 1 else arguments)
    return NotSendableError(
        f"{what} ({shown:.80}) cannot be sent to workers: {cause}. "
        "Use plain data (numbers, text, arrays) and open what it names inside the function."
    )


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Own modules, which become importable when this is unpickled."""

    modules: tuple[tuple[str, str], ...]

    def __reduce__(self) -> tuple[Any, ...]:
        places = [pickle.PickleBuffer(b"") for _ in self.modules]
        return sources.bring, (self.modules, places)


def _encode(value: object, carried: Collection[str] = ()) -> Shipment:
    parts = pickled(value)
    needed = _needs(parts, carried)
    first = []
    if needed.modules:
        named = tuple((each.name, Blob.of(each.archive).id) for each in needed.modules)
        first = [of_parts(_Delivery(named), (each.archive for each in needed.modules))]
    bodies, buffers, blobs = joined(*first, parts)
    return Shipment(
        b"".join(shipment.pack(bodies, buffers)),
        blobs,
        frozenset(each.name for each in needed.modules),
        needed.warnings,
    )


def _needs(parts: Pickled, carried: Collection[str]) -> Needs:
    return own_modules.needs(
        name for name in parts.referenced if name.partition(".")[0] not in carried
    )
