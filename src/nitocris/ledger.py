"""What a worker or a map came to, counted as it happens: for the owner to read, not for decisions.

Books, Outcomes --lent, answered, failed--> WorkerTally (one worker, all maps)
                                       \\--> Ledger (one map, all workers)
"""

from __future__ import annotations

from dataclasses import dataclass

from .throughput import Throughput


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
