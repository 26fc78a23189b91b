"""Runs systems against one another: A B A B ..., each in a process of its own.

    for each workload
        warm every system up with a tenth of the items
        for each round: for each system: measure; again, if others computed meanwhile

W5, the start, has a new process for each measurement and nothing to warm up.  A system that is not
installed, fails or takes too long is named with its reason, and the rest goes on.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError

from .child import Task
from .cold import BODIES, COLD, ColdStart
from .contestant import Child, Contestant, Failure
from .load import Watch
from .results import Book, Measurement
from .systems import version_of

WARM_UP_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and for how long.

    Args:
        rounds: Of each workload.
        timeout: Seconds that a system may take to start, or for one task.
        budget: Seconds that one system may take for all rounds of a workload; it gets at least one.
        repeats: How often at most a disturbed measurement is taken again.
        share: The part of the items to keep.
    """

    rounds: int = 5
    timeout: float = 30.0
    budget: float = 10.0
    repeats: int = 2
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """The systems that a workload is measured with, and how."""

    systems: list[str]
    patience: Patience


def undisturbed(measure: Callable[[], list[Measurement]], repeats: int) -> list[Measurement]:
    """Takes measurements, again as long as others disturb them, at most `repeats` times more.

    Returns:
        All that were taken; of those of the same thing the last is the one to use.
    """
    taken = latest = measure()
    for _ in range(repeats):
        if not any(each.disturbed for each in latest):
            break
        latest = measure()
        taken = [*taken, *latest]
    return taken


def run(plan: Mapping[str, Entry], workers: int, book: Book) -> None:
    """Measures workloads, each with its systems; what comes of it is in the book."""
    children: dict[str, Child] = {}
    missing: set[str] = set()
    try:
        for place, (workload, entry) in enumerate(plan.items()):
            # Those that are done would take time from the others: clusters are never quite idle.
            to_come = [(name, plan[name].systems) for name in list(plan)[place:]]
            wanted = {each for name, systems in to_come if name != COLD for each in systems}
            for name in children.keys() - wanted:
                children.pop(name).stop()
            contestants: dict[str, Contestant] = {}
            for name in entry.systems:
                if not (name in missing or installed(name, book)):
                    missing.add(name)
                if name in missing:
                    continue
                if workload != COLD:
                    child = children.setdefault(name, Child(name, workers))
                    child.timeout = entry.patience.timeout
                    contestants[name] = child
                elif name in BODIES:
                    contestants[name] = ColdStart(name, entry.patience.timeout)
            run_workload(workload, contestants, entry.patience, book)
    finally:
        for child in children.values():
            child.stop()


def installed(name: str, book: Book) -> bool:
    """Whether a system is here; otherwise that is noted."""
    try:
        version_of(name)
    except PackageNotFoundError as error:
        report_problem(book, "", name, f"{error.name} is not installed")
        return False
    return True


def run_workload(
    workload: str, children: Mapping[str, Contestant], patience: Patience, book: Book
) -> None:
    """Measures every system with one workload, in turn."""
    left = dict(children)
    spent = dict.fromkeys(children, 0.0)
    for number in range(-1, patience.rounds):
        for name, child in list(left.items()):
            began = time.perf_counter()
            try:
                if number < 0:
                    if workload != COLD:
                        child.ask(Task(workload, 0, patience.share * WARM_UP_SHARE))
                    continue
                task = Task(workload, number + 1, patience.share)
                once = partial(measured, "peers", child, task, number)
                for each in undisturbed(once, patience.repeats):
                    book.add(each)
            except Failure as failure:
                report_problem(book, workload, name, str(failure))
                del left[name]
                continue
            spent[name] += time.perf_counter() - began
            if spent[name] > patience.budget:
                del left[name]
        if number >= 0:
            print_round(workload, number, book)


def measured(part: str, system: Contestant, task: Task, number: int) -> list[Measurement]:
    """Returns the median time of a system with a task, and what was wrong with the results."""
    watch = Watch()
    answer = system.ask(task)
    load = watch.stop()
    measurement = Measurement(
        part=part,
        workload=task.workload,
        system=system.name,
        version=version_of(system.name),
        workers=system.workers,
        chunk_size=task.chunk_size or 0,
        round=number,
        value=statistics.median(answer.seconds),
        foreign_share=round(load.foreign_share, 3),
        disturbed=load.disturbed,
        results=answer.errors.results,
        wrong=answer.errors.wrong,
        lost=answer.errors.lost,
        doubled=answer.errors.doubled,
    )
    return [measurement]


def report_problem(book: Book, workload: str, system: str, problem: str) -> None:
    """Notes that there is no value, and why."""
    print(f"{workload} {system}: {problem}".lstrip(), flush=True)
    book.add(Measurement(part="peers", workload=workload, system=system, problem=problem))


def print_round(workload: str, number: int, book: Book) -> None:
    """Shows that it goes on."""
    last = {
        each.system: f"{each.system} {each.value:.4f}{' (disturbed)' if each.disturbed else ''}"
        for each in book.measurements
        if (each.workload, each.round) == (workload, number) and not each.problem
    }
    print(f"{workload}, round {number + 1}: {', '.join(last.values())}", flush=True)
