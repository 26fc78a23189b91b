"""The coordinator: between the owner's maps, the scheduler, and the connected devices.

    owner --start_map, supply, end_input, cancel_map--> Coordinator --inbox--> owner
                                                    events |  ^ commands
                                                    Driver, Scheduler
                                                    events |  | frames
                     connections --join, receive, leave--> Devices

What volunteers have answered goes through `Referees` on its way to the owner, if the owner wants.
Everything here runs on the event loop, and nothing blocks it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import assert_never

from . import codec, protocol
from . import events as ev
from .accounts import Accounts
from .awake import AwakeClock
from .blobs import Blobs
from .bulletin import Bulletin
from .devices import Devices
from .driver import Driver
from .echo import Echo
from .errors import ClosedError
from .function import Shipment
from .history import History
from .job import MappedFunction
from .open_map import OpenMap, ToOwner
from .referees import Referees
from .roster import Roster
from .server_limits import ServerLimits
from .stats import Stats
from .verify import Verify


class Coordinator:
    """Performs what the scheduler wants, and tells it what happens.

    Args:
        tell: Takes sentences that the owner should read.
        show: Takes lines that items have printed.
        title: What volunteers see.
        limits: How large messages may be, and how many are decoded at once.
        clock: What leases and reports go by.

    Attributes:
        devices: The other side, for connections.
    """

    def __init__(
        self,
        tell: Callable[[str], None] = lambda _: None,
        show: Callable[[str], None] = lambda _: None,
        title: str = "",
        limits: ServerLimits | None = None,
        clock: AwakeClock | None = None,
    ) -> None:
        self._maps: dict[int, OpenMap] = {}
        self._next_map = 1
        self._blobs = Blobs()
        self._roster = Roster()
        self._echo = Echo(show)
        self._driver = Driver(self._perform, clock)
        self._scheduler = self._driver.scheduler
        self._handle = self._driver.handle
        self._accounts = Accounts(title, self.now())
        self._bulletin = Bulletin(
            asyncio.get_running_loop().call_later, self.progress, self._roster.readers
        )
        self._referees = Referees(
            self._roster,
            self.history,
            handle=self._handle,
            perform=self._perform,
            dismiss=self._dismiss,
            tell=tell,
        )
        self.devices = Devices(
            self._roster,
            self._maps,
            self._driver,
            self._referees,
            self._accounts,
            self._bulletin,
            self._echo,
            tell,
            limits or ServerLimits(),
        )

    def blob(self, blob_id: str) -> bytes | None:
        """Returns the bytes of a blob of a running map."""
        return self._blobs.get(blob_id)

    def functions(self) -> dict[int, MappedFunction]:
        """Returns what volunteers may see of the functions of running maps, by their numbers."""
        return {number: current.mapped for number, current in self._maps.items()}

    @property
    def capacity(self) -> int:
        """How many chunks all devices together compute at once; any thread may read."""
        return self._roster.capacity

    @property
    def native(self) -> int:
        """How many chunks native workers compute at once; any thread may read."""
        return self._roster.native

    @property
    def browsers(self) -> int:
        """How many browsers compute; any thread may read."""
        return self._roster.browsers

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
        return self._driver.now()

    def progress(self) -> protocol.Progress:
        """Returns how far the maps are that run."""
        return self._accounts.progress(len(self._roster), self.now())

    def stats(self) -> Stats:
        """Returns what is known of maps and workers; the work does not depend on the items."""

        def name(number: int) -> str:
            return self._maps[number].mapped.name

        return self._accounts.stats(self._roster, self._scheduler, name, self.now())

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

        current = OpenMap(function, registry, inbox, mapped, indexed, withdraw)
        self._maps[number] = current
        self._blobs.keep(number, function.blobs)
        self._bulletin.stir()
        is_judged = self._referees.open(
            number,
            current,
            verify,
            timeout=timeout,
            keep_going=keep_going,
            hold=hold,
            hidden=hidden,
        )
        self._handle(
            ev.MapStarted(
                number,
                total,
                chunk_size,
                timeout,
                item_timeout,
                keep_going or is_judged,  # else a stranger's exception would end it
                retries,
                is_judged,
                mapped.code or function.sha256,
            )
        )
        ledger, now = self._scheduler.ledger_of(number), self.now()
        self._accounts.started(number, mapped, function.sha256, total, ledger, now)
        self._referees.started(number)
        return number

    def supply(self, number: int, start: int, count: int, items: Shipment) -> None:
        """Answers a demand with a chunk."""
        if number in self._maps:
            self._blobs.keep(number, items.blobs)
            self._accounts.supplied(number, count)
            self._handle(ev.ChunkArrived(number, start, count, items))

    def spot_check(self, number: int, results: Sequence[object], items: Shipment) -> None:
        """Has volunteers compute items whose results the owner knows, as a chunk like any other."""
        start = self._referees.expect(number, results)
        if start is None:
            return
        self._blobs.keep(number, items.blobs)
        own = frozenset(each.number for each in self._roster if not each.is_browser)
        self._handle(ev.KnownArrived(number, start, len(results), items, own))

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
        self.devices.close()
        self._driver.close()
        self._bulletin.stop()

    def _perform(self, command: ev.Command) -> None:
        match command:
            case ev.Introduce():
                function = self._maps[command.map].function
                message = protocol.Map(command.map, function.blob_ids)
                self._roster[command.worker].device.send(message, function.payload)
            case ev.Lend(payload=Shipment() as items):
                lent = protocol.Chunk(
                    command.lease,
                    command.map,
                    command.skip,
                    command.stop,
                    items.blob_ids,
                    command.piecewise,
                )
                self._roster[command.worker].device.send(lent, items.payload)
            case ev.Lend():
                raise TypeError(f"a chunk of {type(command.payload).__name__}")
            case ev.Cancel():
                self.devices.send(command.worker, protocol.Cancel(command.lease))
            case ev.Forget():
                self.devices.send(command.worker, protocol.Forget(command.map))
            case ev.Blame():
                self.devices.blame(command.worker, command.reason)
            case ev.Rest():
                self.devices.warn(
                    command.worker, f"rests for {command.seconds:g} s", command.reason
                )
            case ev.Dismiss():
                self.devices.send_away(command.worker, command.reason)
            case ev.Release():
                if isinstance(command.payload, Shipment):
                    self._blobs.release(command.map, command.payload.blobs)
            case ev.Demand():
                self._maps[command.map].inbox(command)
            case ev.Deliver():
                self._accounts.delivered(command, self.now())
                self._bulletin.stir()
                self._maps[command.map].inbox(command)
            case ev.Held():
                self._accounts.held(command, self.now())
                self._bulletin.stir()
                self._maps[command.map].inbox(command)
            case ev.Answered() | ev.AllAnswered():
                self._referees.judge(command)
            case ev.Finish() | ev.Fail():
                if isinstance(command, ev.Fail):
                    self._accounts.failed(command)
                current = self._drop_map(command.map)
                if current:
                    current.inbox(command)
            case _:
                assert_never(command)

    def _dismiss(self, verdict: ev.Dismiss) -> None:
        if verdict.worker in self._roster.present():
            self.devices.announce(verdict.worker, 0)  # nothing is lent while it says goodbye
        self._perform(verdict)

    def _drop_map(self, number: int) -> OpenMap | None:
        current = self._maps.pop(number, None)
        self._referees.over(number)
        self._blobs.drop(number)
        self._echo.over(number)
        self._accounts.over(number, self.now())
        self._bulletin.stir()
        return current
