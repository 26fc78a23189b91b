"""The devices that are connected, and what each of them says of itself.

Times are seconds of the clock that it is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from . import codec, protocol
from .bulletin import Reader
from .ledger import WorkerTally
from .stats import WorkerStats


class Device(Reader, Protocol):
    """One connection, as far as the coordinator knows it."""

    def send(self, message: protocol.FromCoordinator, payload: bytes = b"") -> None:
        """Queues a frame."""

    def close(self, code: int, reason: str) -> None:
        """Ends the connection after what is queued."""


@dataclass(slots=True)
class Worker:
    """A device that was admitted."""

    number: int
    device: Device
    is_browser: bool
    name: str | None
    address: str | None
    joined: float
    heard: float
    announced: int = 0
    environment: str | None = None
    """The one that a browser's announced capacity is for."""
    capacity: int = 0
    bad_results: int = 0
    round_trip: float | None = None

    @property
    def kind(self) -> str:
        """`"browser"` or `"native"`."""
        return "browser" if self.is_browser else "native"

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.kind} worker {self.number}"

    def stats(self, tally: WorkerTally, leases: int, now: float) -> WorkerStats:
        """Returns what is known of it.

        Args:
            tally: What it did.
            leases: How many chunks it has.
            now: The time.
        """
        return WorkerStats(
            number=self.number,
            kind=self.kind,
            name=self.name,
            address=self.address,
            capacity=self.capacity,
            leases=leases,
            items=tally.items,
            rate=tally.throughput.rate(now),
            failures=tally.failures,
            chunk_size=tally.chunk_size,
            round_trip=self.round_trip,
            connected=now - self.joined,
            silent=now - self.heard,
        )


class Roster:
    """All connected devices, by their numbers.

    Attributes:
        capacity: How many chunks all of them together compute at once.
        native: The same of native workers.
        browsers: How many browsers compute.
    """

    def __init__(self) -> None:
        self._workers: dict[int, Worker] = {}
        self._next = 1
        self.capacity = 0
        self.native = 0
        self.browsers = 0

    def __len__(self) -> int:
        return len(self._workers)

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers.values())

    def __getitem__(self, number: int) -> Worker:
        return self._workers[number]

    def get(self, number: int) -> Worker | None:
        """Returns a device, or None if it has left."""
        return self._workers.get(number)

    def join(
        self,
        device: Device,
        *,
        is_browser: bool,
        name: str | None,
        address: str | None,
        now: float,
    ) -> Worker:
        """Enters a device under a new number; its name is a stranger's text."""
        said = " ".join(codec.clean(name).split()) if name else None
        worker = Worker(self._next, device, is_browser, said or None, address, now, now)
        self._next += 1
        self._workers[worker.number] = worker
        return worker

    def resize(self, worker: Worker, capacity: int) -> None:
        """Notes how many chunks a device computes at once."""
        self.capacity += capacity - worker.capacity
        if worker.is_browser:
            self.browsers += bool(capacity) - bool(worker.capacity)
        else:
            self.native += capacity - worker.capacity
        worker.capacity = capacity

    def leave(self, number: int) -> bool:
        """Strikes a device out; returns whether it was there."""
        worker = self._workers.pop(number, None)
        if worker:
            self.resize(worker, 0)
        return worker is not None

    def readers(self) -> list[Device]:
        """Returns the devices whose volunteers see the progress."""
        return [worker.device for worker in self if worker.is_browser]

    def present(self) -> set[int]:
        """Returns the devices that compute."""
        return {worker.number for worker in self if worker.capacity}
