"""What a chunk's items gave, on its way into result frames.

    value, Raised, value ... --> (values, failures) --> one frame, or as many as are needed

What does not fit into one frame is halved until it does.  What fits into none, or cannot be
encoded, is looked for one item at a time, and fails alone.
"""

from __future__ import annotations

import heapq
import inspect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from traceback import format_exception, walk_tb
from types import TracebackType

from .. import codec, protocol
from ..errors import EncodeError

_MAY_WAIT = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


@dataclass(frozen=True, slots=True)
class Raised:
    """What one item raised; `transient` if it is worth another try."""

    error: BaseException
    transient: bool
    traceback: TracebackType | None

    @classmethod
    def by(cls, error: BaseException, *, transient: bool = False) -> Raised:
        """Takes the traceback off the error.

        A function that raises one and the same object again and again would make it longer each
        time, and n failures cost n² lines.
        """
        trace, error.__traceback__ = error.__traceback__, None
        return cls(error, transient, trace)

    def text(self, longest: int) -> str:
        """Returns the formatted traceback, or its last `longest` characters: they say the most."""
        try:
            text = "".join(format_exception(type(self.error), self.error, self.traceback))
        except Exception:  # a stranger's exception, with attributes of any kind
            text = f"{type(self.error).__name__}, whose traceback cannot be formatted"
        return text[-longest:]


@dataclass(slots=True)
class _Part:
    """What some neighbouring items gave.

    Attributes:
        outcomes: What each of them gave.
        seconds: How long the function took for all of them.
        slow: Seconds and places of those that took longest.
    """

    outcomes: list[object]
    seconds: float
    slow: list[tuple[float, int]]

    def pieces(self, size: int) -> Iterator[_Part]:
        """Yields pieces of so many items; the seconds of all are divided evenly."""
        count = len(self.outcomes)
        for start in range(0, count, size):
            outcomes = self.outcomes[start : start + size]
            slow = [(each, at - start) for each, at in self.slow if 0 <= at - start < size]
            yield _Part(outcomes, self.seconds * len(outcomes) / count, slow)

    def slowest(self) -> tuple[tuple[int, float], ...]:
        """Returns place and seconds of the items that took longest, in their order."""
        return tuple((place, _rounded(each)) for each, place in sorted(self.slow, key=_place))


def _place(entry: tuple[float, int]) -> int:
    return entry[1]


