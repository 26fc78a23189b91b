"""One `map`, seen from the thread that called it.

    items --(as many as are demanded)--> encode_items --> Coordinator
    results <------------------------- inbox <-----------+

The owner's iterables and `__reduce__` methods run here, in the owner's thread, and only as far as
the workers keep up; Ctrl-C arrives here as well.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import length_hint
from typing import Any, assert_never

from . import codec
from . import events as ev
from .coordinator import ToOwner
from .errors import ClosedError, RemoteError
from .function import encode_function, encode_items, modules_used_by
from .progress import Progress
from .serving import Serving

REFRESH_SECONDS = 0.5
"""How often a waiting map looks up: to redraw its bar, and to see that the loop still lives."""
LONELY_SECONDS = 10.0
"""After so long without any worker the owner is told, once."""


def run_map(
    serving: Serving,
    function: Callable[..., Any],
    iterables: tuple[Iterable[Any], ...],
    *,
    classes: tuple[type, ...] | None,
    chunk_size: int | None,
    timeout: float,
    progress: bool,
    examine: bool,
) -> list[Any]:
    """Computes `[function(*arguments) for arguments in zip(*iterables)]` on the workers.

    Args:
        serving: Where the workers are.
        function: What to map.
        iterables: Where its arguments come from.
        classes: What results may be made of, besides the classes that the function mentions;
            None to have them pickled.
        chunk_size: Items per chunk; None to let it be learnt.
        timeout: Seconds without any result after which a lease expires.
        progress: Whether to show a bar.
        examine: Whether to look at the function and the first items for packages they need.
    """
    total = _total(iterables)
    registry = None
    if classes is not None:
        classes = tuple(dict.fromkeys((*classes, *codec.classes_reachable_from(function))))
        registry = codec.Registry(classes)
    shipment = encode_function(function, classes)
    inbox: queue.SimpleQueue[ToOwner] = queue.SimpleQueue()
    number = serving.loop.run(
        serving.coordinator.start_map(
            shipment,
            registry,
            inbox.put,
            total=total,
            chunk_size=chunk_size,
            timeout=timeout,
        )
    )
    try:
        with Progress(total, wanted=progress) as bar:
            items = zip(*iterables, strict=False)
            examined = function if examine else None
            return _Owner(serving, number, items, inbox, bar, examined).results()
    finally:
        if serving.loop.alive:
            serving.loop.call(serving.coordinator.cancel_map, number)


class _Owner:
    """Answers what the scheduler asks of the owner until the map is over."""

    def __init__(
        self,
        serving: Serving,
        number: int,
        items: Iterator[tuple[Any, ...]],
        inbox: queue.SimpleQueue[ToOwner],
        bar: Progress,
        examined: Callable[..., Any] | None,
    ) -> None:
        self._serving = serving
        self._number = number
        self._items = items
        self._inbox = inbox
        self._bar = bar
        self._lonely = 0.0
        self._results: list[Any] = []
        self._examined = examined
        """The function, as long as nobody has looked which packages it needs."""

    def results(self) -> list[Any]:
        """Runs until all results are here, or the map failed."""
        while True:
            note = self._next()
            match note:
                case ev.Demand():
                    self._supply(note.count)
                case ev.Deliver():
                    self._results[note.start : note.start + len(note.values)] = note.values
                    self._bar.advance(len(note.values))
                case ev.Finish():
                    return self._results
                case ev.Fail():
                    raise _explained(note)
                case _:
                    assert_never(note)

    def _next(self) -> ToOwner:
        while True:
            self._bar.show_workers(self._serving.coordinator.capacity)
            try:
                return self._inbox.get(timeout=REFRESH_SECONDS)
            except queue.Empty:
                if not self._serving.loop.alive:
                    raise ClosedError("the execution was closed while a map was running") from None
                self._complain_once()

    def _complain_once(self) -> None:
        if self._lonely > LONELY_SECONDS:
            return
        lonely = self._serving.coordinator.capacity == 0
        self._lonely = self._lonely + REFRESH_SECONDS if lonely else 0.0
        if self._lonely > LONELY_SECONDS:
            self._bar.say(
                "Nitocris: no worker yet; the map waits. Open the link in a browser, "
                "run `nitocris worker`, or use local_workers=2."
            )

    def _supply(self, count: int) -> None:
        serving, start = self._serving, len(self._results)
        items = list(islice(self._items, count))
        if not items:
            serving.loop.call(serving.coordinator.end_input, self._number)
            return
        self._results.extend([None] * len(items))
        shipment = encode_items(items, start)
        if self._examined:
            serving.add_modules(modules_used_by(self._examined, items), self._warn)
            self._examined = None
        serving.loop.call(serving.coordinator.supply, self._number, start, len(items), shipment)

    def _warn(self, text: str) -> None:
        self._bar.say(f"Nitocris: {text}")


def _total(iterables: tuple[Iterable[Any], ...]) -> int | None:
    lengths = [length_hint(iterable, -1) for iterable in iterables]
    return None if -1 in lengths else min(lengths)


def _explained(note: ev.Fail) -> Exception:
    if isinstance(note.error, RemoteError):
        note.error.index = note.index
        note.error.add_note(f"raised on a worker by item {note.index} of the map")
    return note.error
