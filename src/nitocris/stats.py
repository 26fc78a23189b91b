"""What an execution knows of its maps and workers at one moment: for owners and for programs.

Times are in seconds, sizes in bytes.  The dashboard reads the same fields as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MapStats:
    """A map that runs.

    Attributes:
        number: Its number in the execution.
        function: The name of what is mapped.
        done: Items that are done, also those that failed.
        failed: Items that failed for good.
        total: All items, None if unknown.
    """

    number: int
    function: str
    done: int
    failed: int
    total: int | None


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """A device that is connected.

    Attributes:
        number: Its number in the execution; warnings name it as well.
        kind: `"browser"` or `"native"`.
        name: What it says that it is, such as `"Firefox 153, Android"`; None if it says nothing.
        address: Where it is connected from, as far as that is known.
        capacity: How many chunks it computes at once.
        leases: Chunks that it has.
        items: Items that it has done.
        rate: Items per second in the last minute.
        failures: Chunks that it crashed on, answered with nonsense, or let expire.
        chunk_size: Items of the last chunk that it was lent, None before the first.
        round_trip: From a ping to its answer, None while unknown.
        connected: Since it joined.
        silent: Since it was last heard.
    """

    number: int
    kind: str
    name: str | None
    address: str | None
    capacity: int
    leases: int
    items: int
    rate: float
    failures: int
    chunk_size: int | None
    round_trip: float | None
    connected: float
    silent: float


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors of items that differ in nothing but where they happened.

    Attributes:
        error: Type and message, such as `"ValueError: negative"`.
        count: How many items raised it.
        map: The map of the first of them.
        index: The index of the first of them in its map.
        worker: The name of the worker that had it.
        traceback: The remote traceback of the first of them, empty if there is none.
    """

    error: str
    count: int
    map: int
    index: int
    worker: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Stats:
    """An execution at one moment.

    Attributes:
        title: What volunteers see.
        running: Since the server started.
        capacity: How many chunks all workers together compute at once.
        done: Items that are done, of all maps since the server started.
        rate: Items per second in the last minute.
        remaining: Until the running maps are done, None if unknown.
        retries: Chunks that were lent again because a worker was lost, crashed or too slow.
        bytes_sent: To all workers, in frames.
        bytes_received: From all workers, in frames.
        maps: Those that run, the oldest first.
        workers: Those that are connected, the oldest first.
        errors: The most frequent first.
    """

    title: str
    running: float
    capacity: int
    done: int
    rate: float
    remaining: float | None
    retries: int
    bytes_sent: int
    bytes_received: int
    maps: tuple[MapStats, ...]
    workers: tuple[WorkerStats, ...]
    errors: tuple[ErrorGroup, ...]
