"""SIGKILLs at Poisson times among twenty native workers, while three maps run at once.

    python -m tests.chaos.kills --seconds 60 --seeds 3

Half of them hit a whole worker, which is then started again; the others one of its compute
processes, which it replaces itself.  `map`, `imap` and `imap_unordered` each have 2,000 items, and
each must give every result once, the first two in order.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import cloudpickle

from nitocris import DistributedExecution

from .fleet import Fleet
from .remains import wait_for_nothing

cloudpickle.register_pickle_by_value(sys.modules[__name__])

ITEMS = 2_000
MAPS = 3
WORKERS = 10
PROCESSES = 2
"""In each of them: twenty compute at once, and a worker can lose one and keep the other."""
KILLS_PER_SECOND = 1.0


@dataclass
class Report:
    """What a run saw.

    Attributes:
        seconds: From the first item to the last result.
        workers: How many whole workers were killed.
        processes: How many compute processes.
        wrong: What was lost, doubled or out of order.
    """

    seconds: float = 0.0
    workers: int = 0
    processes: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """All of them."""
        return self.workers + self.processes

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.workers} workers, {self.processes} compute processes) "
            f"in {self.seconds:.1f} s, {MAPS * ITEMS / self.seconds:.0f} items per second"
        )


def square(mean: float, x: int) -> int:
    """Waits, some items seven times as long as others, and computes."""
    time.sleep(mean * (0.25 + 1.5 * (x * 7919 % ITEMS) / ITEMS))
    return x * x


def run(seed: int, seconds: float) -> Report:
    """Runs the three maps under fire.

    Args:
        seed: Of the times and victims.
        seconds: How long the maps take at least; the items wait accordingly.

    Raises:
        AssertionError: Processes, leases or maps are left over.
    """
    report = Report()
    work = partial(square, seconds * WORKERS * PROCESSES / (MAPS * ITEMS))
    expected = [x * x for x in range(ITEMS)]
    with (
        ThreadPoolExecutor(MAPS) as owners,
        DistributedExecution(host="127.0.0.1", progress=False) as d,
        Fleet(d.worker_url, WORKERS, PROCESSES) as fleet,
    ):
        d.wait_for_workers(WORKERS * PROCESSES, timeout=60)
        began = time.monotonic()
        with _killing(fleet, random.Random(seed), report):
            results = {
                "map": owners.submit(d.map, work, range(ITEMS)),
                "imap": owners.submit(lambda: list(d.imap(work, iter(range(ITEMS))))),
                "imap_unordered": owners.submit(
                    lambda: sorted(d.imap_unordered(work, range(ITEMS)))
                ),
            }
            report.wrong = [
                f"{name}: {_difference(future.result(), expected)}"
                for name, future in results.items()
                if future.result() != expected
            ]
        report.seconds = time.monotonic() - began
        fleet.wait_for_orphans()
        wait_for_nothing(d)
    return report


@contextmanager
def _killing(fleet: Fleet, chance: random.Random, report: Report) -> Iterator[None]:
    """Kills from now on until the block ends."""
    over = threading.Event()

    def main() -> None:
        due = time.monotonic()
        while True:
            due += chance.expovariate(KILLS_PER_SECOND)
            if over.wait(max(due - time.monotonic(), 0)):
                return
            _kill(fleet, chance, report)

    with ThreadPoolExecutor(1) as killer:
        killing = killer.submit(main)
        try:
            yield
        finally:
            over.set()
    killing.result()


def _kill(fleet: Fleet, chance: random.Random, report: Report) -> None:
    hits_worker, place = chance.random() < 0.5, chance.random()
    children = [] if hits_worker else fleet.children()
    if children:
        fleet.kill_child(children[int(place * len(children))])
        report.processes += 1
    else:
        fleet.kill(int(place * len(fleet.workers)))
        fleet.start()
        report.workers += 1


def _difference(results: list[int], expected: list[int]) -> str:
    known = set(results)
    lost = [each for each in expected if each not in known]
    doubled = len(results) - len(known)
    if lost or doubled:
        return f"{len(lost)} results are lost, such as {lost[:5]}, and {doubled} doubled"
    return "the results are out of order"


def main() -> int:
    """Returns the exit status: 1 if a seed failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help="of each run, at least")
    parser.add_argument("--seeds", type=int, default=1, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed of them")
    options = parser.parse_args()
    failed = False
    for seed in range(options.first, options.first + options.seeds):
        report = run(seed, options.seconds)
        print(f"seed {seed}: {report}", *report.wrong, sep="\n    ", flush=True)
        failed = failed or bool(report.wrong)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
