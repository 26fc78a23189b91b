"""How near the scheduler comes to the ideal makespan: the table of docs/scheduler.md.

The ideal of equal workers is all work divided by all workers; that of others the greater of all
work by all speed and the longest item on the fastest worker.  No scheduler that does not know the
items beforehand can do without the time of a last chunk, so that is granted where items differ.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from .world import Costs, EqualCosts, SimulatedMap, Simulation

LATENCY = 0.05
"""Seconds in each direction."""
NEVER = 1e9


@dataclass(frozen=True, slots=True)
class Outcome:
    """A measured scenario: seconds of the simulated clock, and how often an item was lent."""

    name: str
    ideal: float
    makespan: float
    lent: float
    allowed: float
    """The makespan that must not be exceeded."""

    @property
    def efficiency(self) -> float:
        return self.ideal / self.makespan


def equal(workers: int, seconds: float, ideal: float = 30.0) -> Outcome:
    """Equal workers and equal items: at least 97 % of the ideal."""
    count = round(workers * ideal / seconds)
    simulation = Simulation(check=False)
    for _ in range(workers):
        simulation.join(latency=LATENCY)
    simulation.start(SimulatedMap(EqualCosts(count, seconds)))
    makespan = simulation.run()
    name = f"{workers:,} equal workers, items of {seconds * 1000:,.0f} ms"
    return Outcome(name, ideal, makespan, simulation.lent_items / count, ideal / 0.97)


def distant(chunk_size: int | None, seconds: float, ideal: float = 30.0) -> Outcome:
    """Workers that are a round trip of 200 ms away: at least 97 % of the ideal."""
    workers = 5
    count = round(workers * ideal / seconds)
    simulation = Simulation(check=False)
    for _ in range(workers):
        simulation.join(latency=0.1)
    simulation.start(SimulatedMap(EqualCosts(count, seconds), chunk_size))
    makespan = simulation.run()
    name = f"{workers} workers 200 ms away, items of {seconds * 1000:,.0f} ms"
    name += f", chunks of {chunk_size}" if chunk_size else ""
    return Outcome(name, ideal, makespan, simulation.lent_items / count, ideal / 0.97)


def unequal(workers: int, mean: float, sigma: float, ideal: float = 60.0) -> Outcome:
    """Speeds from 1 to 20 and lognormal items: within 5 % of the bound plus one chunk."""
    rng = np.random.default_rng(seed=1)
    speeds = rng.uniform(1, 20, workers)
    count = round(speeds.sum() * ideal / mean)
    seconds = rng.lognormal(np.log(mean) - sigma**2 / 2, sigma, count)
    simulation = Simulation(check=False)
    for speed in speeds:
        simulation.join(speed, latency=LATENCY)
    simulation.start(SimulatedMap(Costs(seconds.tolist()), timeout=NEVER))
    makespan = simulation.run()
    longest = seconds.max() / speeds.max()
    bound = max(seconds.sum() / speeds.sum(), longest)
    name = f"{workers:,} workers of speeds 1 to 20, items of {mean:g} s"
    name += f", sigma {sigma:g}" if sigma else ""
    allowed = 1.05 * bound + max(longest, 0.5)
    return Outcome(name, bound, makespan, simulation.lent_items / count, allowed)


def churn(workers: int, seconds: float, ideal: float = 300.0, share: float = 0.1) -> Outcome:
    """A share of the workers leaves each minute, and others come: at least 90 % of the ideal."""
    count = round(workers * ideal / seconds)
    simulation = Simulation(check=False)
    chance = random.Random(1)

    def replace() -> None:
        simulation.leave(chance.choice(list(simulation.devices.values())))
        simulation.join(latency=LATENCY)
        again()

    def again() -> None:
        simulation.after(chance.expovariate(workers * share / 60), replace)

    for _ in range(workers):
        simulation.join(latency=LATENCY)
    simulation.start(SimulatedMap(EqualCosts(count, seconds)))
    again()
    makespan = simulation.run()
    name = f"{workers:,} workers, {share:.0%} replaced a minute, items of {seconds * 1000:,.0f} ms"
    return Outcome(name, ideal, makespan, simulation.lent_items / count, ideal / 0.9)


def crowd(workers: int, items: int, seconds: float = 0.1) -> Outcome:
    """A crowd that comes within a second."""
    simulation = Simulation(check=False)

    def join() -> None:
        simulation.join(latency=LATENCY)

    for number in range(workers):
        simulation.at(number / workers, join)
    simulation.start(SimulatedMap(EqualCosts(items, seconds)))
    began = time.process_time()
    makespan = simulation.run()
    taken = time.process_time() - began
    name = (
        f"{workers:,} workers, {items:,} items, {taken / simulation.events * 1e6:.0f} µs an event"
    )
    ideal = items * seconds / workers
    return Outcome(name, ideal, makespan, simulation.lent_items / items, ideal + 2.0)


@dataclass(slots=True)
class Calls:
    """How many functions were called."""

    count: int = 0


@contextmanager
def counting_calls() -> Iterator[Calls]:
    """Counts calls of functions, of Python and of C, in the block."""
    calls = Calls()

    def count(_frame: object, event: str, _argument: object) -> None:
        calls.count += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


SCENARIOS = [
    *(partial(equal, workers, s) for s in (1.0, 0.1, 0.01) for workers in (5, 15, 100, 1000)),
    *(partial(distant, size, s) for size in (None, 1) for s in (1.0, 0.1, 0.01)),
    *(partial(unequal, workers, 1.0, s) for s in (0.0, 1.0) for workers in (5, 15, 100)),
    *(partial(unequal, workers, 0.1, s) for s in (1.0, 1.5) for workers in (5, 15, 100)),
    partial(unequal, 100, 10.0, 1.0),
    *(partial(churn, 100, seconds) for seconds in (1.0, 0.1, 0.01)),
]
_LARGE = {(equal, 1000), (churn, 100)}
ORDINARY = [each for each in SCENARIOS if (each.func, each.args[0]) not in _LARGE]
"""Those that take a second or less; the others take half a minute."""


def table(outcomes: list[Outcome]) -> str:
    """Returns the outcomes as a table in Markdown."""
    lines = ["| scenario | ideal | makespan | efficiency | lent |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {each.name} | {each.ideal:.1f} s | {each.makespan:.1f} s "
        f"| {each.efficiency:.1%} | {each.lent:.3f} |"
        for each in outcomes
    ]
    return "\n".join(lines) + "\n"
