"""The process of one system: so that none disturbs another, by its threads or its imports.

It takes `Task`s from the connection that it inherits, and answers each with an `Answer`.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from .check import Errors, check
from .systems import SYSTEMS, System
from .workloads import make

LONG_ENOUGH = 0.2
"""Seconds; a shorter map is repeated, for the machine's own clocks of load count in hundredths."""
MOST_MAPS = 20


@dataclass(frozen=True, slots=True)
class Task:
    """A workload to map.

    Args:
        workload, seed, share: As `workloads.make` wants them.
        chunk_size: What Nitocris is told to take; None lets it choose.
        once: Whether to map it only once, however soon that is done.
    """

    workload: str
    seed: int
    share: float
    chunk_size: int | None = None
    once: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds of each map of a task, and what was wrong in all of them."""

    seconds: list[float]
    errors: Errors


def perform(system: System, task: Task) -> Answer:
    """Maps a workload, again and again if that is soon done."""
    workload = replace(make(task.workload, task.seed, task.share), chunk_size=task.chunk_size)
    seconds: list[float] = []
    errors = Errors()
    most = 1 if task.once else MOST_MAPS
    while not seconds or (sum(seconds) < LONG_ENOUGH and len(seconds) < most):
        began = time.perf_counter()
        found = system.map(workload)
        seconds.append(time.perf_counter() - began)
        errors += check(found, workload.expected)
    return Answer(seconds, errors)


def main(name: str, workers: int, descriptor: int) -> None:
    """Answers tasks for a system until the other end is closed."""
    os.set_inheritable(descriptor, False)
    connection: Connection[object, object] = Connection(descriptor)
    system = SYSTEMS[name][1]()
    system.start(workers)
    connection.send(None)
    try:
        while isinstance(task := connection.recv(), Task):
            connection.send(perform(system, task))
    except EOFError:
        pass
    finally:
        system.stop()
