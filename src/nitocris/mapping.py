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
from .background import LoopThread
from .coordinator import Coordinator, ToOwner
from .errors import ClosedError, RemoteError
from .function import encode_function, encode_items
from .progress import Progress, say

REFRESH_SECONDS = 0.5
"""How often a waiting map looks up: to redraw its bar, and to see that the loop still lives."""
LONELY_SECONDS = 10.0
"""After so long without any worker the owner is told, once."""


def run_map(
    loop: LoopThread,
    coordinator: Coordinator,
    function: Callable[..., Any],
    iterables: tuple[Iterable[Any], ...],
    *,
    classes: tuple[type, ...],
    chunk_size: int | None,
    timeout: float,
    progress: bool,
    url: str,
) -> list[Any]:
    """Computes `[function(*arguments) for arguments in zip(*iterables)]` on the workers."""
    total = _total(iterables)
    items = zip(*iterables, strict=False)
    classes = tuple(dict.fromkeys((*classes, *codec.classes_reachable_from(function))))
    shipment = encode_function(function, classes)
    inbox: queue.SimpleQueue[ToOwner] = queue.SimpleQueue()
    number = loop.run(
        coordinator.start_map(
            shipment,
            codec.Registry(classes),
            inbox.put,
            total=total,
            chunk_size=chunk_size,
            timeout=timeout,
        )
    )
    try:
        with Progress(total, wanted=progress) as bar:
            return _Owner(loop, coordinator, number, items, inbox, bar, url, progress).results()
    finally:
        if loop.alive:
            loop.call(coordinator.cancel_map, number)


class _Owner:
    """Answers what the scheduler asks of the owner until the map is over."""

    def __init__(
        self,
        loop: LoopThread,
        coordinator: Coordinator,
        number: int,
        items: Iterator[tuple[Any, ...]],
        inbox: queue.SimpleQueue[ToOwner],
        bar: Progress,
        url: str,
        talkative: bool,
    ) -> None:
        self._loop = loop
        self._coordinator = coordinator
        self._number = number
        self._items = items
        self._inbox = inbox
        self._bar = bar
        self._url = url
        self._talkative = talkative
        self._lonely = 0.0
        self._results: list[Any] = []

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
            self._bar.show_workers(self._coordinator.capacity)
            try:
                return self._inbox.get(timeout=REFRESH_SECONDS)
            except queue.Empty:
                if not self._loop.alive:
                    raise ClosedError("the execution was closed while a map was running") from None
                self._complain_once()

    def _complain_once(self) -> None:
        if self._lonely > LONELY_SECONDS:
            return
        self._lonely = 0.0 if self._coordinator.capacity else self._lonely + REFRESH_SECONDS
        if self._lonely > LONELY_SECONDS:
            say(
                f"Nitocris: no worker yet; the map waits. Open {self._url} in a browser, "
                "or use local_workers=2.",
                wanted=self._talkative,
            )

    def _supply(self, count: int) -> None:
        start = len(self._results)
        items = list(islice(self._items, count))
        if not items:
            self._loop.call(self._coordinator.end_input, self._number)
            return
        self._results.extend([None] * len(items))
        self._loop.call(
            self._coordinator.supply, self._number, start, len(items), encode_items(items, start)
        )


def _total(iterables: tuple[Iterable[Any], ...]) -> int | None:
    lengths = [length_hint(iterable, -1) for iterable in iterables]
    return None if -1 in lengths else min(lengths)


def _explained(note: ev.Fail) -> Exception:
    if isinstance(note.error, RemoteError):
        note.error.index = note.index
        note.error.add_note(f"raised on a worker by item {note.index} of the map")
    return note.error
