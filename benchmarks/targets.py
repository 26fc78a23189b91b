"""The numbers to reach, each a ratio inside one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial

from . import summary
from .results import Measurement
from .summary import BARE, Spread
from .systems import BUILT_IN, OURS, PLAIN

FIXED = "nitocris-fixed"
AUTOMATIC = ("pool-fork", "pool-spawn", "joblib", "mpire", "dask", "ray", "ray-pool")
PEERS = ("pool*", "joblib*", "mpire*", "dask*", "ray*")
BY_PIPE_OR_SOCKET = ("pool*", "joblib*", "mpire*", "dask*")
MANY, FEW = 5_000, 10

Measurements = Sequence[Measurement]


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured for a target, and beside whom."""

    spread: Spread
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A number to reach.

    Args:
        what: Whose.
        least: Whether it is to be at least the limit; otherwise at most.
        limit: The number.
        measured: Finds it in measurements; None if it was not measured.
    """

    what: str
    least: bool
    limit: float
    measured: Callable[[Measurements], Found | None]

    @property
    def wanted(self) -> str:
        """The number in words."""
        return f"at {'least' if self.least else 'most'} {self.limit:g}"

    def reached(self, found: Found) -> bool:
        """Whether the median is good enough."""
        median = found.spread.median
        return median >= self.limit if self.least else median <= self.limit


def of(
    measurements: Measurements, part: str, workload: str, system: str, workers: int = 0
) -> list[Measurement]:
    """Returns the measurements of one system with one workload; 0 workers are any number."""
    return [
        each
        for each in measurements
        if (each.part, each.workload, each.system) == (part, workload, system)
        and workers in (0, each.workers)
    ]


def against(workload: str, one: str, other: str, measurements: Measurements) -> Found | None:
    """Returns the time of one system divided by that of another."""
    spread = summary.ratio(
        of(measurements, "peers", workload, one), of(measurements, "peers", workload, other)
    )
    return None if spread is None else Found(spread)


def against_best(
    workload: str, patterns: Iterable[str], measurements: Measurements
) -> Found | None:
    """Returns our time divided by that of the peer that comes off best beside it."""
    return against_best_of(workload, OURS, patterns, measurements)


def against_best_of(
    workload: str, system: str, patterns: Iterable[str], measurements: Measurements
) -> Found | None:
    """Returns the time of one system divided by that of the peer that comes off best beside it."""
    peers = dict.fromkeys(
        each.system
        for each in measurements
        if each.part == "peers" and any(fnmatchcase(each.system, one) for one in patterns)
    )
    found = [
        Found(ratio.spread, peer)
        for peer in peers
        if (ratio := against(workload, system, peer, measurements))
    ]
    return max(found, key=lambda each: each.spread.median, default=None)


def makespan(workload: str, measurements: Measurements) -> Found | None:
    """Returns our time divided by the ideal one."""
    spread = summary.makespan(of(measurements, "peers", workload, OURS))
    return None if spread is None else Found(spread)


def browser(workload: str, workers: int, measurements: Measurements) -> Found | None:
    """Returns the time of bare Pyodide divided by ours."""
    spread = summary.ratio(
        of(measurements, "browsers", workload, BARE, workers),
        of(measurements, "browsers", workload, OURS, workers),
    )
    return None if spread is None else Found(spread)


def per_chunk(measurements: Measurements) -> Found | None:
    """Returns the processor time of a chunk with many clients divided by that with few."""
    of_count = {
        count: [
            each
            for each in of(measurements, "scale", "chunks", OURS, count)
            if each.quantity == "processor us/chunk"
        ]
        for count in (MANY, FEW)
    }
    spread = summary.ratio(of_count[MANY], of_count[FEW])
    return None if spread is None else Found(spread)


def memory(measurements: Measurements) -> Found | None:
    """Returns the KiB of an idle client among many."""
    mine = [
        each
        for each in of(measurements, "scale", "chunks", OURS, MANY)
        if each.quantity == "KiB/idle client"
    ]
    spread = summary.spread(mine)
    return None if spread is None else Found(spread)


TARGETS = (
    Target("W1 / the best automatic peer", False, 1.0, partial(against_best, "W1", AUTOMATIC)),
    Target(
        "W1 in fixed chunks / pool-fork-tuned",
        False,
        1.5,
        partial(against, "W1", FIXED, "pool-fork-tuned"),
    ),
    Target("W2 / the built-in map", False, 1.0, partial(against, "W2", OURS, BUILT_IN)),
    Target("W2 / the best peer", False, 1.0, partial(against_best, "W2", PEERS)),
    Target("W2b / the built-in map", False, 0.62, partial(against, "W2b", OURS, BUILT_IN)),
    Target(
        "W3 / the best peer by pipe or socket",
        False,
        1.0,
        partial(against_best, "W3", BY_PIPE_OR_SOCKET),
    ),
    Target("W4, two plain processes / ours", True, 0.97, partial(against, "W4", PLAIN, OURS)),
    Target("W5 / joblib", False, 1.0, partial(against, "W5", OURS, "joblib")),
    Target("W5 / pool-spawn", False, 1.5, partial(against, "W5", OURS, "pool-spawn")),
    Target("W6 / the ideal makespan", False, 1.02, partial(makespan, "W6")),
    Target("W6b / the ideal makespan", False, 1.05, partial(makespan, "W6b")),
    *(
        Target(
            f"{workload} on {engine} / {engine} alone",
            False,
            limit,
            partial(against_best_of, workload, f"nitocris-on-{engine}", (f"{engine}*",)),
        )
        for workload, limit in (("W1", 1.0), ("W2", 1.0), ("W4", 1.3))
        for engine in ("dask", "ray")
    ),
    *(
        Target(
            f"{workload} in {workers} Web Worker{'s'[: workers - 1]}, bare Pyodide / ours",
            True,
            limit,
            partial(browser, workload, workers),
        )
        for workload, limit in (("W4", 0.95), ("W2", 0.85))
        for workers in (1, 2)
    ),
    Target("cost of a chunk, 5,000 clients / 10", False, 1.5, per_chunk),
    Target("KiB of an idle client of 5,000", False, 40.0, memory),
)
