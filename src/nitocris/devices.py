"""The devices' side of the coordinator: who is there, and what comes from them.

    connection --join, receive, leave--> Devices --events--> scheduler
                                            '--printed lines--> owner

What a device sends is a stranger's: it is measured and checked here before anything is made of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import assert_never

from . import events as ev
from . import protocol
from .accounts import Accounts
from .answers import decode_result
from .bulletin import Bulletin
from .dismissal import BY_OWNER
from .driver import Driver
from .echo import Echo, read_output
from .errors import DecodeError, ProtocolError
from .open_map import OpenMap
from .referees import Referees
from .roster import Device, Roster, Worker
from .server_limits import ServerLimits
from .trust import network_of

logger = logging.getLogger("nitocris.coordinator")

MAX_BAD_RESULTS = 3
"""Answers that make no sense, after which a device is sent away."""
LARGE_RESULT_BYTES = 256 * 1024
"""A result of at least this size is decoded in a thread, so that nobody else waits for it."""


class Devices:
    """All that are connected, as far as their connections need the coordinator.

    Args:
        roster: Where they are entered.
        maps: Those that are open, by their numbers.
        driver: Tells the scheduler what they do.
        referees: Are told who comes and goes.
        accounts: Counts bytes, and devices over time.
        bulletin: Tells volunteers how far the maps are.
        echo: Shows what items print.
        tell: Takes sentences that the owner should read.
        limits: How large messages may be, and how many are decoded at once.
    """

    def __init__(
        self,
        roster: Roster,
        maps: Mapping[int, OpenMap],
        driver: Driver,
        referees: Referees,
        accounts: Accounts,
        bulletin: Bulletin,
        echo: Echo,
        tell: Callable[[str], None],
        limits: ServerLimits,
    ) -> None:
        self._roster = roster
        self._maps = maps
        self._driver = driver
        self._referees = referees
        self._accounts = accounts
        self._bulletin = bulletin
        self._echo = echo
        self._tell = tell
        self._limits = limits
        self._decoders = asyncio.Semaphore(limits.decodes_at_once)
        self._environment: str | None = None
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._roster)

    async def wait_for_capacity(self, capacity: int) -> None:
        """Returns as soon as the devices compute at least `capacity` chunks at once."""
        while self._roster.capacity < capacity:
            self._changed.clear()
            await self._changed.wait()

    def set_environment(self, environment: str | None) -> None:
        """Notes the hash of what browsers need from now on; None while it is being prepared."""
        if environment == self._environment:
            return
        self._environment = environment
        for worker in self._roster:
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
        worker = self._roster.join(
            device, is_browser=is_browser, name=name, address=address, now=self._driver.now()
        )
        network = network_of(address)
        self._referees.joined(worker, network, here=is_here)
        self._driver.handle(ev.WorkerJoined(worker.number, 0, worker.title, network))
        self._bulletin.stir()
        return worker.number

    def inform(self, number: int) -> None:
        """Tells a device's volunteer how far the maps are; later changes come by themselves."""
        worker = self._roster[number]
        if worker.is_browser:
            self._bulletin.greet(worker.device)

    def announce(self, number: int, capacity: int, environment: str | None = None) -> None:
        """Notes that a device computes more or fewer chunks at once from now on.

        Args:
            number: The device.
            capacity: How many chunks at once.
            environment: The hash of the environment that a browser's workers have.
        """
        worker = self._roster[number]
        worker.announced, worker.environment = capacity, environment
        self._resize(worker)

    def dismiss(self, number: int) -> bool:
        """Sends a device away by the owner's wish; it does not come back by itself.

        Returns:
            Whether it was there.
        """
        worker = self._roster.get(number)
        if worker is None:
            return False
        self.announce(number, 0)  # so that nothing is lent while it says goodbye
        worker.device.close(protocol.CLOSE_DISMISSED, BY_OWNER)
        return True

    def leave(self, number: int) -> None:
        """Forgets a device; what it had on lease is lent again at once."""
        if self._roster.leave(number):
            self._staffed()
            self._driver.handle(ev.WorkerLeft(number))
            self._echo.left(number)
            self._bulletin.stir()
            self._referees.left()

    async def receive(self, number: int, frame: protocol.Buffer) -> None:
        """Takes a frame from an admitted device.

        Raises:
            ProtocolError: The device broke the protocol and should be sent away.
        """
        message, payload = protocol.decode_from_worker(frame)
        self._roster[number].heard = self._driver.now()
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
                self._driver.handle(ev.LeaseFailed(number, message.lease, message.reason))
            case protocol.Cancelled():
                self._driver.handle(ev.LeaseCancelled(number, message.lease))
            case protocol.Returned():
                self._driver.handle(ev.LeaseReturned(number, message.lease))
            case protocol.Capacity():
                self.announce(number, message.capacity, message.environment)
            case protocol.Ping():
                worker = self._roster[number]
                worker.device.send(protocol.Pong())
                if message.round_trip is not None:
                    worker.round_trip = message.round_trip
            case protocol.Hello():
                raise ProtocolError("a second hello")
            case _:
                assert_never(message)

    def count_sent(self, size: int) -> None:
        """Notes that a frame of so many bytes has left for a device."""
        self._accounts.bytes_sent += size

    def send(self, number: int, message: protocol.FromCoordinator) -> None:
        """Queues a frame for a device, if it is still there."""
        if worker := self._roster.get(number):
            worker.device.send(message)

    def send_away(self, number: int, reason: str) -> None:
        """Sends a device away for what it did, and tells the owner."""
        self.warn(number, "was sent away", reason)
        if worker := self._roster.get(number):
            worker.device.close(protocol.CLOSE_DISMISSED, reason)

    def blame(self, number: int, reason: str) -> None:
        """Holds a result that makes no sense against a device."""
        worker = self._roster.get(number)
        if worker is None:
            return
        worker.bad_results += 1
        logger.warning("worker %d sent a bad result: %s", number, reason)
        if worker.bad_results >= MAX_BAD_RESULTS:
            worker.device.close(protocol.CLOSE_BAD_RESULTS, "too many bad results")

    def warn(self, number: int, what: str, reason: str) -> None:
        """Tells the owner what becomes of a device."""
        worker = self._roster.get(number)
        title = worker.title if worker else f"worker {number}"
        self._tell(f"{title} {what}, because {reason}.")

    def close(self) -> None:
        """Sends all away: the execution has ended."""
        for worker in self._roster:
            worker.device.close(protocol.CLOSE_GOING_AWAY, "the execution has ended")

    def _resize(self, worker: Worker) -> None:
        fits = not worker.is_browser or worker.environment == self._environment
        capacity = worker.announced if fits else 0
        self._roster.resize(worker, capacity)
        self._staffed()
        self._driver.handle(ev.WorkerResized(worker.number, worker.capacity))
        self._changed.set()

    def _staffed(self) -> None:
        self._accounts.history.staffed(self._roster.capacity, self._driver.now())

    async def _receive_result(
        self, number: int, message: protocol.Result, payload: memoryview
    ) -> None:
        map_number = self._driver.scheduler.map_of(message.lease, number)
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
            self._driver.handle(ev.ResultRejected(number, message.lease, str(error)))
            return
        self._driver.handle(
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
        about = self._driver.scheduler.items_of(message.lease, number)
        if about is None:
            return
        map_number, start, stop = about
        printed = read_output(payload, start, stop)
        label = self._maps[map_number].label
        now = self._driver.now()
        self._echo.receive(number, map_number, printed, message.dropped, label, now)
