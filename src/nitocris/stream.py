"""One map between two threads: one reads its items, another takes its results.

    iterables --> Input (thread) --supply--> Coordinator --notes--> Deliveries --> whoever takes
                    ^--------------- how many were handed over ------------------------+

Between the threads there are only queues: nothing to lock, so Ctrl-C or the garbage collector can
end a stream at any moment.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from . import events as ev
from .call import Call
from .deliveries import Deliveries, explained
from .encoded import encode
from .errors import ClosedError
from .open_map import ToOwner
from .preflight import Preflight
from .record import Record, open_record
from .running import Running
from .serving import Serving
from .supply import Input, cancel_map, start_map
from .watch import Watch

THREAD_NAME = "nitocris-input"

Note: TypeAlias = ev.Deliver | ev.Finish | ev.Fail | BaseException
"""What the taker gets; an exception comes from the reading thread and ends the stream."""


class Stream:
    """One map between the thread that reads its items and the one that takes its results.

    Args:
        call: What the owner wants.
        running: Where it is noted until it is over.
        ordered: Whether results are taken in the order of the items.

    Attributes:
        notes: What has come and nobody has handled yet.
        wake: Called, on any thread, when a note has come.
        watch: What to look up for while waiting for a note.
        thread: The one that takes results.
    """

    def __init__(self, call: Call, running: Running, *, ordered: bool) -> None:
        self._call = call
        self._running = running
        self._deliveries = Deliveries(call, ordered=ordered)
        self._requests: queue.SimpleQueue[ev.Demand | int | None] = queue.SimpleQueue()
        """For the reading thread: demands, how many items were handed over; None ends it."""
        self._reported = 0
        self._step = max(1, (call.buffersize or 1) // 8)
        """After so many items the reading thread is told, not after each."""
        self._opened: tuple[Serving, int] | None = None
        self._preflight: Preflight | None = None
        self._record: Record | None = None
        self._carried: frozenset[str] = frozenset()
        self._broken: BaseException | None = None
        """What the owner's iterables raised; comes after the results of the items before it."""
        self._over = False
        self._error: BaseException | None = None
        self.notes: queue.SimpleQueue[Note] = queue.SimpleQueue()
        self.wake: Callable[[], None] = lambda: None
        self.watch = Watch(call.display.warn, call=call)
        self.thread = threading.current_thread()

    def start(self, serve: Callable[[], Serving], *, opens: bool) -> None:
        """Starts the reading thread.

        Args:
            serve: The execution's method that starts its server.
            opens: Whether the map is to be opened here and now, not in the reading thread.

        Raises:
            ClosedError: The execution takes no more work.
            NotSendableError, PackageError: The map cannot be opened.
        """
        self._running.add(self, serve)
        if opens:
            self._open(serve())
        # A daemon, because an iterable may block for ever.
        threading.Thread(target=self._main, args=(serve,), name=THREAD_NAME, daemon=True).start()

    def _open(self, serving: Serving) -> None:
        encoded = encode(self._call)
        self._carried = encoded.shipment.modules
        self._record = record = open_record(serving.journal, self._call, encoded, self._receive)
        number = start_map(serving, self._call, encoded, self._receive, record)
        self._opened = serving, number
        self._preflight = Preflight(
            serving,
            self._call,
            encoded,
            lambda failed: self._receive(ev.Fail(number, 0, failed)),
        )
        self.watch.serving = serving
        if self._over:  # closed meanwhile, by somebody who could not know the map
            cancel_map(*self._opened)

    def ready(self) -> bool:
        """Returns whether a result is there to be taken; if not, a note must be handled first.

        Raises:
            StopIteration: No result comes any more.
            Exception: The same, because of this; whoever gets it closes the stream.
        """
        if self._deliveries.ready:
            return True
        if self._over:
            raise self._error or StopIteration
        self.thread = threading.current_thread()
        self._report()
        return False

    def take(self) -> Any:
        """Returns the result that is there."""
        result = self._deliveries.ready.popleft()
        if self._deliveries.handed_over >= self._reported + self._step:
            self._report()
        return result

    def handle(self, note: Note) -> None:
        """Takes a note, in the thread that takes results."""
        match note:
            case ev.Deliver():
                if self._preflight:
                    self._preflight.surpass()
                self.watch.done += len(note.values)
                self._deliveries.add(note)
                if note.failures and self._call.errors == "raise":
                    self._requests.put(None)  # what follows the failed item is not wanted any more
                if self._deliveries.error is not None:
                    self._end(self._deliveries.error)
            case ev.Finish():
                self._end(self._broken)
            case ev.Fail():
                self._end(explained(self._call, note.failed, note.index))
            case BaseException():
                self._end(note)

    def close(self) -> None:
        """Drops all results and cancels the map; from any thread, and again and again."""
        self._end(None)
        self._deliveries.ready.clear()

    def _end(self, error: BaseException | None) -> None:
        """Lets no more results come; those that are there can be taken, then comes the error."""
        self._error = error
        self._over = True
        self._requests.put(None)
        if self._preflight:
            self._preflight.close()
        if self._opened is not None:
            cancel_map(*self._opened)
        self._running.remove(self)

    def _report(self) -> None:
        self._reported = self._deliveries.handed_over
        self._requests.put(self._reported)

    def _receive(self, note: ToOwner) -> None:
        """Takes what comes from the coordinator, on its thread."""
        if isinstance(note, ev.Demand):
            self._requests.put(note)
            return
        if isinstance(note, ev.Held):
            return  # never of a stream
        if not isinstance(note, ev.Deliver):
            self._requests.put(None)
        self._tell(note)

    def _tell(self, note: Note) -> None:
        self.notes.put(note)
        self.wake()

    def _main(self, serve: Callable[[], Serving]) -> None:
        try:
            if self._opened is None:
                self._open(serve())
            assert self._opened is not None
            assert self._preflight is not None
            begin = self._preflight.begin
            self._read(Input(*self._opened, self._call, self._carried, begin, self._record))
        except BaseException as error:
            self._tell(error)

    def _read(self, items: Input) -> None:
        """Answers demands, at once or as soon as there is room, until the stream is over."""
        handed_over = 0
        while (request := self._requests.get()) is not None:
            if isinstance(request, int):
                handed_over = request
            else:
                items.demand(request.count)
            try:
                items.answer(handed_over)
            except ClosedError:
                raise
            except Exception as error:
                self._broken = error
                items.answer(handed_over)
