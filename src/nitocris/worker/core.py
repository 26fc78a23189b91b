"""The worker, the same in a browser and on a native Python: frames in, frames out.

    receive(map)    -> the function is unpickled once
    receive(chunk)  -> step() -> step() -> ... -> None
                       each step computes items for about a second and returns a frame with results

No socket, thread, signal or clock in here: whoever drives it supplies them.  It may stop a chunk
between two steps, or by raising `Interrupted` inside one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, TypeAlias

from .. import codec, protocol, shipment
from ..errors import ItemTimeoutError, ProtocolError
from ..protocol import Buffer
from . import shared, sources
from .output import Capture
from .results import Answer, Raised
from .rules import Rules

FLUSH_SECONDS = 1.0
"""Results leave about this often, so that a worker that vanishes costs no more of its work."""
FLUSH_BYTES = 8 * 1024 * 1024
"""Large results leave as soon as they are this large together, to keep memory and frames small."""

MAX_RAISED_LENGTH = 4000
"""Characters of a traceback that is shown to the volunteer."""

Limit: TypeAlias = Callable[[float], AbstractContextManager[None]]


class Interrupted(BaseException):
    """Raised by the driver inside `step`: the chunk under way is not wanted any more."""


@dataclass(slots=True, eq=False)
class _Function:
    call: Callable[..., Any]
    registry: codec.Registry | None
    """What results may be made of, besides plain data; None: anything, they are pickled."""
    rules: Rules
    failure: Raised | None = None
    """Why it cannot be called, for all its items."""
    workspace: sources.Workspace = field(default_factory=sources.Workspace)
    """The owner's own modules, as this map has them."""
    held: shared.Held = field(default_factory=dict)
    """The values that the owner shares with this map, as far as they have come."""

    def enter(self) -> None:
        """Lets the process see what belongs to this map, and nothing of another one's."""
        sources.enter(self.workspace)
        shared.hold_in(self.held)


