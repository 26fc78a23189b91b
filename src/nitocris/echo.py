"""What items print on workers, on its way to the owner: labelled, limited, harmless.

    Output frame --receive--> lines --(allowance of the worker and of the map)--> show

Strangers send it.  What is too much is counted and told as a number.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from . import codec, protocol
from .errors import DecodeError

logger = logging.getLogger("nitocris.output")

MAX_LINE_LENGTH = 500
"""Characters of a line that are shown."""
WORKER_LINES = 20.0
MAP_LINES = 50.0
"""Lines per second that one worker, or all workers of a map, may show; a person reads fewer."""
BURST_SECONDS = 10.0
"""What was not used up in so many seconds may be shown at once."""


@dataclass(slots=True)
class _Allowance:
    """A bucket that lines are taken out of, and that time fills."""

    per_second: float
    lines: float
    at: float

    def fill(self, now: float) -> None:
        """Adds what time has brought."""
        most = self.per_second * BURST_SECONDS
        self.lines = min(most, self.lines + (now - self.at) * self.per_second)
        self.at = now


class Echo:
    """Shows what items print.

    Args:
        show: Takes lines.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._workers: dict[int, _Allowance] = {}
        self._maps: dict[int, _Allowance] = {}
        self._dropped: dict[int, int] = {}
        """Lines of each map that were not shown and not told yet."""

    def receive(
        self,
        worker: int,
        number: int,
        printed: list[tuple[int, str]],
        dropped: int,
        label: Callable[[int], str],
        now: float,
    ) -> None:
        """Takes an output.

        Args:
            worker: Whose it is.
            number: Of which map.
            printed: Indices and texts.
            dropped: How many lines the worker has left out.
            label: Returns what to call an item.
            now: The time.
        """
        for_worker = self._allowance(self._workers, worker, WORKER_LINES, now)
        for_map = self._allowance(self._maps, number, MAP_LINES, now)
        for index, text in printed:
            lines, further = _lines(text, int(min(for_worker.lines, for_map.lines)))
            for_worker.lines -= len(lines)
            for_map.lines -= len(lines)
            if lines:
                self._tell_dropped(number)
            for line in lines:
                self._say(f"{label(index)}: {line}")
            self._drop(number, further)
        self._drop(number, dropped)

    def left(self, worker: int) -> None:
        """Forgets a worker."""
        self._workers.pop(worker, None)

    def over(self, number: int) -> None:
        """Forgets a map, and tells what of its output was not shown."""
        self._tell_dropped(number)
        self._maps.pop(number, None)

    def _allowance(
        self, known: dict[int, _Allowance], key: int, per_second: float, now: float
    ) -> _Allowance:
        if key not in known:
            known[key] = _Allowance(per_second, per_second * BURST_SECONDS, now)
        known[key].fill(now)
        return known[key]

    def _drop(self, number: int, lines: int) -> None:
        if lines:
            self._dropped[number] = self._dropped.get(number, 0) + lines

    def _tell_dropped(self, number: int) -> None:
        if dropped := self._dropped.pop(number, 0):
            self._say(f"({dropped:,} more lines were printed, too many to be shown)")

    def _say(self, line: str) -> None:
        logger.info("%s", line)
        self._show(line)


def read_output(payload: memoryview, start: int, stop: int) -> list[tuple[int, str]]:
    """Returns indices in the map and texts of an output.

    Args:
        payload: What came.
        start: The index in the map of the first item of the lease's payload.
        stop: The index of the first item after the lease.

    Raises:
        DecodeError: It is none, or one of items that the lease has not.
    """
    if len(payload) > protocol.MAX_OUTPUT_BYTES:
        raise DecodeError(f"an output of {len(payload):,} bytes")
    decoded = codec.decode(payload)
    if not isinstance(decoded, list) or len(decoded) > protocol.MAX_OUTPUT_ITEMS:
        raise DecodeError("an output must be a short list")
    printed: list[tuple[int, str]] = []
    for each in decoded:
        match each:
            case (int(place), str(text)) if place >= 0 and start + place < stop:
                printed.append((start + place, text))
            case _:
                raise DecodeError("what was printed must be the place of an item and a text")
    return printed


def _lines(text: str, most: int) -> tuple[list[str], int]:
    """Returns the first lines of a text, and how many follow; work is done for the first only."""
    *lines, rest = text.split("\n", most)
    if rest and len(lines) < most:
        lines.append(rest)
        rest = ""
    further = rest.count("\n") + (not rest.endswith("\n") if rest else 0)
    return [_visible(line) for line in lines], further


def _visible(line: str) -> str:
    """Returns a line as a terminal would show it, without what could do more than that."""
    shown = codec.clean(line.rstrip("\r").rpartition("\r")[2])
    return shown if len(shown) <= MAX_LINE_LENGTH else f"{shown[: MAX_LINE_LENGTH - 1]}…"
