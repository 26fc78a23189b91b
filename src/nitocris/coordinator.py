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
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import partial
from random import SystemRandom
from typing import TypeAlias, assert_never

from . import codec, protocol
from . import events as ev
from .accounts import Accounts
from .answers import decode_result
from .arbiter import Arbiter
from .awake import READING_SECONDS, AwakeClock
from .blobs import Blobs
from .bulletin import Bulletin
from .dismissal import BY_OWNER
from .echo import Echo, read_output
from .errors import ClosedError, DecodeError, ProtocolError
from .function import Shipment
from .history import History
from .job import MappedFunction
from .referee import Referee
from .roster import Device, Roster, Worker
from .scheduler import Scheduler
from .server_limits import ServerLimits
from .stats import Stats
from .trust import Trust, network_of
from .verdicts import Arbitrate, Regret, Verdict
from .verify import OUTSIDE, Verify

logger = logging.getLogger("nitocris.coordinator")

MAX_BAD_RESULTS = 3
"""Answers that make no sense, after which a device is sent away."""
LARGE_RESULT_BYTES = 256 * 1024
"""A result of at least this size is decoded in a thread, so that nobody else waits for it."""

ToOwner: TypeAlias = ev.Demand | ev.Deliver | ev.Held | ev.Finish | ev.Fail


@dataclass(slots=True)
class _Map:
    function: Shipment
    registry: codec.Registry | None
    inbox: Callable[[ToOwner], None]
    mapped: MappedFunction
    indexed: bool
    new_referee: Callable[[int], Referee] | None
    """Makes one for a map of which so many items are delivered; None without verification."""
    withdraw: Callable[[Sequence[int]], None] | None
    referee: Referee | None = None
    known: int = 0
    """Minus how many known items were lent."""

    def label(self, index: int) -> str:
        """What the owner calls an item."""
        return f"item {index}" if self.indexed else self.mapped.name