class Answer:
    """The answer to one chunk, in the order of its items.

    Args:
        chunk: The chunk.
        registry: What values may be made of, besides plain data; None: anything, they are pickled.
        keep_going: Whether items follow on one that failed for good.
    """

    def __init__(
        self, chunk: protocol.Chunk, registry: codec.Registry | None, *, keep_going: bool
    ) -> None:
        self._chunk = chunk
        self._registry = registry
        self._keep_going = keep_going
        self._sent = self._added = chunk.skip
        self._ended = False
        self._outcomes: list[object] = []
        self._slow: list[tuple[float, int]] = []
        """A heap."""
        self.size = 0
        """Roughly the bytes that wait to be sent."""
        self.least = -inf
        """Seconds that an item must exceed to be one of the slowest that wait to be sent."""

    @property
    def next(self) -> int:
        """The index in the chunk's payload of the next item."""
        return self._added

    @property
    def is_over(self) -> bool:
        """Whether nothing can be added: all items are there, or one ended the chunk."""
        return self._ended or self._added == self._chunk.stop

    def add(self, outcome: object) -> None:
        """Takes what the next item gave: its value, or `Raised`."""
        self._outcomes.append(outcome)
        self._added += 1
        self.size += _size(outcome)
        self._ended = self._ends(outcome)
        if isinstance(outcome, Raised) and not self._ended:
            _let_go_of_locals(outcome)

    def note_slow(self, seconds: float) -> None:
        """Notes that the item that was added last is one of the slowest."""
        heapq.heappush(self._slow, (seconds, len(self._outcomes) - 1))
        if len(self._slow) > protocol.MAX_SLOWEST:
            heapq.heappop(self._slow)
        if len(self._slow) == protocol.MAX_SLOWEST:
            self.least = self._slow[0][0]

    def frames(self, seconds: float) -> Iterator[bytes]:
        """Yields what was added so far, each part being let go of as it leaves.

        Args:
            seconds: How long all that took.
        """
        parts = [_Part(self._outcomes, seconds, self._slow)]
        self._outcomes, self._slow, self.size, self.least = [], [], 0, -inf
        is_checked = False
        while parts:
            part = parts.pop()
            frame = self._frame(part, final=self.is_over and not parts)
            if frame is not None:
                self._sent += len(part.outcomes)
                del part
                yield frame
            elif is_checked and len(part.outcomes) > 1:
                parts += [*part.pieces((len(part.outcomes) + 1) // 2)][::-1]
            else:
                parts.append(self._checked(part))
                is_checked = True

    def _frame(self, part: _Part, *, final: bool) -> bytes | None:
        """Returns the frame, or None where it would be too large or something is not carried."""
        outcomes = part.outcomes
        result = protocol.Result(
            self._chunk.lease,
            self._sent,
            len(outcomes),
            sum(isinstance(outcome, Raised) for outcome in outcomes),
            final,
            _rounded(part.seconds),
            part.slowest(),
        )
        try:
            return protocol.encode(result, self._payload(outcomes))
        except EncodeError:
            return None

    def _payload(self, outcomes: list[object]) -> bytes:
        failures = [
            (position, outcome.error.with_traceback(outcome.traceback), outcome.transient)
            for position, outcome in enumerate(outcomes)
            if isinstance(outcome, Raised)
        ]
        values = [None if isinstance(outcome, Raised) else outcome for outcome in outcomes]
        is_pickled = self._registry is None and len(failures) < len(values)
        carried = _pickled(values) if is_pickled else values
        payload = codec.encode((carried, failures), self._registry)
        if len(payload) > protocol.MAX_RESULT_BYTES:
            raise EncodeError(
                f"the result has {len(payload) / 2**20:.0f} MiB, and a result may have at most "
                f"{protocol.MAX_RESULT_BYTES / 2**20:.0f}; return less, or split the item"
            )
        return payload

    def _checked(self, part: _Part) -> _Part:
        """Returns the part with a reason in the place of each item that fits into no frame."""
        checked: list[object] = []
        for outcome in part.outcomes:
            checked.append(self._fitting(outcome))
            if self._ends(checked[-1]):
                self._ended = True
                break
        first = next(part.pieces(len(checked)))
        first.outcomes = checked
        return first

    def _fitting(self, outcome: object) -> object:
        try:
            self._payload([outcome])
            return outcome
        except EncodeError as error:
            problem = error
        if isinstance(outcome, Raised):
            text = f"{type(outcome.error).__name__}, which cannot be shown: {problem}"
            return Raised.by(RuntimeError(text), transient=outcome.transient)
        return self._fitting(Raised.by(self._told_alone(outcome, problem)))

    def _told_alone(self, value: object, problem: EncodeError) -> EncodeError:
        """Returns the problem with the path inside this one result, not inside the frame."""
        if self._registry is not None:
            try:
                codec.encode(value, self._registry)
            except EncodeError as error:
                return error
        return problem

    def _ends(self, outcome: object) -> bool:
        return isinstance(outcome, Raised) and not (outcome.transient or self._keep_going)


def _rounded(seconds: float) -> float:
    """Microseconds are more than any clock of a browser tells; a clock may be set back."""
    return max(round(seconds, 6), 0.0)


def _size(outcome: object) -> int:
    """What is cheap to know: bytes of arrays and texts, what a traceback may have at most."""
    if isinstance(outcome, Raised):
        return codec.DEFAULT_LIMITS.traceback_bytes
    size = getattr(outcome, "nbytes", 0)
    if isinstance(size, int) and size:
        return size
    return len(outcome) if isinstance(outcome, (bytes, bytearray, str)) else 0


def _let_go_of_locals(raised: Raised) -> None:
    """A hundred failures must not keep a hundred images alive until they are sent."""
    _clear(raised.traceback)
    cause = raised.error.__context__
    for _ in range(codec.DEFAULT_LIMITS.causes):
        if cause is not None:
            _clear(cause.__traceback__)
            cause = cause.__context__


def _clear(trace: TracebackType | None) -> None:
    for frame, _ in walk_tb(trace):
        # A generator may be waiting there, and clearing its frame would end it.
        if not frame.f_code.co_flags & _MAY_WAIT:
            with suppress(RuntimeError):  # it is still running
                frame.clear()


def _pickled(values: list[object]) -> bytes:
    """For owners who trust all their workers."""
    import cloudpickle

    try:
        pickled: bytes = cloudpickle.dumps(values, protocol=5)
    except Exception as error:
        raise EncodeError(f"the result cannot be pickled: {error}") from None
    return pickled
