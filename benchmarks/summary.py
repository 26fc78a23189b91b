"""Medians, ranges and ratios of measurements."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from .check import Errors
from .results import Measurement
from .systems import BUILT_IN, OURS, PLAIN
from .workloads import W6_SECONDS

BARE = "bare Pyodide"
"""The name of the page that ours is compared with."""

BASES = {"W4": PLAIN, "W5": "pool-spawn", "W6": "", "W6b": ""}
"""What a workload's times are divided by, if not the built-in `map`: "" is the ideal makespan."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its range, of so many values."""

    median: float
    low: float
    high: float
    count: int
    disturbed: bool

    @staticmethod
    def of(values: list[float], disturbed: bool = False) -> Spread:
        """Returns the spread of values, of which there must be one."""
        return Spread(statistics.median(values), min(values), max(values), len(values), disturbed)


def final(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Returns those with a value that are to be used: of repeated ones the last."""
    last: dict[tuple[object, ...], Measurement] = {}
    for each in measurements:
        if not each.problem:
            last[(*key(each), each.round)] = each
    return list(last.values())


def key(each: Measurement) -> tuple[object, ...]:
    """Returns what is the same in all rounds of one thing."""
    return (each.part, each.workload, each.system, each.workers, each.chunk_size, each.quantity)


def spread(measurements: Iterable[Measurement]) -> Spread | None:
    """Returns the spread of the values; None if there are none."""
    found = final(measurements)
    if not found:
        return None
    return Spread.of([each.value for each in found], any(each.disturbed for each in found))


def ratio(ours: Iterable[Measurement], base: Iterable[Measurement]) -> Spread | None:
    """Divides each round's value by the base's of the same round; None if they share no round."""
    by_round = {each.round: each for each in final(base)}
    pairs = [(each, by_round[each.round]) for each in final(ours) if each.round in by_round]
    if not pairs:
        return None
    return Spread.of(
        [one.value / other.value for one, other in pairs],
        any(one.disturbed or other.disturbed for one, other in pairs),
    )


def base_of(workload: str) -> str:
    """Returns the system that a workload's times are divided by; "" for the ideal makespan."""
    return BASES.get(workload, BUILT_IN)


def relative(measurements: Iterable[Measurement]) -> dict[str, Spread]:
    """Returns the time of each system relative to the base of the workload, which is one."""
    mine = list(measurements)
    base = base_of(mine[0].workload)
    found: dict[str, Spread] = {}
    for system in dict.fromkeys(each.system for each in mine):
        ours = [each for each in mine if each.system == system]
        if base:
            spread = ratio(ours, (each for each in mine if each.system == base))
        else:
            spread = makespan(ours)
        if spread is not None:
            found[system] = spread
    return found


def makespan(measurements: Iterable[Measurement]) -> Spread | None:
    """Divides seconds by what the items of W6 take at least; None if there are none."""
    found = final(measurements)
    if not found:
        return None
    values = [each.value * each.workers / W6_SECONDS for each in found]
    return Spread.of(values, any(each.disturbed for each in found))


def errors(measurements: Iterable[Measurement]) -> Errors:
    """Adds up what was wrong in all runs, repeated ones included."""
    return sum((each.errors for each in measurements), Errors())


def of_point(
    measurements: Iterable[Measurement], workload: str, clients: int, chunk_size: int | None
) -> list[float]:
    """Returns the seconds of a point of the paper's figures; 0 clients are the built-in `map`."""
    system = OURS if clients else BUILT_IN
    wanted = (workload, system, chunk_size or 0)
    mine = [
        each for each in measurements if (each.workload, each.system, each.chunk_size) == wanted
    ]
    if clients:
        return [each.value for each in final(mine) if each.workers == clients]
    # It ran beside each number of clients.
    return [each.value for each in mine if not each.problem]
