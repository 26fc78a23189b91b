"""The coordinator: between the owner's maps, the scheduler, and the connected devices.

    owner --start_map, supply, end_input, cancel_map--> Coordinator --inbox--> owner
                                                    events |  ^ commands
                                                         Scheduler
    device --receive--> Coordinator --Device.send--> device

Everything here runs on the event loop, and nothing blocks it.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never

from . import codec, protocol
from . import events as ev
from .blobs import Blobs
from .bulletin import Bulletin, Reader
from .dismissal import BY_OWNER
from .errors import ClosedError, DecodeError, ProtocolError, RemoteError
from .function import Shipment
from .job import MappedFunction
from .scheduler import Scheduler
from .standing import Standing

logger = logging.getLogger("nitocris.coordinator")

MAX_BAD_RESULTS = 3
"""Answers that make no sense, after which a device is sent away."""
LARGE_RESULT_BYTES = 256 * 1024
"""A result of at least this size is decoded in a thread, so that nobody else waits for it."""

ToOwner: TypeAlias = ev.Demand | ev.Deliver | ev.Finish | ev.Fail


class Device(Reader, Protocol):
    """One connection, as far as the coordinator knows it."""

    def send(self, message: protocol.FromCoordinator, payload: bytes = b"") -> None:
        """Queues a frame."""

    def close(self, code: int, reason: str) -> None:
        """Ends the connection after what is queued."""


@dataclass(slots=True)
class _Map:
    function: Shipment
    registry: codec.Registry | None
    inbox: Callable[[ToOwner], None]
    mapped: MappedFunction


@dataclass(slots=True)
class _Worker:
    device: Device
    is_browser: bool
    announced: int = 0
    environment: str | None = None
    """The one that a browser's announced capacity is for."""
    capacity: int = 0
    bad_results: int = 0


