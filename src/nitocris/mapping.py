"""One `map`, seen from the thread that called it.

    items --(as many as are demanded)--> Input --> Coordinator
    results <-- Deliveries <------------------- inbox <--+

The owner's iterables and `__reduce__` methods run here, in the owner's thread, and only as far as
the workers keep up; Ctrl-C arrives here as well.
"""

from __future__ import annotations

import queue
from contextlib import closing
from typing import Any, assert_never

from . import events as ev
from .call import Call
from .deliveries import Deliveries, explained
from .display import Tracked, Tracker
from .encoded import encode
from .job import MappedFunction
from .open_map import ToOwner
from .preflight import Preflight
from .record import open_record
from .serving import Serving
from .supply import Input, cancel_map, start_map
from .watch import Watch, next_note


def run_map(serving: Serving, call: Call) -> list[Any]:
    """Computes all items of a call on the workers and returns their results in order.

    Args:
        serving: Where the workers are.
        call: What the owner wants.

    Raises:
        RemoteError, WorkerLostError: An item failed, and `call.errors` is "raise".
        NotSendableError: The function or an item cannot be pickled.
        TimeoutError: The time for the whole call is over.
        ClosedError: The execution was closed.
        Exception: Whatever the owner's iterables raise.
    """
    inbox: queue.SimpleQueue[ToOwner] = queue.SimpleQueue()
    encoded = encode(call)
    record = open_record(serving.journal, call, encoded, inbox.put)
    number = start_map(serving, call, encoded, inbox.put, record)

    def fail(failed: ev.Failed) -> None:
        inbox.put(ev.Fail(number, 0, failed))

    try:
        name = MappedFunction.of(call.function).name
        tracked = Tracked(name, call.total, serving.coordinator, serving.stats)
        with (
            call.display.track(tracked) as tracker,
            closing(Preflight(serving, call, encoded, fail)) as preflight,
        ):
            modules = encoded.shipment.modules
            items = Input(serving, number, call, modules, preflight.begin, record)
            watch = Watch(call.display.warn, serving, call, tracker.look)
            return _results(call, items, inbox, watch, tracker, preflight)
    finally:
        cancel_map(serving, number)


def _results(
    call: Call,
    items: Input,
    inbox: queue.SimpleQueue[ToOwner],
    watch: Watch,
    tracker: Tracker,
    preflight: Preflight,
) -> list[Any]:
    """Answers what the scheduler asks of the owner until the map is over."""
    deliveries = Deliveries(call)
    watch.look()
    while True:
        match note := next_note(inbox, watch):
            case ev.Demand():
                items.demand(note.count)
            case ev.Deliver():
                preflight.surpass()
                deliveries.add(note)
                watch.done += len(note.values)
                if not note.counted:
                    tracker.advance(len(note.values))
            case ev.Held():
                preflight.surpass()
                tracker.advance(note.count)
            case ev.Finish():
                return list(deliveries.ready)
            case ev.Fail():
                raise explained(call, note.failed, note.index)
            case _:
                assert_never(note)
        items.answer(handed_over=watch.done)
        watch.look()
