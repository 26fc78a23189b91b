"""What the scheduler is told (events) and what it wants done (commands).

Identifiers are plain integers: of a worker, a map, a lease.  A chunk is named by the index of its
first item.  Payloads pass through untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class WorkerJoined:
    """A device was admitted; it computes `capacity` chunks at once."""

    worker: int
    capacity: int


@dataclass(frozen=True, slots=True)
class WorkerResized:
    """A device computes more or fewer chunks at once from now on."""

    worker: int
    capacity: int


@dataclass(frozen=True, slots=True)
class WorkerLeft:
    """A device is gone, with all that it had on lease."""

    worker: int


@dataclass(frozen=True, slots=True)
class MapStarted:
    """The owner called `map`.

    Attributes:
        total: The number of items, if known.
        chunk_size: Items per chunk; None to let it be learnt.
        timeout: Seconds without any result after which a lease expires.
    """

    map: int
    total: int | None
    chunk_size: int | None
    timeout: float


@dataclass(frozen=True, slots=True)
class ChunkArrived:
    """The owner's answer to `Demand`: the items from `start` on, ready to be sent."""

    map: int
    start: int
    count: int
    payload: object


@dataclass(frozen=True, slots=True)
class InputEnded:
    """The owner's other answer to `Demand`: there are no more items."""

    map: int


@dataclass(frozen=True, slots=True)
class MapCancelled:
    """The owner lost interest."""

    map: int


@dataclass(frozen=True, slots=True)
class ResultArrived:
    """A worker answered `values` for the items from `offset` of its chunk on.

    Attributes:
        failure: What the item after the values raised; then the result is final.
    """

    worker: int
    lease: int
    offset: int
    values: Sequence[object]
    failure: Exception | None
    final: bool


@dataclass(frozen=True, slots=True)
class LeaseFailed:
    """A worker could not answer: its interpreter died, or could not get what it needs."""

    worker: int
    lease: int
    reason: str


@dataclass(frozen=True, slots=True)
class ResultRejected:
    """A worker's answer made no sense, which says nothing against the chunk."""

    worker: int
    lease: int
    reason: str


@dataclass(frozen=True, slots=True)
class LeaseCancelled:
    """A worker has stopped computing what `Cancel` named; its place is free again."""

    worker: int
    lease: int


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing happened, but it is late enough for a lease to expire."""


Event: TypeAlias = (
    WorkerJoined
    | WorkerResized
    | WorkerLeft
    | MapStarted
    | ChunkArrived
    | InputEnded
    | MapCancelled
    | ResultArrived
    | LeaseFailed
    | ResultRejected
    | LeaseCancelled
    | TimePassed
)


@dataclass(frozen=True, slots=True)
class Demand:
    """Ask the owner for the next `count` items of a map."""

    map: int
    count: int


@dataclass(frozen=True, slots=True)
class Introduce:
    """Send a map's function to a worker."""

    worker: int
    map: int


@dataclass(frozen=True, slots=True)
class Lend:
    """Send a chunk to a worker; the first `skip` of its items are done already."""

    worker: int
    lease: int
    map: int
    count: int
    skip: int
    payload: object


@dataclass(frozen=True, slots=True)
class Cancel:
    """Tell a worker to stop computing a lease; its place stays taken until it has."""

    worker: int
    lease: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Tell a worker that a map is over."""

    worker: int
    map: int


@dataclass(frozen=True, slots=True)
class Blame:
    """Count an answer that made no sense against its worker."""

    worker: int
    reason: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """Give the owner the results of the items from `start` on; each item is delivered once."""

    map: int
    start: int
    values: Sequence[object]


@dataclass(frozen=True, slots=True)
class Release:
    """A chunk is done; what it held may go."""

    map: int
    payload: object


@dataclass(frozen=True, slots=True)
class Finish:
    """All results of a map were delivered."""

    map: int


@dataclass(frozen=True, slots=True)
class Fail:
    """A map ends with an error.

    Attributes:
        index: The item that is to blame.
        error: What it raised.
    """

    map: int
    index: int
    error: Exception


Command: TypeAlias = (
    Demand | Introduce | Lend | Cancel | Forget | Blame | Deliver | Release | Finish | Fail
)
