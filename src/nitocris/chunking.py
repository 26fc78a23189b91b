"""How many items the next chunk has, and how long it will take.

A fixed `chunk_size` is obeyed.  Otherwise each worker's chunks aim at `TARGET_SECONDS` of its own
time, transfer included: they start at one item, or with what the worker is remembered for, grow
with each answer, shrink at once, and take at most a part of what remains, so that all workers end
together.  Where little remains, an even share of it is one chunk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, floor, inf, log2

TARGET_SECONDS = 0.5
"""Long against a round trip, short against a person's patience (joblib aims at 0.2 to 2 s)."""
SHORT_SECONDS = 0.01
"""A person does not notice that a map ends so much later, so chunks need not be shorter."""
LENDING_SECONDS = 0.002
"""What takes no longer costs more to share than to compute."""
SOON_SECONDS = 0.1
"""A first answer that comes sooner may have taken most of that to get the function."""
MAX_ITEMS = 10_000

_STEPS = 4
"""Buckets of durations in each factor of two: a quantile is then known to within 19 %."""
_SHORTEST = -20 * _STEPS
_BUCKETS = 45 * _STEPS
"""From a microsecond to a year."""


@dataclass(slots=True)
class Pace:
    """How fast one worker computes the items of one map."""

    items: int = 0
    """Size of its last chunk, 0 before the first answer."""
    seconds_per_item: float = 0.0
    """As it is expected; before the first answer what an earlier map of the function showed, or 0.
    """
    all_items: int = 0
    all_seconds: float = 0.0

    @property
    def mean(self) -> float:
        """Seconds per item so far: who is faster, where items differ; infinite if unknown."""
        return self.all_seconds / self.all_items if self.all_items else inf

    def learn(self, items: int, seconds: float) -> None:
        """Notes that `items` took `seconds` from when the worker was free for them.

        Slower is believed at once, faster by and by; but the first answer had to wait for the
        function as well, and gives way to the second if it came soon all the same.
        """
        measured = seconds / items
        is_second = 0 < self.items == self.all_items
        is_new = is_second and self.all_seconds < SOON_SECONDS
        known = measured if is_new else self.seconds_per_item or measured
        self.items = items
        self.all_items += items
        self.all_seconds += seconds
        self.seconds_per_item = max(measured, (known + measured) / 2)


@dataclass(slots=True)
class Durations:
    """In what time three quarters of the chunks of a map were done, per item.

    A histogram with logarithmic buckets and a pointer to the one with the quantile, which each new
    value moves by a few buckets at most.
    """

    count: int = 0
    _buckets: list[int] = field(default_factory=lambda: [0] * _BUCKETS)
    _at: int = 0
    _up_to: int = 0
    """How many values lie in the buckets up to the pointer's."""

    def add(self, seconds_per_item: float) -> None:
        """Notes one duration."""
        scaled = floor(log2(max(seconds_per_item, 1e-9)) * _STEPS) - _SHORTEST
        bucket = min(max(scaled, 0), _BUCKETS - 1)
        self._buckets[bucket] += 1
        self.count += 1
        self._up_to += bucket <= self._at
        while self._up_to < 0.75 * self.count:
            self._at += 1
            self._up_to += self._buckets[self._at]
        while self._up_to - self._buckets[self._at] >= 0.75 * self.count:
            self._up_to -= self._buckets[self._at]
            self._at -= 1

    @property
    def three_quarters(self) -> float | None:
        """The seconds per item that three quarters did not exceed; None before the first."""
        if self.count == 0:
            return None
        edge: float = 2.0 ** ((self._at + 1 + _SHORTEST) / _STEPS)
        return edge


def next_count(pace: Pace | None, remaining: int | None, capacity: int) -> int:
    """Returns the number of items for a worker's next chunk, at least 1.

    Args:
        pace: What is known of the worker, or None.
        remaining: Items of the map that nobody has yet, None if unknown.
        capacity: Chunks that all workers together compute at once.
    """
    if pace is None:
        return 1
    capacity = max(capacity, 1)
    short = _items_within(SHORT_SECONDS, pace)
    if pace.items:
        growth = 8 if pace.items < short else 2
        count = min(growth * pace.items, _items_within(TARGET_SECONDS, pace))
        if remaining is not None:
            part = max(remaining // (2 * capacity), min(short, ceil(remaining / capacity)))
            count = min(count, max(part, min(remaining, _items_within(LENDING_SECONDS, pace))))
    elif pace.seconds_per_item > 0 and remaining is not None:
        count = min(short, remaining // (4 * capacity))  # the items may be others than then
    else:
        count = 1
    return max(1, min(count, MAX_ITEMS))


def _items_within(seconds: float, pace: Pace) -> int:
    if pace.seconds_per_item * MAX_ITEMS <= seconds:
        return MAX_ITEMS
    return int(seconds / pace.seconds_per_item)