class Coordinator:
    """Performs what the scheduler wants, and tells it what happens.

    Args:
        tell: Takes sentences that the owner should read.
    """

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._scheduler = Scheduler()
        self._maps: dict[int, _Map] = {}
        self._workers: dict[int, _Worker] = {}
        self._blobs = Blobs()
        self._standing = Standing()
        self._bulletin = Bulletin(self._loop.call_later, self.progress, self._browsers)
        self.capacity = 0
        """How many chunks all connected devices together compute at once; any thread may read."""
        self._next_worker = 1
        self._next_map = 1
        self._environment: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()

    async def wait_for_capacity(self, capacity: int) -> None:
        """Returns as soon as the devices compute at least `capacity` chunks at once."""
        while self.capacity < capacity:
            self._changed.clear()
            await self._changed.wait()

    def blob(self, blob_id: str) -> bytes | None:
        """Returns the bytes of a blob of a running map."""
        return self._blobs.get(blob_id)

    @property
    def devices(self) -> int:
        """How many devices are connected."""
        return len(self._workers)

    def functions(self) -> dict[int, MappedFunction]:
        """Returns what volunteers may see of the functions of running maps, by their numbers."""
        return {number: current.mapped for number, current in self._maps.items()}

    def progress(self) -> protocol.Progress:
        """Returns how far the maps are that run."""
        return self._standing.progress(self.devices, self._loop.time())

    async def start_map(
        self,
        function: Shipment,
        registry: codec.Registry | None,
        inbox: Callable[[ToOwner], None],
        *,
        mapped: MappedFunction,
        total: int | None,
        chunk_size: int | None,
        timeout: float,
        item_timeout: float | None = None,
        keep_going: bool = False,
        retries: int = 0,
    ) -> int:
        """Opens a map and returns its number; what the owner must know goes to `inbox`.

        Args:
            function: What to send to workers.
            registry: What results may be made of, besides plain data; None to unpickle them.
            inbox: Gets demands, results and the end, on the loop's thread.
            mapped: What volunteers may see of the function.
            total: The number of items, if known.
            chunk_size: Items per chunk; None to let it be learnt.
            timeout: Seconds without any result after which a lease expires.
            item_timeout: Seconds that one item may take.
            keep_going: Whether items that fail are delivered like any other; else the first one
                ends the map.
            retries: How often an item is tried again that failed in a transient way.
        """
        number = self._next_map
        self._next_map += 1
        self._maps[number] = _Map(function, registry, inbox, mapped)
        self._blobs.keep(number, function.blobs)
        self._standing.started(number, total, self._loop.time())
        self._bulletin.stir()
        self._handle(
            ev.MapStarted(number, total, chunk_size, timeout, item_timeout, keep_going, retries)
        )
        return number

    def supply(self, number: int, start: int, count: int, items: Shipment) -> None:
        """Answers a demand with a chunk."""
        if number in self._maps:
            self._blobs.keep(number, items.blobs)
            self._standing.supplied(number, count)
            self._handle(ev.ChunkArrived(number, start, count, items))

    def end_input(self, number: int) -> None:
        """Answers a demand: there are no more items."""
        self._standing.ended(number)
        self._handle(ev.InputEnded(number))

    def cancel_map(self, number: int) -> None:
        """Gives a map up; nothing more comes to its inbox."""
        self._handle(ev.MapCancelled(number))
        self._drop_map(number)

    def cancel_item(self, number: int, index: int) -> None:
        """Gives up an item that was supplied as a chunk of its own; it counts as done."""
        self._handle(ev.ItemCancelled(number, index))

    def close(self) -> None:
        """Ends all maps with `ClosedError` and sends the devices away."""
        for number, current in list(self._maps.items()):
            self.cancel_map(number)
            error = ClosedError("the execution was closed while a map was running")
            current.inbox(ev.Fail(number, 0, ev.Failed(error, "", 0)))
        for worker in self._workers.values():
            worker.device.close(protocol.CLOSE_GOING_AWAY, "the execution has ended")
        if self._timer:
            self._timer.cancel()
        self._bulletin.stop()

    def set_environment(self, environment: str | None) -> None:
        """Notes the hash of what browsers need from now on; None while it is being prepared."""
        if environment == self._environment:
            return
        self._environment = environment
        for number, worker in self._workers.items():
            if worker.is_browser:
                if environment is not None and environment != worker.environment:
                    worker.device.send(protocol.Environment(environment))
                self._resize(number, worker)

    def join(self, device: Device, *, is_browser: bool) -> int:
        """Admits a device, which has no capacity yet, and returns its number."""
        number = self._next_worker
        self._next_worker += 1
        self._workers[number] = _Worker(device, is_browser)
        name = f"{'browser' if is_browser else 'native'} worker {number}"
        self._handle(ev.WorkerJoined(number, 0, name))
        self._bulletin.stir()
        return number

    def inform(self, number: int) -> None:
        """Tells a device's volunteer how far the maps are; later changes come by themselves."""
        worker = self._workers[number]
        if worker.is_browser:
            self._bulletin.greet(worker.device)

    def announce(self, number: int, capacity: int, environment: str | None = None) -> None:
        """Notes that a device computes more or fewer chunks at once from now on.

        Args:
            number: The device.
            capacity: How many chunks at once.
            environment: The hash of the environment that a browser's workers have.
        """
        worker = self._workers[number]
        worker.announced, worker.environment = capacity, environment
        self._resize(number, worker)

    def _resize(self, number: int, worker: _Worker) -> None:
        fits = not worker.is_browser or worker.environment == self._environment
        capacity = worker.announced if fits else 0
        self.capacity += capacity - worker.capacity
        worker.capacity = capacity
        self._handle(ev.WorkerResized(number, worker.capacity))
        self._changed.set()

    def dismiss(self, number: int) -> bool:
        """Sends a device away by the owner's wish; it does not come back by itself.

        Returns:
            Whether it was there.
        """
        worker = self._workers.get(number)
        if worker is None:
            return False
        self.announce(number, 0)  # so that nothing is lent while it says goodbye
        worker.device.close(protocol.CLOSE_DISMISSED, BY_OWNER)
        return True

    def leave(self, number: int) -> None:
        """Forgets a device; what it had on lease is lent again at once."""
        if worker := self._workers.pop(number, None):
            self.capacity -= worker.capacity
            self._handle(ev.WorkerLeft(number))
            self._bulletin.stir()

    async def receive(self, number: int, frame: bytes) -> None:
        """Takes a frame from an admitted device.

        Raises:
            ProtocolError: The device broke the protocol and should be sent away.
        """
        message, payload = protocol.decode_from_worker(frame)
        match message:
            case protocol.Result():
                await self._receive_result(number, message, payload)
            case protocol.Failed():
                logger.info("worker %d lost lease %d: %s", number, message.lease, message.reason)
                self._handle(ev.LeaseFailed(number, message.lease, message.reason))
            case protocol.Cancelled():
                self._handle(ev.LeaseCancelled(number, message.lease))
            case protocol.Returned():
                self._handle(ev.LeaseReturned(number, message.lease))
            case protocol.Capacity():
                self.announce(number, message.capacity, message.environment)
            case protocol.Ping():
                self._workers[number].device.send(protocol.Pong())
            case protocol.Hello():
                raise ProtocolError("a second hello")
            case _:
                assert_never(message)

    async def _receive_result(
        self, number: int, message: protocol.Result, payload: memoryview
    ) -> None:
        map_number = self._scheduler.map_of(message.lease, number)
        if map_number is None:
            if len(payload) > protocol.MAX_CONTROL_BYTES:
                raise ProtocolError(f"{len(payload)} bytes for a lease that is not out")
            return
        registry = self._maps[map_number].registry
        try:
            if len(payload) < LARGE_RESULT_BYTES:
                values, failures = _decode_result(payload, message, registry)
            else:
                values, failures = await asyncio.to_thread(
                    _decode_result, payload, message, registry
                )
        except DecodeError as error:
            self._handle(ev.ResultRejected(number, message.lease, str(error)))
            return
        self._handle(
            ev.ResultArrived(number, message.lease, message.offset, values, message.final, failures)
        )

    def _handle(self, event: ev.Event) -> None:
        for command in self._scheduler.handle(event, self._loop.time()):
            self._perform(command)
        self._set_timer()

    def _perform(self, command: ev.Command) -> None:
        match command:
            case ev.Introduce():
                function = self._maps[command.map].function
                message = protocol.Map(command.map, function.blob_ids)
                self._workers[command.worker].device.send(message, function.payload)
            case ev.Lend(payload=Shipment() as items):
                lent = protocol.Chunk(
                    command.lease,
                    command.map,
                    command.skip,
                    command.stop,
                    items.blob_ids,
                    command.piecewise,
                )
                self._workers[command.worker].device.send(lent, items.payload)
            case ev.Lend():
                raise TypeError(f"a chunk of {type(command.payload).__name__}")
            case ev.Cancel():
                self._send(command.worker, protocol.Cancel(command.lease))
            case ev.Forget():
                self._send(command.worker, protocol.Forget(command.map))
            case ev.Blame():
                self._blame(command.worker, command.reason)
            case ev.Rest():
                self._warn(command.worker, f"rests for {command.seconds:g} s", command.reason)
            case ev.Dismiss():
                self._warn(command.worker, "was sent away", command.reason)
                if worker := self._workers.get(command.worker):
                    worker.device.close(protocol.CLOSE_DISMISSED, command.reason)
            case ev.Release():
                if isinstance(command.payload, Shipment):
                    self._blobs.release(command.map, command.payload.blobs)
            case ev.Demand():
                self._maps[command.map].inbox(command)
            case ev.Deliver():
                self._standing.delivered(command.map, len(command.values), self._loop.time())
                self._bulletin.stir()
                self._maps[command.map].inbox(command)
            case ev.Finish() | ev.Fail():
                current = self._drop_map(command.map)
                if current:
                    current.inbox(command)
            case _:
                assert_never(command)

    def _send(self, number: int, message: protocol.FromCoordinator) -> None:
        if worker := self._workers.get(number):
            worker.device.send(message)

    def _warn(self, number: int, what: str, reason: str) -> None:
        worker = self._workers.get(number)
        kind = "browser" if worker and worker.is_browser else "native"
        logger.warning("%s worker %d %s: %s", kind, number, what, reason)
        self._tell(f"{kind} worker {number} {what}, because {reason}.")

    def _blame(self, number: int, reason: str) -> None:
        worker = self._workers.get(number)
        if worker is None:
            return
        worker.bad_results += 1
        logger.warning("worker %d sent a bad result: %s", number, reason)
        if worker.bad_results >= MAX_BAD_RESULTS:
            worker.device.close(protocol.CLOSE_BAD_RESULTS, "too many bad results")

    def _set_timer(self) -> None:
        deadline = self._scheduler.next_deadline()
        if self._timer is not None:
            if (
                deadline is not None
                and self._timer.when() <= deadline
                and not self._timer.cancelled()
            ):
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._time_passed)

    def _time_passed(self) -> None:
        self._timer = None
        self._handle(ev.TimePassed())

    def _drop_map(self, number: int) -> _Map | None:
        current = self._maps.pop(number, None)
        self._blobs.drop(number)
        self._standing.over(number)
        self._bulletin.stir()
        return current

    def _browsers(self) -> list[Device]:
        return [worker.device for worker in self._workers.values() if worker.is_browser]


