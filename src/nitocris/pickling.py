"""One pickle on its way out: large parts set apart, and the modules noted that it will need.

    value --> Pickler --> bodies (the pickle, and each large text or bytes in it), buffers (arrays)
                     \\--> names of the modules that must be importable where it is unpickled

Arrays come apart as buffers of protocol 5.  For `bytes`, `bytearray` and `str`, pickle has no such
way, but it hands those of 64 KiB and more to its file as they are, without a copy and outside of
its frames.  So the file sees them pass by, and nothing is asked of small things.  Arrays of
objects, such as the texts of a data frame, have neither way; they become shipments of their own.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from collections import ChainMap
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, ClassVar

import cloudpickle

from . import shipment
from .imports import imports_of_function
from .in_memory import InMemory, modules_in_memory_by_value
from .protocol import Buffer
from .shipment import Part
from .worker.shared import Shared

BLOB_BYTES = 32 * 1024
"""From here on a buffer travels by itself, once per device."""
IN_BAND_BYTES = 1024
"""Below this a buffer stays inside the pickle: its row in the table would cost more."""
APART_BYTES = 64 * 1024
"""From here on pickle writes a text or bytes by itself (`_FRAME_SIZE_TARGET` in `pickle.py`)."""

_NAMELESS = "<dynamic-code>"
"""What cloudpickle puts in the place of a function's file, from 3.1.3 on."""
_LENGTHS = {
    pickle.BINBYTES: 4,
    pickle.BINUNICODE: 4,
    pickle.BINBYTES8: 8,
    pickle.BINUNICODE8: 8,
    pickle.BYTEARRAY8: 8,
}
"""The opcodes that are followed by a length and then so many bytes."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Content-addressed bytes; `id` is their SHA-256 in hex."""

    id: str
    data: bytes

    @classmethod
    def of(cls, data: bytes) -> Blob:
        """Returns the blob with these bytes."""
        return cls(hashlib.sha256(data).hexdigest(), data)


@dataclass(frozen=True, slots=True)
class Pickled:
    """A value as parts of a shipment.

    Attributes:
        bodies: The pickle, in pieces.
        buffers: What it refers to, in order.
        blobs: Those parts that travel by themselves.
        referenced: Modules whose functions and classes it names, or which are imported by code in
            it; with the names of their packages.
        mentioned: Modules that objects in it come from, whether or not they are needed.
    """

    bodies: list[Part] = field(default_factory=list)
    buffers: list[Part] = field(default_factory=list)
    blobs: dict[str, Blob] = field(default_factory=dict)
    referenced: set[str] = field(default_factory=set)
    mentioned: set[str] = field(default_factory=set)

    def packed(self) -> bytes:
        """Returns a shipment with all parts in it, without blobs."""
        bodies, buffers = (
            [Part(part.data, part.read_only) for part in parts]
            for parts in (self.bodies, self.buffers)
        )
        return b"".join(shipment.pack(bodies, buffers))

    @property
    def nbytes(self) -> int:
        """How much travels, if every device has nothing of it yet."""
        return sum(part.data.nbytes for part in (*self.bodies, *self.buffers))


def pickled(value: object) -> Pickled:
    """Pickles a value; everything that can change is copied.

    Raises:
        Exception: Whatever pickling raises.
    """
    parts = Pickled()
    file = _File(parts)
    with modules_in_memory_by_value() as in_memory:
        _Pickler(file, parts, in_memory, whole=value).dump(value)
    file.close()
    return parts


def looked_through(value: object) -> Pickled:
    """Returns the modules that a pickle of a value names and mentions, and nothing of its contents.

    Raises:
        Exception: Whatever pickling raises.
    """
    parts = Pickled()
    with modules_in_memory_by_value() as in_memory:
        _Looking(_Nowhere(), parts, in_memory, whole=value).dump(value)
    return parts


def _part(parts: Pickled, data: bytes, *, read_only: bool = True) -> Part:
    if len(data) < BLOB_BYTES:
        return Part(memoryview(data), read_only)
    blob = Blob.of(data)
    parts.blobs[blob.id] = blob
    return Part(memoryview(data), read_only, blob.id)


class _File:
    """What a pickler writes to: small writes become one body, large contents one each."""

    def __init__(self, parts: Pickled) -> None:
        self._parts = parts
        self._small = bytearray()

    def write(self, data: Buffer) -> int:
        size = memoryview(data).nbytes
        if size >= APART_BYTES and self._announced() == size:
            self.close()
            # Bytes are kept as they are: the owner's own object, not a copy.
            self._parts.bodies.append(
                _part(self._parts, data if type(data) is bytes else bytes(data))
            )
        else:
            self._small += data
        return size

    def close(self) -> None:
        """Notes what was written since the last large content."""
        if self._small:
            self._parts.bodies.append(Part(memoryview(bytes(self._small))))
            self._small.clear()

    def _announced(self) -> int | None:
        """Returns how many bytes of content the last opcode says that follow."""
        for width in (4, 8):
            if _LENGTHS.get(bytes(self._small[-width - 1 : -width])) == width:
                return int.from_bytes(self._small[-width:], "little")
        return None