class Coordinator:
    """Performs what the scheduler wants, and tells it what happens.

    Args:
        tell: Takes sentences that the owner should read.
        show: Takes lines that items have printed.
        title: What volunteers see.
        limits: How large messages may be, and how many are decoded at once.
        clock: What leases and reports go by.
    """

    def __init__(
        self,
        tell: Callable[[str], None] = lambda _: None,
        show: Callable[[str], None] = lambda _: None,
        title: str = "",
        limits: ServerLimits | None = None,
        clock: AwakeClock | None = None,
    ) -> None:
        self._limits = limits or ServerLimits()
        self._decoders = asyncio.Semaphore(self._limits.decodes_at_once)
        self._echo = Echo(show)
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._clock = clock or AwakeClock(self._loop.time)
        self._scheduler = Scheduler()
        self._maps: dict[int, _Map] = {}
        self._workers = Roster()
        self._trust = Trust(SystemRandom().random)
        self._used_outside = False
        """Whether a volunteer has come from another machine."""
        self._told_outside = False
        self._blobs = Blobs()
        self._bulletin = Bulletin(self._loop.call_later, self.progress, self._workers.readers)
        self._accounts = Accounts(title, self._clock.now())
        self._next_map = 1
        self._environment: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._read_clock()

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

    @property
    def capacity(self) -> int:
        """How many chunks all devices together compute at once; any thread may read."""
        return self._workers.capacity

    @property
    def native(self) -> int:
        """How many chunks native workers compute at once; any thread may read."""
        return self._workers.native

    @property
    def browsers(self) -> int:
        """How many browsers compute; any thread may read."""
        return self._workers.browsers

    @property
    def retries(self) -> int:
        """How many chunks were lent again because of their worker; any thread may read."""
        return self._scheduler.relent

    @property
    def history(self) -> History:
        """What became of the latest map."""
        return self._accounts.history

    def now(self) -> float:
        """Returns the seconds of the clock that all times here are of."""
        return self._clock.now()

    def count_sent(self, size: int) -> None:
        """Notes that a frame of so many bytes has left for a device."""
        self._accounts.bytes_sent += size

    def progress(self) -> protocol.Progress:
        """Returns how far the maps are that run."""
        return self._accounts.progress(self.devices, self._clock.now())

    def stats(self) -> Stats:
        """Returns what is known of maps and workers; the work does not depend on the items."""

        def name(number: int) -> str:
            return self._maps[number].mapped.name

        return self._accounts.stats(self._workers, self._scheduler, name, self._clock.now())

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
        indexed: bool = True,
        verify: Verify | None = None,
        hold: bool = False,
        hidden: int = 0,
        withdraw: Callable[[Sequence[int]], None] | None = None,
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
            indexed: Whether the index of an item means something to the owner.
            verify: How results of volunteers are to be believed, None for as they come.
            hold: Whether those that may be undone are kept until the map is over.
            hidden: How many leading arguments of each item the owner did not give.
            withdraw: Takes the indexes of items that were delivered because of devices that were
                found to lie, on the loop's thread; None where no journal has them.
        """
        number = self._next_map
        self._next_map += 1

        def new_referee(verify: Verify, delivered: int) -> Referee:
            return Referee(
                number,
                verify,
                self._trust,
                Arbiter(function, registry, timeout),
                self._execute,
                self._present,
                keep_going=keep_going,
                hold=hold,
                trust_here=verify is OUTSIDE,
                delivered=delivered,
                hidden=hidden,
            )

        current = self._maps[number] = _Map(
            function,
            registry,
            inbox,
            mapped,
            indexed,
            partial(new_referee, verify) if verify else None,
            withdraw,
        )
        self._blobs.keep(number, function.blobs)
        self._bulletin.stir()
        if verify is not None and verify is not OUTSIDE:
            current.referee = new_referee(verify, 0)
        self._handle(
            ev.MapStarted(
                number,
                total,
                chunk_size,
                timeout,
                item_timeout,
                # Else a stranger's exception would end it.
                keep_going or current.referee is not None,
                retries,
                current.referee is not None,
                function.sha256,
            )
        )
        ledger, now = self._scheduler.ledger_of(number), self._clock.now()
        self._accounts.started(number, mapped, function.sha256, total, ledger, now)
        if current.referee:
            self.history.verified(number, current.referee.quorum.credibility)
        elif self._used_outside:
            self._verify_from_now(number)
        return number

    def _verify_from_now(self, number: int) -> None:
        """Has a map judged that was only to be when volunteers come from other machines."""
        current = self._maps[number]
        if current.new_referee is None or current.referee:
            return
        current.referee = referee = current.new_referee(self.history.items_of(number))
        self.history.verified(number, referee.quorum.credibility)
        self._handle(ev.MapVerified(number))
        if not self._told_outside:
            self._told_outside = True
            self._tell(
                "a volunteer has joined from another machine, so from now on results of "
                "volunteers are confirmed before you get them, as with verify='auto'; "
                "verify=None takes them as they come."
            )

    def supply(self, number: int, start: int, count: int, items: Shipment) -> None:
        """Answers a demand with a chunk."""
        if number in self._maps:
            self._blobs.keep(number, items.blobs)
            self._accounts.supplied(number, count)
            self._handle(ev.ChunkArrived(number, start, count, items))

    def spot_check(self, number: int, results: Sequence[object], items: Shipment) -> None:
        """Has volunteers compute items whose results the owner knows, as a chunk like any other."""
        current = self._maps.get(number)
        if current is None or current.referee is None:
            return
        current.known -= len(results)
        self._blobs.keep(number, items.blobs)
        current.referee.expect(current.known, results)
        own = frozenset(each.number for each in self._workers if not each.is_browser)
        self._handle(ev.KnownArrived(number, current.known, len(results), items, own))

    def reuse(self, number: int, count: int) -> None:
        """Notes items of a running map that need not be supplied: their results are known."""
        if number in self._maps:
            self._accounts.reused(number, count)
            self._bulletin.stir()
            self._handle(ev.ItemsReused(number, count))

    def end_input(self, number: int) -> None:
        """Answers a demand: there are no more items."""
        self._accounts.ended(number)
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
        for worker in self._workers:
            worker.device.close(protocol.CLOSE_GOING_AWAY, "the execution has ended")
        if self._timer:
            self._timer.cancel()
        self._reading.cancel()
        self._bulletin.stop()

    def set_environment(self, environment: str | None) -> None:
        """Notes the hash of what browsers need from now on; None while it is being prepared."""
        if environment == self._environment:
            return
        self._environment = environment
        for worker in self._workers:
            if worker.is_browser:
                if environment is not None and environment != worker.environment:
                    worker.device.send(protocol.Environment(environment))
                self._resize(worker)

    def join(
        self,
        device: Device,
        *,
        is_browser: bool,
        name: str | None = None,
        address: str | None = None,
        is_here: bool = False,
    ) -> int:
        """Admits a device, which has no capacity yet, and returns its number.

        Args:
            device: Its connection.
            is_browser: Whether it computes in a browser.
            name: What it says that it is.
            address: Where it is connected from.
            is_here: Whether it certainly is on this machine.
        """
        worker = self._workers.join(
            device, is_browser=is_browser, name=name, address=address, now=self._clock.now()
        )
        network = network_of(address)
        self._trust.joined(worker.number, worker.title, network, own=not is_browser, here=is_here)
        if is_browser and not is_here and not self._used_outside:
            self._used_outside = True
            for running in self._maps:
                self._verify_from_now(running)
        self._handle(ev.WorkerJoined(worker.number, 0, worker.title, network))
        self._bulletin.stir()
        return worker.number

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
        self._resize(worker)

    def _resize(self, worker: Worker) -> None:
        fits = not worker.is_browser or worker.environment == self._environment
        capacity = worker.announced if fits else 0
        self._workers.resize(worker, capacity)
        self._staffed()
        self._handle(ev.WorkerResized(worker.number, worker.capacity))
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

    def _staffed(self) -> None:
        self.history.staffed(self.capacity, self._clock.now())

    def leave(self, number: int) -> None:
        """Forgets a device; what it had on lease is lent again at once."""
        if self._workers.leave(number):
            self._staffed()
            self._handle(ev.WorkerLeft(number))
            self._echo.left(number)
            self._bulletin.stir()
            for current in self._maps.values():
                if current.referee:
                    current.referee.left()

    async def receive(self, number: int, frame: bytes) -> None:
        """Takes a frame from an admitted device.

        Raises:
            ProtocolError: The device broke the protocol and should be sent away.
        """
        message, payload = protocol.decode_from_worker(frame)
        self._workers[number].heard = self._clock.now()
        self._accounts.bytes_received += len(frame)
        if not isinstance(message, protocol.Result):
            self._check_control(len(payload))
        match message:
            case protocol.Result():
                await self._receive_result(number, message, payload)
            case protocol.Output():
                self._receive_output(number, message, payload)
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
                worker = self._workers[number]
                worker.device.send(protocol.Pong())
                if message.round_trip is not None:
                    worker.round_trip = message.round_trip
            case protocol.Hello():
                raise ProtocolError("a second hello")
            case _:
                assert_never(message)

    async def _receive_result(
        self, number: int, message: protocol.Result, payload: memoryview
    ) -> None:
        map_number = self._scheduler.map_of(message.lease, number)
        if map_number is None:
            self._check_control(len(payload))
            return
        if len(payload) > self._limits.result_bytes:
            raise ProtocolError(
                f"a result of {len(payload)} bytes; {self._limits.result_bytes} are allowed"
            )
        registry = self._maps[map_number].registry
        try:
            if len(payload) < LARGE_RESULT_BYTES:
                values, failures = decode_result(payload, message, registry)
            else:
                async with self._decoders:
                    values, failures = await asyncio.to_thread(
                        decode_result, payload, message, registry
                    )
        except DecodeError as error:
            self._handle(ev.ResultRejected(number, message.lease, str(error)))
            return
        self._handle(
            ev.ResultArrived(
                number,
                message.lease,
                message.offset,
                values,
                message.final,
                failures,
                message.seconds,
                message.slowest,
            )
        )

    def _check_control(self, size: int) -> None:
        most = self._limits.control_bytes
        if size > most:
            raise ProtocolError(f"{size} bytes for no lease that is out; {most} are allowed")

    def _receive_output(self, number: int, message: protocol.Output, payload: memoryview) -> None:
        about = self._scheduler.items_of(message.lease, number)
        if about is None:
            return
        map_number, start, stop = about
        printed = read_output(payload, start, stop)
        label = self._maps[map_number].label
        now = self._clock.now()
        self._echo.receive(number, map_number, printed, message.dropped, label, now)

    def _handle(self, event: ev.Event) -> None:
        now = self._clock.now()
        for each in (ev.Woken(), event) if self._clock.take_pause() else (event,):
            for command in self._scheduler.handle(each, now):
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
                self._accounts.delivered(command, self._clock.now())
                self._bulletin.stir()
                self._maps[command.map].inbox(command)
            case ev.Held():
                self._accounts.held(command, self._clock.now())
                self._bulletin.stir()
                self._maps[command.map].inbox(command)
            case ev.Answered() | ev.AllAnswered():
                referee = self._maps[command.map].referee
                assert referee is not None
                referee.judge(command)
            case ev.Finish() | ev.Fail():
                if isinstance(command, ev.Fail):
                    self._accounts.failed(command)
                current = self._drop_map(command.map)
                if current:
                    current.inbox(command)
            case _:
                assert_never(command)

    def _execute(self, verdict: Verdict) -> None:
        """Performs what the referee of a map says."""
        match verdict:
            case ev.Dismiss():
                if verdict.worker in self._present():
                    self.announce(verdict.worker, 0)  # nothing is lent while it says goodbye
                self._perform(verdict)
                for current in self._maps.values():
                    if current.referee:
                        current.referee.lied(verdict.worker)
            case Arbitrate():
                raise AssertionError("the referee does that")
            case Regret():
                self._regret(verdict)
            case _ if verdict.map not in self._maps:
                pass  # it was given up meanwhile
            case ev.Doubted() | ev.Settled():
                self._handle(verdict)
            case ev.Deliver() | ev.Held():
                self._perform(verdict)
            case ev.Fail():
                self._handle(ev.MapCancelled(verdict.map))
                self._perform(verdict)
            case _:
                assert_never(verdict)

    def _regret(self, verdict: Regret) -> None:
        if current := self._maps.get(verdict.map):
            kept = current.withdraw is not None
            self._tell(verdict.told(current.mapped.name, indexed=current.indexed, kept=kept))
            if current.withdraw:
                current.withdraw(verdict.items)

    def _present(self) -> Set[int]:
        """Returns the devices that compute."""
        return {worker.number for worker in self._workers if worker.capacity}

    def _send(self, number: int, message: protocol.FromCoordinator) -> None:
        if worker := self._workers.get(number):
            worker.device.send(message)

    def _warn(self, number: int, what: str, reason: str) -> None:
        worker = self._workers.get(number)
        title = worker.title if worker else f"worker {number}"
        self._tell(f"{title} {what}, because {reason}.")

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
        if deadline is not None:
            deadline = self._clock.on_loop(deadline)
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

    def _read_clock(self) -> None:
        self._reading = self._loop.call_later(READING_SECONDS, self._read_clock)
        self._clock.now()

    def _drop_map(self, number: int) -> _Map | None:
        current = self._maps.pop(number, None)
        if current and current.referee:
            current.referee.close()
        self._blobs.drop(number)
        self._echo.over(number)
        self._accounts.over(number, self._clock.now())
        self._bulletin.stir()
        return current