def _decode_result(
    payload: memoryview, message: protocol.Result, registry: codec.Registry | None
) -> tuple[list[object], dict[int, ev.Failure]]:
    decoded = codec.decode(payload, registry)
    if not (isinstance(decoded, tuple) and len(decoded) == 2):
        raise DecodeError("a result must be a pair of values and failures")
    carried, listed = decoded
    failures = _failures(listed, message)
    if registry is None and isinstance(carried, bytes):
        # Only with results="pickle", which admits nobody but holders of the worker token.
        carried = pickle.loads(carried)  # noqa: S301
    if not isinstance(carried, list) or len(carried) != message.count:
        raise DecodeError(f"a result must have the {message.count} values that it announced")
    return carried, failures


def _failures(listed: object, message: protocol.Result) -> dict[int, ev.Failure]:
    if not isinstance(listed, list) or len(listed) != message.raised:
        raise DecodeError(f"a result must have the {message.raised} failures that it announced")
    failures: dict[int, ev.Failure] = {}
    for each in listed:
        match each:
            case (int(position), RemoteError() as error, bool(transient)) if (
                0 <= position < message.count and position not in failures
            ):
                failures[position] = ev.Failure(error, transient)
            case _:
                raise DecodeError("a failure must be the place of an item, an exception, a flag")
    return failures
