"""What the scheduler's books are made of: chunks, maps, workers and leases.

    Map --queue, chunks--> Chunk --leases--> Lease --worker--> Worker
                             |                                   |
                           Parcel (the payload)          running | waiting

Times are seconds of the clock that the scheduler is told; items are named by their index in the
map.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from .chunking import Durations, Pace
from .health import Record
from .ledger import Ledger, WorkerTally
from .throughput import Throughput

PREFETCH_SECONDS = 0.5
"""Work that waits at each place of a worker, so that a round trip of 200 ms costs nothing."""
MAX_WAITING = 4
"""Chunks that wait at each place at most, however short they are: they grow with each answer."""
MAX_WAITING_FIXED = 64
"""The same where the owner fixed their size, and they stay short."""
MAX_REMEMBERED = 16
"""Functions whose pace is remembered of each worker."""
ITEM_ALLOWANCE = 30.0
"""Seconds more than `item_timeout` until a lease expires: blobs may have to be fetched first, and
native workers end an item that takes too long by themselves."""


class ChunkState(Enum):
    """Where a chunk is."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"


_TRANSITIONS = {
    (ChunkState.QUEUED, ChunkState.LEASED),
    (ChunkState.LEASED, ChunkState.QUEUED),
    (ChunkState.LEASED, ChunkState.DONE),
    (ChunkState.QUEUED, ChunkState.DONE),  # the owner lost interest, or gave the item up
}


class InvalidTransition(AssertionError):
    """A bug in the scheduler: a chunk cannot go from one state to the other."""


@dataclass(slots=True, eq=False)
class Parcel:
    """Items as the owner encoded them, shared by the chunks that were cut from them."""

    payload: object
    start: int
    chunks: int = 1
    unsettled: int = 0
    """Items of a verified map that are answered and may yet be doubted."""

    @property
    def is_known(self) -> bool:
        """Whether the owner has the results already, and these are no items of the map."""
        return self.start < 0


@dataclass(slots=True, eq=False)
class Chunk:
    """Some neighbouring items of one map, from `next`, the first without an answer, to `stop`."""

    map: Map
    parcel: Parcel
    next: int
    stop: int
    state: ChunkState = ChunkState.QUEUED
    leases: list[Lease] = field(default_factory=list)
    attempt: int = 1
    """Which one it is, for an item that is tried again because the owner wants so."""
    piecewise: bool = False
    """Whether it failed before, so that the next worker shall answer each item by itself."""
    failures: int = 0
    """How often the item `next` took its worker down."""
    departures: int = 0
    """How many workers left while they had the item `next`."""
    failed_by: set[int] = field(default_factory=set)
    """The workers that failed it; others are preferred."""
    copy: int = 0
    """0 for the items' first answer, else which of their doubts this is for."""
    voters: frozenset[int] = frozenset()
    """The workers that have answered its items already and never get them again."""
    networks: frozenset[str] = frozenset()
    """Where these are; others are preferred."""

    @property
    def key(self) -> int | tuple[int, int]:
        """What no two chunks of a map share."""
        return (self.copy, self.stop) if self.copy else self.stop

    @property
    def remaining(self) -> int:
        """How many of its items have no answer."""
        return self.stop - self.next

    def become(self, state: ChunkState) -> None:
        """Changes the state, if the table of transitions has that change."""
        if (self.state, state) not in _TRANSITIONS:
            where = f"chunk {self.next} of map {self.map.id}"
            raise InvalidTransition(f"{where} is {self.state.value}, cannot become {state.value}")
        self.state = state

    def answered_up_to(self, index: int) -> None:
        """Notes that the items before this one have their answers."""
        self.next = index
        self.failures = self.departures = 0


