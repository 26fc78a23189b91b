"""How many items the next chunk has.

A fixed `chunk_size` is obeyed.  Otherwise each worker's chunks aim at `TARGET_SECONDS` of its own
time, transfer included: they start at one item, at most double each time, shrink at once, and never
exceed an even share of what remains, so that all workers end together.
"""

from __future__ import annotations

from dataclasses import dataclass

TARGET_SECONDS = 0.5
"""Long against a round trip, short against a person's patience (joblib aims at 0.2 to 2 s)."""
MAX_ITEMS = 10_000


@dataclass(slots=True)
class Pace:
    """How fast one worker computes the items of one map."""

    items: int = 0
    """Size of its last chunk, 0 before the first answer."""
    seconds_per_item: float = 0.0

    def learn(self, items: int, seconds: float) -> None:
        """Notes that a chunk of `items` took `seconds`, from sending it to its last result."""
        self.items = items
        self.seconds_per_item = seconds / items


def next_count(pace: Pace | None, remaining: int | None, capacity: int) -> int:
    """Returns the number of items for a worker's next chunk, at least 1.

    Args:
        pace: What is known of the worker, or None.
        remaining: Items of the map that nobody has yet, None if unknown.
        capacity: Chunks that all workers together compute at once.
    """
    if pace is None or pace.items == 0:
        return 1
    count = 2 * pace.items
    if pace.seconds_per_item > 0:
        count = min(count, int(TARGET_SECONDS / pace.seconds_per_item))
    if remaining is not None:
        count = min(count, remaining // (2 * max(capacity, 1)))
    return max(1, min(count, MAX_ITEMS))
