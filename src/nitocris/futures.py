"""`submit`: futures whose functions are equal share one map, each of its items one future.

    submit --(encoded in the caller's thread)--> inbox --> thread --supply--> Coordinator
    Future <------------- set_result ------------------------+  ^-- notes --------+

So the function travels once to each worker, and maps stay few.  All books are kept by the one
thread that empties the inbox, so there is nothing to lock, and what the owner's callbacks do,
block or submit or map, holds up other futures but neither the event loop nor the workers.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import random
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, assert_never

from . import events as ev
from .call import Call
from .deliveries import explained
from .display import Display
from .encoded import Encoded, encode
from .errors import ClosedError
from .function import Shipment, encode_arguments, modules_used_by
from .open_map import ToOwner
from .record import Record, open_record, readable
from .running import Running
from .serving import Serving
from .spot_checks import SpotChecks
from .supply import cancel_map, start_map
from .verify import Verify
from .watch import Watch
from .worker.keywords import WithKeywords

R = TypeVar("R")

THREAD_NAME = "nitocris-futures"
END_SECONDS = 5.0
"""How long the thread may take to end, should a callback be busy."""

logger = logging.getLogger("nitocris.futures")


class RemoteFuture(Future[R]):
    """A call that a worker makes.

    It can be cancelled until it is done, so it never enters the state of the standard's futures
    in which they refuse.

    Attributes:
        thread: The one that brings it to its end.
        group: The map that it shares, once that is open.
        index: The index of its item in that map, once it has been supplied.
    """

    def __init__(self, futures: Futures) -> None:
        super().__init__()
        self._futures = futures
        self.thread = futures.thread
        self.group: _Group | None = None
        self.index: int | None = None

    def running(self) -> bool:
        """Returns whether the call is on its way to a worker, or being made there."""
        return self.index is not None and not self.done()

    def cancel(self) -> bool:
        """Cancels the call, also while a worker makes it; returns False if it is done."""
        if not super().cancel():
            return False
        self._futures.drop(self)
        return True


@dataclass(frozen=True, slots=True)
class _Spot:
    """A known item that is lent beside a call, and its result."""

    arguments: Shipment
    results: list[object]


@dataclass(frozen=True, slots=True)
class _Submitted:
    future: RemoteFuture[Any]
    call: Call
    function: Encoded
    arguments: Shipment
    key: bytes
    record: Record | None
    item: tuple[bytes, bytes] | None
    """What the record has to know of the arguments."""
    spot: _Spot | None


@dataclass(frozen=True, slots=True)
class _Found:
    future: RemoteFuture[Any]
    value: object


@dataclass(frozen=True, slots=True)
class _Cancelled:
    future: RemoteFuture[Any]


@dataclass(slots=True, eq=False)
class _Group:
    """The map of futures whose functions are equal."""

    call: Call
    key: bytes
    number: int
    record: Record | None
    waiting: deque[_Submitted] = field(default_factory=deque)
    sent: dict[int, RemoteFuture[Any]] = field(default_factory=dict)
    supplied: int = 0
    demanded: bool = False
    unfinished: int = 0


class Futures:
    """The futures of one execution.

    Args:
        serving: Where the coordinator is.
        running: Where futures are noted until they are done.
        display: What the owner sees.

    Attributes:
        thread: The one that sends and resolves futures.
    """

    def __init__(self, serving: Serving, running: Running, display: Display) -> None:
        self._serving = serving
        self._running = running
        self._display = display
        self._inbox: queue.SimpleQueue[_Submitted | _Found | _Cancelled | ToOwner | None]
        self._inbox = queue.SimpleQueue()
        self._latest: tuple[bytes, Record | None] = b"", None
        """The function that was submitted last, and what connects it with the journal."""
        self._spots: tuple[Verify | None, SpotChecks | None] = None, None
        """How known items are chosen, and for whom."""
        self._groups: dict[bytes, _Group] = {}
        self._by_number: dict[int, _Group] = {}
        self._idle: set[_Group] = set()
        self._ended = False
        self._starting = threading.Lock()
        self.thread = threading.Thread(target=self._main, name=THREAD_NAME, daemon=True)

    @property
    def is_current(self) -> bool:
        """Whether this is the thread of the futures, which must not wait for them."""
        return threading.current_thread() is self.thread

    def submit(
        self,
        call: Call,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        execution: object,
    ) -> RemoteFuture[Any]:
        """Encodes a function and its arguments, here and now, and has them computed.

        Args:
            call: The function and its limits.
            arguments: Those by position.
            keywords: Those by name.
            execution: Kept alive until the future is done.

        Raises:
            NotSendableError: The function or an argument cannot be pickled.
            ClosedError: The execution takes no more work.
            ConfigurationError: A known item has not as many arguments as the call.
        """
        if keywords:
            call = replace(call, wrapper=WithKeywords(call.function))
        function = encode(call)
        carried = function.shipment.modules
        given = (arguments, keywords) if keywords else arguments
        packed = encode_arguments(given, carried)
        key = hashlib.sha256(function.shipment.payload).digest()  # which names its blobs
        if call.examine and key not in self._groups:
            modules = modules_used_by(call.function, arguments, keywords)
            self._serving.add_modules(modules, self._display.warn)
        record, item, known = self._record_of(key, call, function), None, []
        name = record and record.key_of(given)
        if record and name:
            item = name, readable(given)
            known = record.known(name)
        # A known item has no names, and would not look like a call that has some.
        spot = None if known or keywords else self._choose_spot(call, arguments, carried)
        with self._starting:
            if self.thread.ident is None:
                self.thread.start()
        future: RemoteFuture[Any] = RemoteFuture(self)
        self._running.add(future, execution)
        if known:
            self._inbox.put(_Found(future, known[0]))
        else:
            self._inbox.put(_Submitted(future, call, function, packed, key, record, item, spot))
        if self._ended:  # looked at last: whoever ends cancels afterwards what it finds
            future.cancel()
        return future

    def _record_of(self, key: bytes, call: Call, function: Encoded) -> Record | None:
        latest, record = self._latest
        if latest != key:
            journal = self._serving.journal
            record = open_record(journal, call, function, self._inbox.put, counts=False)
            self._latest = key, record
        return record

    def _choose_spot(
        self, call: Call, arguments: tuple[Any, ...], carried: frozenset[str]
    ) -> _Spot | None:
        """Returns a known item that looks like a call, if chance says so."""
        verify, spots = self._spots
        if verify is not call.verify:
            verify = call.verify
            spots = SpotChecks(verify, random.SystemRandom()) if verify and verify.known else None
            self._spots = verify, spots
        items, results = spots.choose([arguments]) if spots else ([], [])
        return _Spot(encode_arguments(items[0], carried), results) if items else None

    def drop(self, future: RemoteFuture[Any]) -> None:
        """Notes that a future was cancelled, in the thread that did it."""
        if self._running.remove(future):  # else another thread has cancelled it as well
            future.set_running_or_notify_cancel()
            self._inbox.put(_Cancelled(future))

    def cancel_all(self) -> None:
        """Cancels all that are not done."""
        for work in self._running.works():
            if isinstance(work, RemoteFuture):
                work.cancel()

    def stop(self) -> None:
        """Cancels all that are not done and ends the thread; may be called by that thread too."""
        self._inbox.put(None)
        waitable = not (self.is_current or self._serving.loop.is_current)
        if waitable and self.thread.ident is not None:
            self.thread.join(END_SECONDS)
        # The thread does this as well, unless a callback keeps it.
        self.cancel_all()

    def _main(self) -> None:
        watch = Watch(self._display.warn, self._serving)
        try:
            while True:
                try:
                    note = self._inbox.get(timeout=watch.seconds() if self._groups else None)
                except queue.Empty:
                    watch.look()
                    continue
                if note is None:
                    return
                self._handle(note)
                if self._inbox.empty():
                    self._end_idle_groups()
        except ClosedError:
            return
        finally:
            self._ended = True
            self.cancel_all()

    def _handle(self, note: _Submitted | _Found | _Cancelled | ToOwner) -> None:
        match note:
            case _Submitted():
                self._enter(note)
            case _Found():
                self._resolve(note.future, note.value)
            case _Cancelled():
                self._take_out(note.future)
            case ev.Demand():
                if group := self._by_number.get(note.map):
                    group.demanded = True
                    self._supply(group)
            case ev.Deliver():
                if group := self._by_number.get(note.map):
                    self._deliver(group, note)
            case ev.Fail():
                if isinstance(note.failed.error, ClosedError):
                    raise note.failed.error
                if group := self._by_number.get(note.map):
                    self._fail(group, note.failed.error)
            case ev.Finish():
                pass  # of a map that had no future left
            case ev.Held():
                pass  # never of futures
            case _:
                assert_never(note)

    def _enter(self, note: _Submitted) -> None:
        if note.future.cancelled():
            return
        group = self._groups.get(note.key)
        if group is None:
            number = start_map(
                self._serving,
                note.call,
                note.function,
                self._inbox.put,
                note.record,
                indexed=False,
            )
            group = _Group(note.call, note.key, number, note.record)
            self._groups[note.key] = self._by_number[number] = group
        group.unfinished += 1
        note.future.group = group
        group.waiting.append(note)
        self._supply(group)

    def _take_out(self, future: RemoteFuture[Any]) -> None:
        group, index = future.group, future.index
        if group is None:
            return  # cancelled before it came here
        self._finish_one(group)
        if index is not None and group.sent.pop(index, None) is not None:
            if group.record:
                group.record.forget(index)
            self._serving.loop.call(self._serving.coordinator.cancel_item, group.number, index)

    def _supply(self, group: _Group) -> None:
        while group.demanded and group.waiting:
            submitted = group.waiting.popleft()
            if submitted.future.cancelled():
                continue
            index, group.supplied, group.demanded = group.supplied, group.supplied + 1, False
            group.sent[index] = submitted.future
            submitted.future.index = index
            if group.record and submitted.item:
                group.record.expect(index, *submitted.item)
            self._serving.loop.call(
                self._serving.coordinator.supply, group.number, index, 1, submitted.arguments
            )
            if spot := submitted.spot:
                self._serving.loop.call(
                    self._serving.coordinator.spot_check,
                    group.number,
                    spot.results,
                    spot.arguments,
                )

    def _deliver(self, group: _Group, note: ev.Deliver) -> None:
        for index, value in enumerate(note.values, note.start):
            future = group.sent.pop(index, None)
            if future is None:
                continue  # cancelled meanwhile
            failed = note.failures.get(index)
            error = None if failed is None else explained(group.call, failed)
            if self._resolve(future, value, error):
                self._finish_one(group)

    def _fail(self, group: _Group, error: Exception) -> None:
        """Brings all futures of a map to their end; the next ones open another."""
        del self._groups[group.key], self._by_number[group.number]
        for index, future in group.sent.items():
            if group.record:
                group.record.forget(index)
            self._resolve(future, None, error)
        for submitted in group.waiting:
            self._resolve(submitted.future, None, error)
        group.sent.clear()
        group.waiting.clear()

    def _resolve(
        self, future: RemoteFuture[Any], value: object, error: BaseException | None = None
    ) -> bool:
        """Brings a future to its end; returns False if it was cancelled just now."""
        try:
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
        except InvalidStateError:
            return False  # a note of that is on its way
        except BaseException:
            logger.exception("a callback of %r would have ended the thread", future)
        future.group = None  # whoever keeps the future need not keep the function
        self._running.remove(future)
        return True

    def _finish_one(self, group: _Group) -> None:
        group.unfinished -= 1
        if not group.unfinished:
            self._idle.add(group)

    def _end_idle_groups(self) -> None:
        for group in self._idle:
            if not group.unfinished and group.number in self._by_number:
                cancel_map(self._serving, group.number)
                del self._groups[group.key], self._by_number[group.number]
        self._idle.clear()
