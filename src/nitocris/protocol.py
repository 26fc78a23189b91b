"""The wire: frames, the messages in their headers, and limits (docs/protocol.md is the reference).

    frame = uint32 header length | JSON header | zeros up to a multiple of 8 | payload

A message is a frozen dataclass, its header the JSON of its fields, and a field name means the same
in every message, so each has one check.  Nothing here knows sockets or what a payload holds.
"""

from __future__ import annotations

import dataclasses
import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import TypeAlias, TypeVar

from .errors import ProtocolError

PROTOCOL_VERSION = 5
PART_BYTES = 256 * 1024
"""A line of 10 KB/s brings so much within the silence that a page bears."""

MAX_HEADER_BYTES = 4 * 1024
"""Of a frame from a worker; ids and sizes need less than 200 bytes."""
MAX_CONTROL_BYTES = 8 * 1024 * 1024
"""Of a frame from a worker that answers no live lease."""
MAX_RESULT_BYTES = 64 * 1024 * 1024
"""Of a result for a live lease."""
MAX_CAPACITY = 1024
"""Chunks at once on one device; more cores than that are several devices."""
MAX_OUTPUT_BYTES = 128 * 1024
"""Of the payload of an output."""
MAX_OUTPUT_ITEMS = 100
"""Entries of an output."""
MAX_SLOWEST = 5
"""Items of a result that it may name as its slowest."""
HELLO_TIMEOUT = 5.0
"""Seconds from the opening of a socket to its hello."""
SILENCE_TIMEOUT = 30.0
"""Seconds without a sign of life after which the other end counts as gone."""

CLOSE_GOING_AWAY = 1001
CLOSE_REFUSED = 4000
CLOSE_BAD_RESULTS = 4001
CLOSE_DISMISSED = 4002
"""Sent away because its chunks failed again and again."""

Buffer: TypeAlias = bytes | bytearray | memoryview

_LENGTH = struct.Struct("<I")
_BLOB_ID = re.compile(r"[0-9a-f]{64}\Z")
_LARGEST_ID = 2**53 - 1  # JavaScript's integers end here


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of a worker."""

    protocol: int
    token: str
    kind: str
    capacity: int
    python: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many chunks this worker computes at once from now on; a browser names its environment."""

    capacity: int
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The answers to `count` items from `offset` on; the payload is `(values, failures)`.

    Attributes:
        lease: The chunk's.
        offset: The index in the chunk's payload of the first item.
        count: The number of items.
        raised: How many of them raised.
        final: Nothing more comes for this lease.
        seconds: How long the function took for all of them.
        slowest: Place among them and seconds of those that took longest, in their order.
    """

    lease: int
    offset: int
    count: int
    raised: int
    final: bool
    seconds: float = 0.0
    slowest: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """What items of a lease printed; the payload is a list of `(index, text)`.

    Attributes:
        lease: The chunk's.
        dropped: How many lines were too many to be sent.
    """

    lease: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker could not answer the lease: its interpreter died or could not start."""

    lease: int
    reason: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The place of a cancelled lease is free again."""

    lease: int


@dataclass(frozen=True, slots=True)
class Returned:
    """The worker will not finish the lease, and nobody is to blame."""

    lease: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?

    Attributes:
        round_trip: Seconds from the worker's last ping to its answer, None if there was none yet.
    """

    round_trip: float | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """The hello was accepted."""

    protocol: int
    worker: int
    environment: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The hello was not accepted; the message is for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment has changed; a browser that wants more chunks gets the new one first."""

    environment: str


@dataclass(frozen=True, slots=True)
class Map:
    """A map's function, before its first chunk; the payload is a shipment."""

    map: int
    blobs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items to compute; the payload is a shipment, which may hold others besides.

    Attributes:
        lease: What answers refer to.
        map: The map whose function it is.
        skip: The index in the payload of the first item to compute.
        stop: The index of the first one after it that is not to be computed.
        blobs: What the payload refers to.
        piecewise: Answer each item by itself, so that a crash shows whose it is.
    """

    lease: int
    map: int
    skip: int
    stop: int
    blobs: tuple[str, ...]
    piecewise: bool


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop computing this lease."""

    lease: int


@dataclass(frozen=True, slots=True)
class Forget:
    """The map is over."""

    map: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the maps that run are, all together; for the volunteers to see.

    Attributes:
        devices: How many are connected.
        done: Items that are done.
        rate: Items per second of all workers together, lately.
        total: All items, None if unknown; 0 while no map runs.
        remaining: Seconds that the others will probably take, None if unknown.
    """

    devices: int
    done: int
    rate: float
    total: int | None = None
    remaining: float | None = None


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping."""


@dataclass(frozen=True, slots=True)
class Part:
    """The next bytes of a frame that is too large for one message to a browser; see `in_parts`."""

    last: bool


FromWorker: TypeAlias = Hello | Capacity | Result | Output | Failed | Cancelled | Returned | Ping
FromCoordinator: TypeAlias = (
    Welcome | Refused | Environment | Map | Chunk | Cancel | Forget | Progress | Pong | Part
)
Message: TypeAlias = FromWorker | FromCoordinator
_M = TypeVar("_M", bound=Message)