@dataclass(slots=True, eq=False)
class Map:
    """One call of `map`, as far as it has not been delivered."""

    id: int
    total: int | None
    chunk_size: int | None
    timeout: float
    item_timeout: float | None = None
    keep_going: bool = False
    retries: int = 0
    arrived: int = 0
    demanded: float | None = None
    """Since when the owner has been asked for a chunk and has not answered."""
    ended: bool = False
    answered: int = 0
    queue: deque[Chunk] = field(default_factory=deque)
    suspects: deque[Chunk] = field(default_factory=deque)
    """Queued as well; these are for other workers than those that failed them."""
    copies: deque[Chunk] = field(default_factory=deque)
    """Queued as well; these are for other workers than those that answered them."""
    chunks: dict[int | tuple[int, int], Chunk] = field(default_factory=dict)
    """Those queued or leased, by their `key`."""
    paces: dict[int, Pace] = field(default_factory=dict)
    """Of the workers that know the function."""
    durations: Durations = field(default_factory=Durations)
    served: float = 0.0
    """Seconds of workers that it has had."""
    in_turn: bool = False
    """Whether it is in `Books.turns`."""
    ledger: Ledger = field(default_factory=Ledger)
    verified: bool = False
    parcels: dict[int, Parcel] = field(default_factory=dict)
    """Of a verified map, by their first item, as long as items of them are not settled."""
    unsettled: int = 0
    """Items that are answered and may yet be doubted."""
    told: bool = False
    """Whether it was told that all items are answered."""
    function: str | None = None
    """What maps of one function have in common."""

    @property
    def limit(self) -> float:
        """Seconds without any result after which its leases expire."""
        if self.item_timeout is None:
            return self.timeout
        return min(self.timeout, self.item_timeout + ITEM_ALLOWANCE)


@dataclass(slots=True, eq=False)
class Worker:
    """One connection with its places."""

    id: int
    name: str = ""
    network: str = ""
    capacity: int = 0
    running: dict[int, Lease] = field(default_factory=dict)
    waiting: dict[int, Lease] = field(default_factory=dict)
    """Leases that it will start when a place is free, in this order."""
    backlog: float = 0.0
    """The room that the waiting ones take together."""
    cancelling: set[int] = field(default_factory=set)
    """Leases that it was told to stop and may still be busy with: each takes a place."""
    maps: set[int] = field(default_factory=set)
    remembered: dict[str, float] = field(default_factory=dict)
    """Seconds per item of functions that it has computed, the latest last."""
    record: Record = field(default_factory=Record)
    tally: WorkerTally = field(default_factory=lambda: WorkerTally(Throughput(0.0)))
    resting: bool = False
    copies: int = 0
    """Chunks that it was lent to confirm others."""

    @property
    def is_active(self) -> bool:
        """Whether it may be lent anything: it has places, and is not busy stopping in all."""
        return len(self.cancelling) < self.capacity and not self.resting

    @property
    def has_place(self) -> bool:
        """Whether it would start a chunk at once."""
        return self.is_active and len(self.running) + len(self.cancelling) < self.capacity

    def remember(self, function: str, seconds_per_item: float) -> None:
        """Notes how fast it was in a map that is over."""
        self.remembered.pop(function, None)
        self.remembered[function] = seconds_per_item
        if len(self.remembered) > MAX_REMEMBERED:
            del self.remembered[next(iter(self.remembered))]

    def pace_of(self, current: Map) -> Pace:
        """Returns how fast it computes the items of a map, as far as that is known."""
        known = current.paces.get(self.id)
        return known or Pace(seconds_per_item=self.remembered.get(current.function or "", 0.0))

    @property
    def wants_more(self) -> bool:
        """Whether it should have more chunks in advance."""
        return self.is_active and self.backlog < PREFETCH_SECONDS * self.capacity


@dataclass(slots=True, eq=False)
class Lease:
    """A chunk that is lent to a worker until a deadline; results renew it."""

    id: int
    worker: Worker
    chunk: Chunk
    begin: int
    next: int
    """The item that its worker answers next."""
    lent: float
    cost: float | None
    """Seconds that it will probably take, None if nothing is known."""
    piecewise: bool = False
    started: float | None = None
    renewed: float = 0.0
    """When it started or, since then, when its last result came."""

    @property
    def weight(self) -> float:
        """Seconds that it is taken to need."""
        return PREFETCH_SECONDS if self.cost is None else self.cost

    @property
    def room(self) -> float:
        """What it takes of the `PREFETCH_SECONDS` at its place while it waits."""
        most = MAX_WAITING if self.chunk.map.chunk_size is None else MAX_WAITING_FIXED
        return max(self.weight, PREFETCH_SECONDS / most)
