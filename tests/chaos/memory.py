"""Measures how much an owner's memory grows, in a process of its own.

    python -m tests.chaos.memory imap 1000000

The last line that it prints is JSON.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nitocris import DistributedExecution

from .remains import wait_for_nothing

WARM_UP = 50_000
LOOK_EVERY = 5_000
SMALL_CHUNK = 150
TIMES = 5


def resident() -> int:
    """Returns the bytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def generated(count: int) -> Iterator[int]:
    """Yields numbers of which none is kept."""
    yield from itertools.islice(itertools.count(), count)


def imap(d: DistributedExecution, items: int) -> int:
    """Takes results in order; returns the bytes by which memory grew at most."""
    before = largest = 0
    expected = itertools.count()
    for taken, result in enumerate(d.imap(abs, generated(WARM_UP + items))):
        assert result == next(expected)
        if taken == WARM_UP:
            before = largest = resident()
        elif taken % LOOK_EVERY == 0:
            largest = max(largest, resident())
    assert next(expected) == WARM_UP + items
    return largest - before


def imap_unordered(d: DistributedExecution, items: int) -> int:
    """Takes results as they come, each once; returns the bytes by which memory grew at most.

    From small chunks, so that something kept of each would show.
    """
    before = largest = 0
    seen = bytearray(WARM_UP + items)
    stream = d.imap_unordered(abs, generated(WARM_UP + items), chunk_size=SMALL_CHUNK)
    for taken, result in enumerate(stream):
        assert not seen[result]
        seen[result] = 1
        if taken == WARM_UP:
            before = largest = resident()
        elif taken % LOOK_EVERY == 0:
            largest = max(largest, resident())
    assert all(seen)
    return largest - before


def map_again(d: DistributedExecution, items: int) -> int:
    """Maps again and again; returns the bytes by which memory grew after the first time."""
    sizes = []
    for _ in range(TIMES):
        results = d.map(abs, range(items))
        assert results == list(range(items))
        del results
        gc.collect()
        wait_for_nothing(d)
        sizes.append(resident())
    return sizes[-1] - sizes[0]


KINDS: dict[str, Callable[[DistributedExecution, int], int]] = {
    "imap": imap,
    "imap_unordered": imap_unordered,
    "map": map_again,
}


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("items", type=int)
    options = parser.parse_args()
    with DistributedExecution(host="127.0.0.1", local_workers=2, progress=False) as d:
        d.wait_for_workers(2, timeout=30)
        began = time.monotonic()
        growth = KINDS[options.kind](d, options.items)
        seconds = time.monotonic() - began
    print(json.dumps({"growth": growth, "seconds": seconds, "items": options.items}))


if __name__ == "__main__":
    main()
