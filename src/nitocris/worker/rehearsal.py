"""A fresh process of the owner's that computes one item and says how it went.

    owner --(map frame, chunk frame, their blobs)--> stdin    stdout --Outcome--> owner

It knows no more than a worker elsewhere: not the owner's `__main__`, and not the owner's folder.
Both ends are the owner's, so what passes between them is pickled.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .core import WorkerCore

ENOUGH_SECONDS = 0.2
"""An item that takes longer is measured well by one run; what is shorter is run again."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What to compute: a map with its blobs, and a chunk with its own, so often at most."""

    function: bytes
    function_blobs: Sequence[bytes]
    items: bytes
    items_blobs: Sequence[bytes]
    max_runs: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went.

    Attributes:
        frames: The frames with the results of the first run.
        seconds: Of the quickest run.
    """

    frames: Sequence[bytes]
    seconds: float


def run(errand: Errand) -> Outcome:
    """Computes the items, some times if they take little time."""
    core = WorkerCore(time.monotonic)
    core.receive(errand.function, errand.function_blobs)
    first: list[bytes] = []
    runs: list[float] = []
    while len(runs) < errand.max_runs and sum(runs) < ENOUGH_SECONDS:
        began = time.perf_counter()
        core.receive(errand.items, errand.items_blobs)
        frames = list(iter(core.step, None))
        runs.append(time.perf_counter() - began)
        first = first or frames
    return Outcome(first, min(runs))


def main() -> None:
    """Reads an errand from standard input and writes its outcome to standard output."""
    errand: Errand = pickle.load(sys.stdin.buffer)  # noqa: S301  # from the parent, see above
    # What the function reads and prints is neither of them.
    with os.fdopen(os.dup(1), "wb") as answer, Path(os.devnull).open("r+b") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
        pickle.dump(run(errand), answer)