FROM_WORKER: Mapping[str, type[FromWorker]] = {
    "hello": Hello,
    "capacity": Capacity,
    "result": Result,
    "output": Output,
    "failed": Failed,
    "cancelled": Cancelled,
    "returned": Returned,
    "ping": Ping,
}
FROM_COORDINATOR: Mapping[str, type[FromCoordinator]] = {
    "welcome": Welcome,
    "refused": Refused,
    "environment": Environment,
    "map": Map,
    "chunk": Chunk,
    "cancel": Cancel,
    "forget": Forget,
    "progress": Progress,
    "pong": Pong,
    "part": Part,
}


def encode(message: Message, *payload: Buffer) -> bytes:
    """Returns the frame of a message; parts of a payload are joined here, once."""
    header: dict[str, object] = {"type": type(message).__name__.lower()}
    for field in dataclasses.fields(message):
        value = getattr(message, field.name)
        if value is not None:
            header[field.name] = value
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    padding = bytes(-(_LENGTH.size + len(text)) % 8)
    return b"".join((_LENGTH.pack(len(text)), text, padding, *payload))


def in_parts(frame: bytes) -> Iterator[bytes]:
    """Yields the messages in which a frame goes to a browser: itself, where it is small.

    A browser tells its page of whole messages only, so one that takes long looks like silence.
    """
    if len(frame) <= PART_BYTES:
        yield frame
        return
    for start in range(0, len(frame), PART_BYTES):
        stop = start + PART_BYTES
        yield encode(Part(stop >= len(frame)), memoryview(frame)[start:stop])


def decode_from_worker(frame: Buffer) -> tuple[FromWorker, memoryview]:
    """Reads a frame that a stranger sent.

    Raises:
        ProtocolError: It is no frame, its message is unknown, or a field is wrong.
    """
    header, payload = _split(frame, MAX_HEADER_BYTES)
    return _message(header, FROM_WORKER), payload


def decode_from_coordinator(frame: Buffer) -> tuple[FromCoordinator, memoryview]:
    """Reads a frame that the coordinator sent.

    Raises:
        ProtocolError: It is no frame, its message is unknown, or a field is wrong.
    """
    header, payload = _split(frame, len(frame))
    return _message(header, FROM_COORDINATOR), payload


def _split(frame: Buffer, max_header: int) -> tuple[dict[str, object], memoryview]:
    view = memoryview(frame)
    if len(view) < _LENGTH.size:
        raise ProtocolError(f"a frame of {len(view)} bytes is too short for a header")
    (length,) = _LENGTH.unpack_from(view)
    end = _LENGTH.size + length
    if length > max_header:
        raise ProtocolError(f"a header of {length} bytes; at most {max_header} are allowed")
    start = end + (-end % 8)
    if len(view) < end or (len(view) < start and len(view) != end):
        raise ProtocolError("the frame ends inside its header")
    try:
        header = json.loads(bytes(view[_LENGTH.size : end]))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the header is no JSON: {error}") from None
    if not isinstance(header, dict):
        raise ProtocolError("the header is no JSON object")
    return header, view[start:]


def _message(header: dict[str, object], known: Mapping[str, type[_M]]) -> _M:
    name = header.pop("type", None)
    message = known.get(name) if isinstance(name, str) else None
    if message is None:
        raise ProtocolError(f"unknown message type {name!r:.40}")
    fields = {field.name: field for field in dataclasses.fields(message)}
    for key, value in header.items():
        if key not in fields:
            raise ProtocolError(f"{name}: unknown field {key!r:.40}")
        if not _CHECKS[key](value):
            raise ProtocolError(f"{name}: {key} cannot be {value!r:.40}")
        if isinstance(value, list):
            header[key] = _tuple(value)
    for key, field in fields.items():
        if key not in header and field.default is dataclasses.MISSING:
            raise ProtocolError(f"{name}: the field {key} is missing")
    return message(**header)  # type: ignore[arg-type]  # each field was checked above


def _tuple(values: list[object]) -> tuple[object, ...]:
    return tuple(_tuple(value) if isinstance(value, list) else value for value in values)


def _integer(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < inf


def _text(longest: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and len(value) <= longest


def _is_blob_ids(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, str) and _BLOB_ID.match(each) for each in value
    )


def _is_slowest(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_SLOWEST
        and all(
            isinstance(pair, list) and len(pair) == 2 and _is_id(pair[0]) and _is_amount(pair[1])
            for pair in value
        )
    )


_is_id = _integer(0, _LARGEST_ID)

_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "protocol": _integer(0, 1_000_000),
    "token": _text(200),
    "kind": lambda value: value in ("browser", "native"),
    "capacity": _integer(0, MAX_CAPACITY),
    "python": _text(20),
    "name": _text(64),
    "lease": _is_id,
    "map": _is_id,
    "worker": _is_id,
    "offset": _is_id,
    "count": _is_id,
    "raised": _is_id,
    "skip": _is_id,
    "stop": _is_id,
    "piecewise": lambda value: isinstance(value, bool),
    "final": lambda value: isinstance(value, bool),
    "last": lambda value: isinstance(value, bool),
    "reason": _text(500),
    "environment": _text(64),
    "code": _text(40),
    "message": _text(1000),
    "blobs": _is_blob_ids,
    "devices": _is_id,
    "done": _is_id,
    "total": _is_id,
    "rate": _is_amount,
    "remaining": _is_amount,
    "round_trip": _is_amount,
    "seconds": _is_amount,
    "dropped": _is_id,
    "slowest": _is_slowest,
}
