r"""What a worker or a map came to, counted as it happens: for the owner to read, not for decisions.

    Books, Outcomes --lent, started, answered--> WorkerTally (one worker, all its maps)
                                             \-> Ledger (one map, all its workers)

Times are seconds of the scheduler's clock.  What workers say of theirs is believed only as far as
that clock allows.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from .throughput import Throughput

SLOWEST = 5
"""Items that a map remembers as its slowest."""


@dataclass(slots=True)
class WorkerTally:
    """What one worker did since it joined.

    Attributes:
        throughput: Of its items.
        items: Those that it answered.
        failures: Chunks that it crashed on, answered with nonsense, or let expire.
        chunk_size: Items of the last chunk that it was lent, None before the first.
    """

    throughput: Throughput
    items: int = 0
    failures: int = 0
    chunk_size: int | None = None

    def answered(self, items: int, now: float) -> None:
        """Notes items that it answered."""
        self.items += items
        self.throughput.add(items, now)


@dataclass(slots=True)
class Share:
    """What one worker did of one map.

    Attributes:
        name: The worker's.
        items: Those that it answered.
        chunks: How many it was lent.
        smallest: Items of the smallest of these.
        largest: Items of the largest of these.
    """

    name: str
    items: int = 0
    chunks: int = 0
    smallest: int = 0
    largest: int = 0


@dataclass(slots=True)
class Ledger:
    """What one map took.

    Attributes:
        shares: What each worker did, by its number; also those that have left.
        computing: Seconds that workers were in the function, all together.
        transfer: Seconds that workers had a chunk of it and were not in the function.
        relent: Chunks that were lent again because a worker was lost, crashed or too slow.
        last_start: When the last chunk was started that nobody else had; None before the first.
    """

    shares: dict[int, Share] = field(default_factory=dict)
    computing: float = 0.0
    transfer: float = 0.0
    relent: int = 0
    last_start: float | None = None
    _slowest: list[tuple[float, int]] = field(default_factory=list)

    def lent(self, worker: int, name: str, items: int) -> None:
        """Notes a chunk that a worker gets."""
        share = self.shares.setdefault(worker, Share(name))
        share.chunks += 1
        share.smallest = min(share.smallest or items, items)
        share.largest = max(share.largest, items)

    def answered(self, worker: int, items: int, seconds: float, elapsed: float) -> None:
        """Notes a result.

        Args:
            worker: Whose it is.
            items: How many items it answers.
            seconds: How long the worker says that the function took.
            elapsed: Since the chunk was started, or since its last result.
        """
        computing = min(seconds, elapsed)
        self.shares[worker].items += items
        self.computing += computing
        self.transfer += elapsed - computing

    def took(self, slowest: Sequence[tuple[int, float]], longest: float) -> None:
        """Notes the slowest items of a result, by their index; none took longer than `longest`."""
        for index, seconds in slowest:
            entry = (min(seconds, longest), index)
            if len(self._slowest) < SLOWEST:
                heapq.heappush(self._slowest, entry)
            elif entry > self._slowest[0]:
                heapq.heapreplace(self._slowest, entry)

    def slowest(self) -> list[tuple[int, float]]:
        """Returns index and seconds of the slowest items, the slowest first."""
        return [(index, seconds) for seconds, index in sorted(self._slowest, reverse=True)]
