"""The function and its items, on their way out: cloudpickle, with large buffers beside the pickle.

Everything is copied while it is encoded, so what the owner changes afterwards changes nothing for
the workers, and a generator may hand out the same array again and again.
"""

from __future__ import annotations

import dis
import hashlib
import io
import pickle
import sys
from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any, ClassVar

import cloudpickle

from . import shipment
from .errors import NotSendableError
from .protocol import Buffer
from .shipment import Part
from .worker.rules import Rules

BLOB_BYTES = 32 * 1024
"""From here on a buffer travels by itself, once per device."""
IN_BAND_BYTES = 1024
"""Below this a buffer stays inside the pickle: its row in the table would cost more."""

_USUAL = Rules()
_NAMELESS = "<dynamic-code>"
"""What cloudpickle puts in the place of a function's file, from 3.1.3 on."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Content-addressed bytes; `id` is their SHA-256 in hex."""

    id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Shipment:
    """The payload of a frame, and the blobs that it refers to."""

    payload: bytes
    blobs: tuple[Blob, ...]

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
        NotSendableError: It refers to something that cannot be pickled.
    """
    try:
        return _encode((function, classes, rules))
    except Exception as error:
        name = getattr(function, "__qualname__", repr(function))
        raise NotSendableError(
            f"the function {name} cannot be sent to workers: {error}. Create what it needs "
            "(locks, files, connections, generators) inside the function."
        ) from error


def encode_items(items: list[tuple[Any, ...]], start: int) -> Shipment:
    """Encodes a chunk: for each item the tuple of its arguments.

    Args:
        items: The argument tuples.
        start: The index of the first item in its map, for messages.

    Raises:
        NotSendableError: An item cannot be pickled; the message names its index.
    """
    try:
        return _encode(items)
    except Exception as error:
        raise _blame(items, start, error) from error


def encode_arguments(arguments: tuple[Any, ...]) -> Shipment:
    """Encodes the arguments of one call, as a chunk of one item.

    Raises:
        NotSendableError: One of them cannot be pickled.
    """
    try:
        return _encode([arguments])
    except Exception as error:
        raise _refusal("the arguments", arguments, error) from error


def modules_used_by(*values: object) -> set[str]:
    """Returns the top-level names of modules that these need where they are unpickled.

    Seen are the modules, functions and classes that are pickled by reference, and the imports
    inside functions that are pickled by value.  A function's own module is among them even where
    it is pickled by value.
    """
    watcher = _Watcher(io.BytesIO(), protocol=5, buffer_callback=lambda _: False)
    watcher.dump(values)
    return watcher.modules - sys.stdlib_module_names - {"__main__", "cloudpickle"}


class _Watcher(cloudpickle.CloudPickler):  # type: ignore[misc]  # it has no types
    """Pickles to nowhere, to see what passes by."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules: set[str] = set()

    def persistent_id(self, value: object) -> None:
        """Looks at everything before it is pickled; returns None: pickle it as usual."""
        if isinstance(value, ModuleType):
            self._note(value.__name__)
        elif isinstance(value, CodeType):
            instructions = dis.get_instructions(value)
            imports = (each.argval for each in instructions if each.opname == "IMPORT_NAME")
            for name in imports:
                self._note(name)
        else:
            self._note(getattr(value, "__module__", None))

    def _note(self, name: object) -> None:
        if isinstance(name, str):
            self.modules.add(name.partition(".")[0])


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


def _encode(value: object) -> Shipment:
    parts: list[Part] = []
    blobs: dict[str, Blob] = {}

    def keep_in_band(buffer: pickle.PickleBuffer) -> bool:
        with buffer.raw() as raw:
            if raw.nbytes < IN_BAND_BYTES:
                return True
            data = bytes(raw)
            blob_id = None
            if len(data) >= BLOB_BYTES:
                blob_id = hashlib.sha256(data).hexdigest()
                blobs[blob_id] = Blob(blob_id, data)
            parts.append(Part(memoryview(data), raw.readonly, blob_id))
        return False

    body = io.BytesIO()
    _Pickler(body, protocol=5, buffer_callback=keep_in_band).dump(value)
    pieces: list[Buffer] = shipment.pack([Part(body.getbuffer()), *parts])
    return Shipment(b"".join(pieces), tuple(blobs.values()))


def _reduce_code(code: CodeType) -> tuple[Any, ...]:
    make, arguments = cloudpickle.CloudPickler.dispatch_table[CodeType](code)
    return make, tuple(code.co_filename if each == _NAMELESS else each for each in arguments)


class _Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]  # it has no types
    """Lets functions know their files, without which remote tracebacks have no source lines."""

    dispatch_table: ClassVar = ChainMap(
        {CodeType: _reduce_code}, cloudpickle.CloudPickler.dispatch_table
    )
