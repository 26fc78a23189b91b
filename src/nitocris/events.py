"""What the scheduler is told (events) and what it wants done (commands).

Identifiers are plain integers: of a worker, a map, a lease.  A chunk is named by the index of its
first item.  Payloads pass through untouched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class WorkerJoined:
    """A device was admitted; it computes `capacity` chunks at once.

    Attributes:
        name: What people know it by.
        network: Where it is connected from, as far as several devices may be one person's.
    """

    worker: int
    capacity: int
    name: str = ""
    network: str = ""


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
        item_timeout: Seconds that one item may take; None for no limit but the lease's.
        keep_going: Whether an item that fails is delivered like any other; else it ends the map.
        retries: How often an item is computed again that failed in a transient way.
        verified: Whether answers are only believed when `Settled` says so; then they are commanded
            as `Answered` and not as `Deliver`.
        function: What maps of one function have in common; None for a function of its own.
    """

    map: int
    total: int | None
    chunk_size: int | None
    timeout: float
    item_timeout: float | None = None
    keep_going: bool = False
    retries: int = 0
    verified: bool = False
    function: str | None = None


@dataclass(frozen=True, slots=True)
class MapVerified:
    """From now on, the answers of a map that runs are judged; the earlier ones stand."""

    map: int


@dataclass(frozen=True, slots=True)
class ChunkArrived:
    """The owner's answer to `Demand`: the items from `start` on, ready to be sent."""

    map: int
    start: int
    count: int
    payload: object


@dataclass(frozen=True, slots=True)
class KnownArrived:
    """Items of a verified map whose results are known, to be lent as a chunk like any other.

    Attributes:
        start: The index of the first one; all of them are below 0, and none is used twice.
        spared: The devices that need not compute them.
    """

    map: int
    start: int
    count: int
    payload: object
    spared: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ItemsReused:
    """So many items will not arrive: their results are known."""

    map: int
    count: int


@dataclass(frozen=True, slots=True)
class InputEnded:
    """The owner's other answer to `Demand`: there are no more items."""

    map: int


@dataclass(frozen=True, slots=True)
class MapCancelled:
    """The owner lost interest."""

    map: int


@dataclass(frozen=True, slots=True)
class ItemCancelled:
    """The owner lost interest in an item that arrived as a chunk of its own."""

    map: int
    index: int


@dataclass(frozen=True, slots=True)
class Doubted:
    """Items of a verified map, which are answered, shall be computed by another device as well.

    Attributes:
        parcel: The first item of the payload that they came in.
        start: The first of them.
        stop: The first one after them.
        copy: A number for their answers, above 0 and not used before in this map.
        voters: The devices that answered them already, which never get them again.
        networks: Where these are, which is avoided while others are there.
    """

    map: int
    parcel: int
    start: int
    stop: int
    copy: int
    voters: frozenset[int]
    networks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settled:
    """It is known what to believe of so many items of a payload; they are not doubted again."""

    map: int
    parcel: int
    count: int


@dataclass(frozen=True, slots=True)
class Failure:
    """What one item raised; `transient` if the owner asked to have it tried again."""

    error: Exception
    transient: bool = False


@dataclass(frozen=True, slots=True)
class ResultArrived:
    """A worker answered for `len(values)` items from `offset` of its payload on.

    Attributes:
        failures: The items that raised, by their position in `values`, whose place there is void.
        final: Whether nothing more comes for this lease: all is answered, or the last item raised.
        seconds: How long the worker says that the function took for all of them.
        slowest: Position and seconds of those that took longest.
    """

    worker: int
    lease: int
    offset: int
    values: Sequence[object]
    final: bool
    failures: Mapping[int, Failure] = field(default_factory=dict)
    seconds: float = 0.0
    slowest: Sequence[tuple[int, float]] = ()


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
class LeaseReturned:
    """A worker does not go on with a lease, which says nothing against it or the chunk."""

    worker: int
    lease: int


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing happened, but it is late enough for a lease to expire."""


@dataclass(frozen=True, slots=True)
class Woken:
    """Nobody could be heard for a while, since the owner's machine slept; time stood still."""


Event: TypeAlias = (
    WorkerJoined
    | WorkerResized
    | WorkerLeft
    | MapStarted
    | MapVerified
    | ChunkArrived
    | KnownArrived
    | ItemsReused
    | InputEnded
    | MapCancelled
    | ItemCancelled
    | Doubted
    | Settled
    | ResultArrived
    | LeaseFailed
    | ResultRejected
    | LeaseCancelled
    | LeaseReturned
    | TimePassed
    | Woken
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
    """Send a chunk to a worker.

    Attributes:
        skip: The first item of the payload that is to be computed.
        stop: The first one after it that is not.
        piecewise: Whether to answer each item by itself, so that a crash shows whose it is.
    """

    worker: int
    lease: int
    map: int
    skip: int
    stop: int
    payload: object
    piecewise: bool = False


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
class Rest:
    """Note that a worker gets nothing for some seconds because it fails so much."""

    worker: int
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Send a worker away because it failed again after its rests."""

    worker: int
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """How an item failed for good.

    Attributes:
        error: What it raised, or a WorkerLostError.
        worker: The name of the worker that had it last.
        attempts: How often it was tried.
        payload: What it was sent in, if it raised.
        place: Its position in that.
    """

    error: Exception
    worker: str
    attempts: int
    payload: object = None
    place: int = 0


@dataclass(frozen=True, slots=True)
class Deliver:
    """Give the owner the results of the items from `start` on; each item is delivered once.

    Attributes:
        failures: The items that failed, by their index; their place in `values` is void.
    """

    map: int
    start: int
    values: Sequence[object]
    failures: Mapping[int, Failed] = field(default_factory=dict)
    counted: bool = False
    """Whether `Held` told of them before."""


@dataclass(frozen=True, slots=True)
class Held:
    """So many items are believed, and delivered when the map is over, unless doubts arise."""

    map: int
    count: int
    failed: int


@dataclass(frozen=True, slots=True)
class Answered:
    """Judge what a worker answered for the items from `start` on.

    Attributes:
        worker: The worker; None if several were lost and the item is given up.
        copy: 0 for the first answer, else the number of `Doubted`, or not 0 for `KnownArrived`.
        parcel: The first item of the payload that they came in.
        payload: That payload.
        failures: As of `Deliver`.
    """

    map: int
    worker: int | None
    copy: int
    parcel: int
    payload: object
    start: int
    values: Sequence[object]
    failures: Mapping[int, Failed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AllAnswered:
    """Every item of a verified map has its first answer."""

    map: int


@dataclass(frozen=True, slots=True)
class Release:
    """All that arrived with this payload is done; what it held may go."""

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
    """

    map: int
    index: int
    failed: Failed


Command: TypeAlias = (
    Demand
    | Introduce
    | Lend
    | Cancel
    | Forget
    | Blame
    | Rest
    | Dismiss
    | Deliver
    | Held
    | Answered
    | AllAnswered
    | Release
    | Finish
    | Fail
)