class WorkerCore:
    """Runs chunks, one at a time.

    Args:
        clock: Returns seconds from any fixed moment, such as `time.monotonic`.
        limit: Returns a context manager that raises `ItemTimeoutError` inside itself when so many
            seconds have passed; without it, a function is heard late, but not stopped.
        no_memory: What an item's `MemoryError` says, where there is more to say than Python does.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        limit: Limit | None = None,
        no_memory: str | None = None,
    ) -> None:
        self._no_memory = no_memory
        self._clock = clock
        self._limit = limit or (lambda _: nullcontext())
        self._functions: dict[int, _Function] = {}
        self._function = _NOTHING
        self._frames: Iterator[bytes] | None = None
        self._output = Capture()
        self._raised: str | None = None
        self._raised_in_step = False

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
                self._function = self._functions.get(message.map) or _unusable(
                    ProtocolError(f"the map {message.map} was never introduced")
                )
                # Here, where no interruption strikes between two modules.
                self._function.enter()
                self._frames = self._compute(
                    message, self._function, payload, _by_id(message.blobs, blobs)
                )
            case protocol.Forget():
                if self._functions.pop(message.map, None) is self._function and not self._frames:
                    self._function = _NOTHING
                    self._function.enter()
            case _:
                raise ProtocolError(f"a {type(message).__name__} is not for the worker's core")

    def step(self) -> bytes | None:
        """Computes for about a second; returns a frame, or None when the chunk is done.

        It is a result, or an output with what the items of the next result printed.
        """
        if self._frames is None:
            return None
        self._raised_in_step = False
        self._function.enter()
        with self._output:
            frame = next(self._frames, None)
        if frame is None:
            self._frames = None
        return frame

    def raised(self) -> str | None:
        """Returns what was raised since this was last asked, as a traceback, or None.

        Of several it is the first one in the latest step, so that a million failures cost little.
        """
        text, self._raised = self._raised, None
        return text

    def abandon(self) -> None:
        """Drops the chunk under way, if there is one; the functions stay known."""
        self._output = Capture()  # the old one knows results that nobody wants
        self._frames = None

    def _compute(
        self,
        chunk: protocol.Chunk,
        function: _Function,
        payload: memoryview,
        blobs: Mapping[str, Buffer],
    ) -> Iterator[bytes]:
        answer = Answer(chunk, function.registry, keep_going=function.rules.keep_going)
        self._output.current = lambda: answer.next
        outcomes = self._outcomes(chunk, function, payload, blobs)
        since = began = self._clock()
        flush_at = began + FLUSH_SECONDS
        while not answer.is_over:
            outcome = next(outcomes)
            now = self._clock()
            if isinstance(outcome, Raised):
                self._note(outcome)
            answer.add(outcome)
            if now - began > answer.least:
                answer.note_slow(now - began)
            began = now
            del outcome  # it may be large, and the next one as well
            if answer.is_over or chunk.piecewise or answer.size >= FLUSH_BYTES or now >= flush_at:
                yield from self._printed(chunk)
                yield from answer.frames(now - since)
                since = began = self._clock()
                flush_at = began + FLUSH_SECONDS

    def _printed(self, chunk: protocol.Chunk) -> Iterator[bytes]:
        if printed := self._output.take():
            texts, dropped = printed
            yield protocol.encode(protocol.Output(chunk.lease, dropped), codec.encode(texts))

    def _note(self, raised: Raised) -> None:
        if not self._raised_in_step:
            self._raised_in_step = True
            self._raised = raised.text(MAX_RAISED_LENGTH)

    def _outcomes(
        self,
        chunk: protocol.Chunk,
        function: _Function,
        payload: memoryview,
        blobs: Mapping[str, Buffer],
    ) -> Iterator[object]:
        """Unpacks the items; returns what yields what each one gives: its value, or `Raised`."""
        if function.failure:
            return repeat(function.failure)
        try:
            items: Any = shipment.unpack(payload, blobs)
            function.workspace = sources.current()  # items may need more modules than the function
        except Interrupted:
            raise
        except BaseException as error:
            return repeat(Raised.by(self._explained(error)))
        indices = range(chunk.skip, chunk.stop)
        return (self._outcome(function, items, index) for index in indices)

    def _outcome(self, function: _Function, items: list[Any], index: int) -> object:
        """Returns what the function gave for one item: its value, or `Raised`."""
        arguments = _taken(items, index)
        try:
            if function.rules.item_timeout is None:
                return function.call(*arguments)
            return self._in_time(function.call, arguments, function.rules.item_timeout)
        except Interrupted:
            raise
        except BaseException as error:
            transient = isinstance(error, function.rules.retry_on)
            return Raised.by(self._explained(error), transient=transient)

    def _explained(self, error: BaseException) -> BaseException:
        if not isinstance(error, MemoryError) or self._no_memory is None:
            return sources.explained(error)
        said = f"{self._no_memory} ({error})" if str(error) else self._no_memory
        return MemoryError(said).with_traceback(error.__traceback__)

    def _in_time(
        self, call: Callable[..., Any], arguments: tuple[Any, ...], seconds: float
    ) -> object:
        """Calls a function that may swallow what `limit` raises, or have no limit at all."""
        began = self._clock()
        try:
            with self._limit(seconds):
                value = call(*arguments)
        except (Interrupted, ItemTimeoutError):
            raise
        except BaseException as error:
            if self._clock() - began > seconds:
                raise ItemTimeoutError.after(seconds) from error
            raise
        if self._clock() - began > seconds:
            raise ItemTimeoutError.after(seconds)
        return value


def _taken(items: list[Any], index: int) -> tuple[Any, ...]:
    """Takes an item out of the list, so that nothing keeps it when it is done."""
    arguments: tuple[Any, ...]
    arguments, items[index] = items[index], None
    return arguments


def _by_id(ids: Sequence[str], blobs: Sequence[Buffer]) -> dict[str, Buffer]:
    return dict(zip(ids, blobs, strict=True))


def _load(payload: memoryview, blobs: Mapping[str, Buffer]) -> _Function:
    sources.enter(sources.Workspace())
    held: shared.Held = {}
    shared.hold_in(held)
    try:
        loaded: Any = shipment.unpack(payload, blobs)
        call, classes, rules = loaded
        registry = None if classes is None else codec.Registry(classes)
        # Not the one from above, where an earlier map had the same modules.
        return _Function(call, registry, rules, workspace=sources.current(), held=held)
    except BaseException as error:
        return _unusable(sources.explained(error))


def _unusable(error: BaseException) -> _Function:
    """A function that does not load, say for a missing module, fails its items instead.

    Whether the map keeps going is not known then.  To answer all items is right for both kinds.
    """
    return _Function(abs, codec.Registry(()), Rules(keep_going=True), Raised.by(error))


_NOTHING = _unusable(ProtocolError("there is no chunk"))
