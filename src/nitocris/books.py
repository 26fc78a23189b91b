"""The scheduler's books: which chunks, maps, workers and leases there are.

    Map --queue, chunks--> Chunk <--chunk-- Lease --worker--> Worker

Times are seconds of the clock that the scheduler is told.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from .chunking import Pace


class ChunkState(Enum):
    """Where a chunk is."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"


_TRANSITIONS = {
    (ChunkState.QUEUED, ChunkState.LEASED),
    (ChunkState.LEASED, ChunkState.QUEUED),
    (ChunkState.LEASED, ChunkState.DONE),
}


class InvalidTransition(AssertionError):
    """A bug in the scheduler: a chunk cannot go from one state to the other."""


@dataclass(slots=True, eq=False)
class Chunk:
    """Some items of one map, and how far they are."""

    map: Map
    start: int
    count: int
    payload: object
    state: ChunkState = ChunkState.QUEUED
    done: int = 0
    failures: int = 0
    lease: int | None = None

    def become(self, state: ChunkState) -> None:
        """Changes the state, if the table of transitions has that change."""
        if (self.state, state) not in _TRANSITIONS:
            where = f"chunk {self.start} of map {self.map.id}"
            raise InvalidTransition(f"{where} is {self.state.value}, cannot become {state.value}")
        self.state = state


@dataclass(slots=True, eq=False)
class Map:
    """One call of `map`, as far as it has not been delivered."""

    id: int
    total: int | None
    chunk_size: int | None
    timeout: float
    arrived: int = 0
    demanded: bool = False
    """Whether the owner has been asked for a chunk and has not answered."""
    ended: bool = False
    delivered: int = 0
    queue: deque[Chunk] = field(default_factory=deque)
    chunks: dict[int, Chunk] = field(default_factory=dict)
    """Those queued or leased, by the index of their first item."""
    workers: dict[int, Pace] = field(default_factory=dict)
    """Those that know the function."""


@dataclass(slots=True, eq=False)
class Worker:
    """One connection with its places."""

    id: int
    capacity: int
    leases: set[int] = field(default_factory=set)
    cancelling: set[int] = field(default_factory=set)
    """Leases that it was told to stop and may still be busy with: each takes a place."""
    maps: set[int] = field(default_factory=set)

    @property
    def has_room(self) -> bool:
        """Whether a place is free."""
        return len(self.leases) + len(self.cancelling) < self.capacity


@dataclass(slots=True, eq=False)
class Lease:
    """A chunk that is lent to a worker until a deadline; results renew it."""

    id: int
    worker: Worker
    chunk: Chunk
    since: float
    deadline: float
    skip: int
    """How many of the chunk's items were done when it was lent."""
