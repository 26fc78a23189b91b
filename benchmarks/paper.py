"""The paper's figures 4 to 7 again: wall time by number of clients and by size of chunks.

    the IO-heavy workload (W2)       1, 2, 5, 10, 15 native workers
    the CPU-heavy workload (W4)      1 and 2, for this machine need not have more cores
    items that wait instead (waits)  1, 2, 5, 10, 15

each in chunks of 1, 5, 10 and 50 items and in chunks of Nitocris's own choice.  In each repetition
the built-in `map` runs too; where items wait, which takes as long however busy the machine is, only
beside a single client.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from .child import Task
from .contestant import Child, Failure
from .results import Book, Measurement
from .runner import Patience, measured, undisturbed
from .systems import BUILT_IN, OURS

CLIENTS = (1, 2, 5, 10, 15)
CHUNK_SIZES = (1, 5, 10, 50, None)
IO_HEAVY, CPU_HEAVY, WAITING = "W2", "W4", "waits"

PAPERS_SECONDS: dict[tuple[str, int], float] = {
    (IO_HEAVY, 0): 0.04,
    (IO_HEAVY, 5): 14.9,
    (IO_HEAVY, 10): 16.1,
    (IO_HEAVY, 15): 20.0,
    (CPU_HEAVY, 0): 1025.3,
    (CPU_HEAVY, 5): 226.5,
    (CPU_HEAVY, 10): 123.4,
    (CPU_HEAVY, 15): 86.2,
}
"""The paper's means, by workload and clients; 0 clients are its sequential run.

They are at chunks of 1; at chunks of 10 its CPU-heavy ones are the same within 5 %.
"""


@dataclass(frozen=True, slots=True)
class Series:
    """One workload with some numbers of clients.

    Args:
        workload: Of `workloads.WHAT`.
        clients: In this order.
        share: The part of the items to keep, so that ten repetitions of all end within minutes.
    """

    workload: str
    clients: tuple[int, ...]
    share: float


SERIES = (
    Series(IO_HEAVY, CLIENTS, 1.0),
    Series(CPU_HEAVY, (1, 2), 0.25),
    Series(WAITING, CLIENTS, 1.0),
)


def run(patience: Patience, book: Book) -> None:
    """Measures all series; what comes of it is in the book."""
    for clients in CLIENTS:
        with ExitStack() as stack:
            ours = Child(OURS, clients, patience.timeout)
            stack.callback(ours.stop)
            built_in = Child(BUILT_IN, 0, patience.timeout)
            stack.callback(built_in.stop)
            for series in SERIES:
                if clients in series.clients:
                    print(f"{series.workload} with {clients}", flush=True)
                    for each in run_series(series, ours, built_in, patience):
                        book.add(each)


def run_series(
    series: Series, ours: Child, built_in: Child, patience: Patience
) -> Iterator[Measurement]:
    """Yields the measurements of one workload with one number of clients."""
    try:
        ours.ask(Task(series.workload, 0, 0.1))
        built_in.ask(Task(series.workload, 0, 0.1))
        points: list[tuple[Child, int | None]] = [(ours, size) for size in CHUNK_SIZES]
        if series.workload != WAITING or ours.workers == 1:
            points.insert(0, (built_in, None))
        for number in range(patience.rounds):
            for child, size in points:
                task = Task(
                    series.workload, number + 1, series.share * patience.share, size, once=True
                )
                once = partial(measured, "paper", child, task, number)
                yield from undisturbed(once, patience.repeats)
    except Failure as failure:
        yield Measurement(
            part="paper",
            workload=series.workload,
            system=ours.name,
            workers=ours.workers,
            problem=str(failure),
        )
