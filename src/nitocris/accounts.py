"""All that an execution counts: its maps, their items and errors, bytes, and the latest report.

    Coordinator --what it does--> Accounts --stats, progress--> owner, volunteers

Times are seconds of the clock that it is told.
"""

from __future__ import annotations

from collections.abc import Callable

from . import events as ev
from .error_groups import ErrorGroups
from .history import History
from .job import MappedFunction
from .ledger import Ledger
from .protocol import Progress
from .roster import Roster
from .scheduler import Scheduler
from .standing import Standing
from .stats import Stats
from .throughput import Throughput


class Accounts:
    """The books of a coordinator that are for people.

    Args:
        title: What volunteers see.
        now: When it begins.

    Attributes:
        bytes_sent: To all devices, in frames.
        bytes_received: From all devices, in frames.
        history: What became of the latest map.
    """

    def __init__(self, title: str, now: float) -> None:
        self._title = title
        self._began = now
        self._throughput = Throughput(now)
        self._standing = Standing()
        self._errors = ErrorGroups()
        self.bytes_sent = 0
        self.bytes_received = 0
        self.history = History(now)

    def started(
        self,
        number: int,
        mapped: MappedFunction,
        sha256: str,
        total: int | None,
        ledger: Ledger,
        now: float,
    ) -> None:
        """Notes a map.

        Args:
            number: The map's.
            mapped: What is mapped.
            sha256: Of the function as it is sent.
            total: The number of items, if known.
            ledger: What the map takes.
            now: The time.
        """
        self._standing.started(number, total, now)
        self.history.started(number, mapped, sha256, ledger, now)

    def supplied(self, number: int, items: int) -> None:
        """Notes items that a map has for certain."""
        self._standing.supplied(number, items)

    def reused(self, number: int, items: int) -> None:
        """Notes items whose results are in the journal."""
        self._standing.reused(number, items)
        self.history.reused(number, items)

    def ended(self, number: int) -> None:
        """Notes that a map has no more items than it was supplied with."""
        self._standing.ended(number)

    def delivered(self, command: ev.Deliver, now: float) -> None:
        """Notes items that are done."""
        number, items, failed = command.map, len(command.values), len(command.failures)
        if not command.counted:
            self._done(number, items, failed, now)
        for index, each in command.failures.items():
            self._errors.add(number, index, each)

    def held(self, command: ev.Held, now: float) -> None:
        """Notes items that are done and not delivered yet."""
        self._done(command.map, command.count, command.failed, now)

    def _done(self, number: int, items: int, failed: int, now: float) -> None:
        self._throughput.add(items, now)
        self._standing.delivered(number, items, failed, now)
        self.history.delivered(number, items, failed)

    def failed(self, command: ev.Fail) -> None:
        """Notes the item that ends its map."""
        self._errors.add(command.map, command.index, command.failed)

    def over(self, number: int, now: float) -> None:
        """Notes that a map does not run any more."""
        self._standing.over(number)
        self.history.over(number, now)

    def progress(self, devices: int, now: float) -> Progress:
        """Returns what volunteers are told."""
        return self._standing.progress(devices, now)

    def stats(
        self, roster: Roster, scheduler: Scheduler, name: Callable[[int], str], now: float
    ) -> Stats:
        """Returns what is known at this moment; the work does not depend on the items.

        Args:
            roster: Who is connected.
            scheduler: Knows what they do.
            name: Returns the name of what is mapped, by the map's number.
            now: The time.
        """
        return Stats(
            title=self._title,
            running=now - self._began,
            capacity=roster.capacity,
            done=self._standing.done,
            rate=self._throughput.rate(now),
            remaining=self.progress(len(roster), now).remaining,
            retries=scheduler.relent,
            bytes_sent=self.bytes_sent,
            bytes_received=self.bytes_received,
            maps=self._standing.maps(name),
            workers=tuple(
                each.stats(scheduler.tally_of(each.number), scheduler.leases_of(each.number), now)
                for each in roster
            ),
            errors=self._errors.stats(),
        )