class _Nowhere:
    """Forgets what is written to it."""

    def write(self, data: Buffer) -> int:
        return memoryview(data).nbytes


def _is_large_array_of_objects(array: Any) -> bool:
    return bool(array.dtype.hasobject) and bool(array.nbytes >= BLOB_BYTES)


def _reduce_code(code: CodeType) -> tuple[Any, ...]:
    make, arguments = cloudpickle.CloudPickler.dispatch_table[CodeType](code)
    return make, tuple(code.co_filename if each == _NAMELESS else each for each in arguments)


class _Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]  # it has no types
    """Sets buffers apart and notes modules.

    It lets functions know their files, without which remote tracebacks have no source lines.
    """

    dispatch_table: ClassVar = ChainMap(
        {CodeType: _reduce_code}, cloudpickle.CloudPickler.dispatch_table
    )

    def __init__(
        self, file: _File | _Nowhere, parts: Pickled, in_memory: InMemory, whole: object
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=self._keep_in_band)
        self._parts = parts
        self._whole = whole
        self._in_memory = in_memory
        self._known: dict[int, Blob] = {}
        """Of shared values, by the id of their bytes: hashed once, not for every chunk."""

    def reducer_override(self, value: Any) -> Any:
        """Looks at functions, classes and modules; all else is pickled as usual."""
        kind = type(value)
        if kind is FunctionType or issubclass(kind, type):
            self._in_memory.note(value.__module__)
            reduced = super().reducer_override(value)
            if reduced is NotImplemented:
                self._reference(value.__module__)
            elif kind is FunctionType:
                self._parts.referenced.update(imports_of_function(value))
            return reduced
        if issubclass(kind, ModuleType):
            if not self._in_memory.note(value.__name__) and value.__name__ in sys.modules:
                self._reference(value.__name__)
        elif kind is BuiltinFunctionType:
            self._reference(value.__module__)
        elif kind is Shared:
            self._share(value)
        else:
            self._parts.mentioned.add(kind.__module__)
            if hasattr(value, "__qualname__"):  # what wraps a function, such as lru_cache
                self._reference(value.__module__)
            if kind.__name__ == "ndarray" and _is_large_array_of_objects(value):
                return self._apart(value)
        return super().reducer_override(value)

    def _apart(self, value: Any) -> Any:
        if value is self._whole:
            return super().reducer_override(value)
        inner = pickled(value)
        self._parts.referenced.update(inner.referenced)
        self._parts.mentioned.update(inner.mentioned)
        return shipment.unpack, (pickle.PickleBuffer(inner.packed()), {})

    def _reference(self, module: object) -> None:
        if isinstance(module, str):
            self._parts.referenced.add(module)

    def _share(self, value: Shared[Any]) -> None:
        self._parts.referenced.update(value.modules)
        self._known[id(value.payload)] = Blob(value.key, value.payload)

    def _keep_in_band(self, buffer: pickle.PickleBuffer) -> bool:
        with buffer.raw() as raw:
            known = self._known.get(id(raw.obj))
            if known is not None:
                self._parts.blobs[known.id] = known
                self._parts.buffers.append(Part(memoryview(known.data), blob=known.id))
                return False
            if raw.nbytes < IN_BAND_BYTES:
                return True
            self._parts.buffers.append(_part(self._parts, bytes(raw), read_only=raw.readonly))
        return False


class _Looking(_Pickler):
    """Copies no buffer and computes no hash."""

    def _keep_in_band(self, buffer: pickle.PickleBuffer) -> bool:  # noqa: ARG002
        return False


def joined(*several: Pickled) -> tuple[list[Part], list[Part], tuple[Blob, ...]]:
    """Returns bodies, buffers and blobs of several pickles, to be unpickled in this order."""
    return (
        [part for each in several for part in each.bodies],
        [part for each in several for part in each.buffers],
        tuple({key: blob for each in several for key, blob in each.blobs.items()}.values()),
    )


def of_parts(value: object, contents: Iterable[bytes]) -> Pickled:
    """Pickles a plain value whose buffers are these, each a blob however small it is."""
    parts = Pickled()
    body = pickle.dumps(value, protocol=5, buffer_callback=lambda _: None)
    parts.bodies.append(Part(memoryview(body)))
    for data in contents:
        blob = Blob.of(data)
        parts.blobs[blob.id] = blob
        parts.buffers.append(Part(memoryview(data), blob=blob.id))
    return parts


def travels_by_name(value: object) -> bool:
    """Returns whether a function or class is pickled as the name of what is to be imported."""
    with modules_in_memory_by_value() as in_memory:
        in_memory.note(getattr(value, "__module__", None))
        pickler = cloudpickle.CloudPickler(io.BytesIO(), protocol=5)
        return pickler.reducer_override(value) is NotImplemented
