"""Medians, ranges and ratios of measurements."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from .check import Errors
from .results import Measurement
from .systems import BUILT_IN, PLAIN

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


def errors(measurements: Iterable[Measurement]) -> Errors:
    """Adds up what was wrong in all runs, repeated ones included."""
    return sum((each.errors for each in measurements), Errors())
