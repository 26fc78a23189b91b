"""Shipments: pickles and their large buffers, as they travel outwards (docs/protocol.md).

    major, minor | further bodies | number of parts | table of parts | parts, 8-aligned, but blobs

The first parts are bodies, the others buffers.  Bodies are joined and hold one pickle or several,
of which the last one is the value: what stands before it makes its modules importable.  A large
text is a body of its own, so that it can be a blob like any buffer.

Packing copies nothing but the table: the parts are handed on as they are, to be joined later.
Unpacking copies nothing either: arrays are built on the frame itself.
Only what the coordinator sent is ever unpacked, so this trusts its input and checks only what can
go wrong between honest ends: another Python, a missing blob.
"""

from __future__ import annotations

import pickle
import struct
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .errors import ProtocolError
from .protocol import Buffer

_HEAD = struct.Struct("<BBHI")
_PART = struct.Struct("<I4xQ32s")
_READ_ONLY = 1
_INLINE = bytes(32)


@dataclass(frozen=True, slots=True)
class Part:
    """One buffer of a shipment; `blob` is its SHA-256 in hex when it travels beside the frame."""

    data: memoryview
    read_only: bool = True
    blob: str | None = None


def pack(bodies: Sequence[Part], buffers: Sequence[Part] = ()) -> list[Buffer]:
    """Returns the pieces of a shipment, to be joined; blobs are only named in it."""
    parts = [*bodies, *buffers]
    table = [_HEAD.pack(*sys.version_info[:2], len(bodies) - 1, len(parts))]
    pieces: list[Buffer] = []
    for part in parts:
        digest = bytes.fromhex(part.blob) if part.blob else _INLINE
        flags = _READ_ONLY if part.read_only else 0
        table.append(_PART.pack(flags, part.data.nbytes, digest))
        if not part.blob:
            pieces.append(part.data)
            pieces.append(bytes(-part.data.nbytes % 8))
    return [b"".join(table), *pieces]


def unpack(shipment: memoryview, blobs: Mapping[str, Buffer]) -> object:
    """Unpickles a shipment.

    Args:
        shipment: The payload of a `map` or `chunk` frame.
        blobs: The blobs that the frame's header lists, by id.

    Raises:
        ProtocolError: Another minor version of Python wrote it, or a blob is missing.
        Exception: Whatever unpickling raises, such as a `ModuleNotFoundError`.
    """
    major, minor, further, count = _HEAD.unpack_from(shipment)
    if (major, minor) != sys.version_info[:2]:
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise ProtocolError(f"a function pickled by Python {major}.{minor} cannot run on {here}")
    parts = list(_parts(shipment, count, blobs))
    bodies, buffers = _Bodies(parts[: further + 1]), iter(parts[further + 1 :])
    while True:
        # A new one each time: positions in an unpickler's memo count from its first pickle.
        value = pickle.Unpickler(bodies, buffers=buffers).load()  # noqa: S301  # the owner's own
        if bodies.at_end:
            return value


class _Bodies:
    """A file for unpicklers: the bodies behind one another, each copied only once.

    It has no `peek`, so that an unpickler reads no further than its pickle.
    """

    def __init__(self, bodies: Sequence[Buffer]) -> None:
        self._left = deque(memoryview(body) for body in bodies if len(body))

    @property
    def at_end(self) -> bool:
        return not self._left

    def readinto(self, target: memoryview) -> int:
        target = memoryview(target)
        filled = 0
        while self._left and filled < target.nbytes:
            body = self._left.popleft()
            taken = min(body.nbytes, target.nbytes - filled)
            target[filled : filled + taken] = body[:taken]
            filled += taken
            if taken < body.nbytes:
                self._left.appendleft(body[taken:])
        return filled

    def read(self, size: int) -> bytes:
        data = bytearray(size)
        return bytes(data[: self.readinto(memoryview(data))])

    def readline(self) -> bytes:
        """Unpicklers ask for it, but no opcode of protocol 5 has lines."""
        line = bytearray()
        while not line.endswith(b"\n") and not self.at_end:
            line += self.read(1)
        return bytes(line)


def _parts(shipment: memoryview, count: int, blobs: Mapping[str, Buffer]) -> Iterator[Buffer]:
    position = _HEAD.size + count * _PART.size
    rows = [_PART.unpack_from(shipment, _HEAD.size + at * _PART.size) for at in range(count)]
    uses = Counter(digest for _, _, digest in rows)
    for flags, length, digest in rows:
        data: Buffer
        if digest == _INLINE:
            data = shipment[position : position + length]
            position += length + (-length % 8)
        else:
            blob = digest.hex()
            if blob not in blobs:
                raise ProtocolError(f"the blob {blob} is missing")
            data = blobs[blob]
        view = memoryview(data)
        if flags & _READ_ONLY:
            yield view.toreadonly()
        else:
            # Two arrays that are alike now need not be so later.
            is_shared = digest != _INLINE and uses[digest] > 1
            yield bytearray(view) if view.readonly or is_shared else view
