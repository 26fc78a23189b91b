"""What is computed: the workloads W1 to W6b of docs/performance.md, with the right answers.

The data of each round are others, from a fixed seed, so that nothing that a system keeps from the
round before spares it work.  What all items share stands apart from the function, for some systems
have a way of their own to send it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log
from typing import Any

import numpy as np

CHUNKS_PER_WORKER = 4
"""Of equal chunks, when they are tuned by hand: enough to even out, few enough to cost little."""

W6_SECONDS = 20.0
LOOPS = 200
"""Between two looks at the clock: some ten microseconds."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A map: `function(*shared, item)` for each item.

    Args:
        name: Of the table in docs/performance.md.
        function: One of this module, so that every system can find it by its name.
        shared: What it needs besides an item.
        items: One argument each.
        expected: The right results, computed in another way; all differ.
        ideal: Seconds that one worker needs at least; None where nobody knows.
        chunk_size: What Nitocris is told to take; None lets it choose.
    """

    name: str
    function: Callable[..., Any]
    shared: tuple[Any, ...]
    items: list[Any]
    expected: list[Any]
    ideal: float | None = None
    chunk_size: int | None = None

    def tuned_chunk_size(self, workers: int) -> int:
        """Returns the items of each of a few equal chunks per worker."""
        return ceil(len(self.items) / (CHUNKS_PER_WORKER * workers))


WHAT = {
    "W1": "10,000 x `x * x`",
    "W2": "1,000 vectors times one 1000 x 1000 matrix",
    "W2b": "10,000 vectors times one 1000 x 1000 matrix",
    "W3": "200 arrays of 1 MB, `a + 1` comes back",
    "W4": "nth prime by a sieve, 100 items of 20-40 ms",
    "W5": "from `import` to the result of a one-item map, cold",
    "W6": "200 items, lognormal durations, 20 s in all",
    "W6b": "the same, the longest last",
    "waits": "30 items that wait 20 ms, instead of W4 for more workers than cores",
}


def make(name: str, seed: int, share: float = 1.0) -> Workload:
    """Returns a workload with the data of a round.

    Args:
        name: One of `WHAT`.
        seed: Of the random numbers; the durations of W6 do not depend on it.
        share: The part of the items to keep, for warming up and for short runs.

    Raises:
        ValueError: There is no such workload.
    """
    known([name])
    random = np.random.default_rng(seed)

    def some(count: int) -> int:
        return max(1, round(count * share))

    match name:
        case "W1":
            numbers = [seed * 10_000 + each for each in range(some(10_000))]
            return Workload(name, square, (), numbers, [each**2 for each in numbers])
        case "W2" | "W2b":
            matrix = random.random((1000, 1000))
            vectors = random.random((some(1_000 if name == "W2" else 10_000), 1000))
            products = (matrix @ vectors.T).T
            return Workload(name, multiply, (matrix,), list(vectors), list(products))
        case "W3":
            arrays = random.random((some(200), 125_000))
            return Workload(name, add_one, (), list(arrays), list(1 + arrays))
        case "W4":
            ranks = [60_000 + 100 * each + seed % 100 for each in range(some(100))]
            primes = np.flatnonzero(sieve(prime_limit(ranks[-1])))
            return Workload(name, nth_prime, (), ranks, [int(primes[rank - 1]) for rank in ranks])
        case "W5":
            return Workload(name, square, (), [seed], [seed**2])
        case "waits":
            seconds = [0.02 + (each + seed % 10 * 1000) * 1e-7 for each in range(some(30))]
            return Workload(name, wait, (), seconds, seconds, ideal=sum(seconds))
        case _:
            durations = lognormal_seconds(some(200), W6_SECONDS * some(200) / 200)
            if name == "W6b":
                durations.sort()
            return Workload(name, busy, (), durations, durations, ideal=sum(durations))


def known(names: list[str]) -> list[str]:
    """Returns these names.

    Raises:
        ValueError: One of them is no workload's.
    """
    for name in names:
        if name not in WHAT:
            raise ValueError(f"there is no workload {name!r}; use one of {', '.join(WHAT)}")
    return names


def square(number: int) -> int:
    """Does so little that only the way there and back is measured."""
    return number * number


def multiply(matrix: Any, vector: Any) -> Any:
    """Needs 8 MB besides its item."""
    return matrix @ vector


def add_one(array: Any) -> Any:
    """Takes and gives a megabyte."""
    return array + 1


def nth_prime(n: int) -> int:
    """Keeps one processor busy for some ten milliseconds, by the Sieve of Eratosthenes."""
    found = (number for number, prime in enumerate(sieve(prime_limit(n))) if prime)
    return next(prime for count, prime in enumerate(found, start=1) if count == n)


def prime_limit(n: int) -> int:
    """Returns a number above the nth prime (Rosser's bound)."""
    return max(15, ceil(n * (log(n) + log(log(n)))))


def sieve(limit: int) -> bytearray:
    """Returns 1 for every prime below the limit, by the Sieve of Eratosthenes."""
    is_prime = bytearray([1]) * limit
    is_prime[:2] = 0, 0
    for number in range(2, int(limit**0.5) + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return is_prime


def busy(seconds: float) -> float:
    """Computes for so many seconds of this thread's own time, however fast the processor is."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for _ in range(LOOPS):
            pass
    return seconds


def wait(seconds: float) -> float:
    """Takes as long, without a processor."""
    time.sleep(seconds)
    return seconds


def lognormal_seconds(count: int, total: float) -> list[float]:
    """Returns durations with a heavy tail, which are together `total`; always the same."""
    drawn = np.random.default_rng(6).lognormal(sigma=1.0, size=count)
    return [float(each) for each in drawn * total / drawn.sum()]
