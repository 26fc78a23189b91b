"""The worker, the same in a browser and on a native Python: frames in, frames out.

    receive(map)    -> the function is unpickled once
    receive(chunk)  -> step() -> step() -> ... -> None
                       each step computes items for about a second and returns one result frame

No socket, thread or clock in here: whoever drives it supplies them, and may stop it only between
steps or by killing its process.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import codec, protocol, shipment
from ..errors import EncodeError, ProtocolError
from ..protocol import Buffer

FLUSH_SECONDS = 1.0
"""Results leave about this often, so that a worker that vanishes costs no more of its work."""
FLUSH_BYTES = 8 * 1024 * 1024
"""Large results leave as soon as they are this large together, to keep memory and frames small."""

_Frames = Generator[bytes, None, bool]


@dataclass(frozen=True, slots=True)
class _Function:
    call: Callable[..., Any]
    registry: codec.Registry | None
    """What results may be made of, besides plain data; None: anything, they are pickled."""


class WorkerCore:
    """Runs chunks, one at a time.

    Args:
        clock: Returns seconds from any fixed moment, such as `time.monotonic`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._functions: dict[int, _Function | BaseException] = {}
        self._frames: Generator[bytes, None, None] | None = None

    def receive(self, frame: Buffer, blobs: Sequence[Buffer] = ()) -> None:
        """Takes a `map`, `chunk` or `forget` frame with the blobs that its header lists.

        Raises:
            ProtocolError: The frame is another one, or malformed.
        """
        message, payload = protocol.decode_from_coordinator(frame)
        match message:
            case protocol.Map():
                self._functions[message.map] = _load(payload, _by_id(message.blobs, blobs))
            case protocol.Chunk():
                self._frames = self._compute(message, payload, _by_id(message.blobs, blobs))
            case protocol.Forget():
                self._functions.pop(message.map, None)
            case _:
                raise ProtocolError(f"a {type(message).__name__} is not for the worker's core")

    def step(self) -> bytes | None:
        """Computes for about a second; returns a result frame, or None when the chunk is done."""
        if self._frames is None:
            return None
        frame = next(self._frames, None)
        if frame is None:
            self._frames = None
        return frame

    def _compute(
        self, chunk: protocol.Chunk, payload: memoryview, blobs: Mapping[str, Buffer]
    ) -> Generator[bytes, None, None]:
        function = self._functions.get(chunk.map)
        if not isinstance(function, _Function):
            unknown = ProtocolError(f"the map {chunk.map} was never introduced")
            failure = unknown if function is None else function
            yield from _results(chunk, chunk.skip, [], failure, codec.Registry(()))
            return
        try:
            items: Any = shipment.unpack(payload, blobs)
        except BaseException as error:
            yield from _results(chunk, chunk.skip, [], error, function.registry)
            return
        offset = chunk.skip
        values: list[object] = []
        size = 0
        flush_at = self._clock() + FLUSH_SECONDS
        for index in range(chunk.skip, len(items)):
            arguments, items[index] = items[index], None
            try:
                value = function.call(*arguments)
            except BaseException as error:
                yield from _results(chunk, offset, values, error, function.registry)
                return
            values.append(value)
            size += _size(value)
            last = index + 1 == len(items)
            if not last and (size >= FLUSH_BYTES or self._clock() >= flush_at):
                if not (yield from _results(chunk, offset, values, None, function.registry)):
                    return
                offset, values, size = index + 1, [], 0
                flush_at = self._clock() + FLUSH_SECONDS
        yield from _results(chunk, offset, values, None, function.registry, last=True)


def _by_id(ids: Sequence[str], blobs: Sequence[Buffer]) -> dict[str, Buffer]:
    return dict(zip(ids, blobs, strict=True))


def _load(payload: memoryview, blobs: Mapping[str, Buffer]) -> _Function | BaseException:
    """A function that does not load, say for a missing module, fails its first chunk instead."""
    try:
        loaded: Any = shipment.unpack(payload, blobs)
        call, classes = loaded
        return _Function(call, None if classes is None else codec.Registry(classes))
    except BaseException as error:
        return error


def _size(value: object) -> int:
    """A lower bound that is cheap to have: bytes of arrays and texts, nothing for the rest."""
    size = getattr(value, "nbytes", 0)
    if isinstance(size, int) and size:
        return size
    return len(value) if isinstance(value, (bytes, bytearray, str)) else 0


def _results(
    chunk: protocol.Chunk,
    offset: int,
    values: list[object],
    failure: BaseException | None,
    registry: codec.Registry | None,
    *,
    last: bool = False,
) -> _Frames:
    """Yields the frames that carry `values`; returns False once one of them ended the chunk.

    What does not fit into one frame, or cannot be encoded, is halved until the item that is to
    blame stands alone.
    """
    try:
        carried = _pickled(values) if registry is None else values
        payload = codec.encode((carried, failure), registry)
        if len(payload) <= protocol.MAX_RESULT_BYTES:
            final = last or failure is not None
            result = protocol.Result(chunk.lease, offset, len(values), final)
            yield protocol.encode(result, payload)
            return not final
        problem = EncodeError(
            f"the result has {len(payload) / 2**20:.0f} MiB, and a result may have at most "
            f"{protocol.MAX_RESULT_BYTES / 2**20:.0f}; return less, or split the item"
        )
    except EncodeError as error:
        problem = error
    if not values:
        text = f"{type(failure).__name__}, which cannot be shown: {problem}"
        return (yield from _results(chunk, offset, [], RuntimeError(text), registry))
    if len(values) == 1 and failure is None:
        own = _told_alone(values[0], registry, problem)
        return (yield from _results(chunk, offset, [], own, registry))
    half = (len(values) + 1) // 2
    if not (yield from _results(chunk, offset, values[:half], None, registry)):
        return False
    return (yield from _results(chunk, offset + half, values[half:], failure, registry, last=last))


def _told_alone(
    value: object, registry: codec.Registry | None, problem: EncodeError
) -> EncodeError:
    """Returns the problem with the path inside this one result, not inside the frame."""
    if registry is not None:
        try:
            codec.encode(value, registry)
        except EncodeError as error:
            return error
    return problem


def _pickled(values: list[object]) -> bytes | None:
    """For owners who trust all their workers: `None` when there is nothing to unpickle."""
    import cloudpickle

    if not values:
        return None
    try:
        pickled: bytes = cloudpickle.dumps(values, protocol=5)
    except Exception as error:
        raise EncodeError(f"the result cannot be pickled: {error}") from None
    return pickled
