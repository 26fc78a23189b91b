"""Runs systems against one another: A B A B ..., each in its own process, until times are enough.

    for each workload
        warm every system up with a tenth of the items
        for each round: for each system: measure; again, if others computed meanwhile

A system that is not installed, fails or takes too long is named with its reason, and the rest goes
on.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import psutil

from .child import Answer, Task
from .load import Watch
from .results import ROOT, Book, Measurement
from .systems import version_of

WARM_UP_SHARE = 0.1
STOP_SECONDS = 10.0


class Failure(Exception):
    """A system gave no answer; says why."""


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


class Child:
    """A system in a process of its own; is started when it is asked for the first time.

    Args:
        name: One of `systems.SYSTEMS`.
        workers: How many it gets.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, name: str, workers: int, timeout: float) -> None:
        self.name = name
        self.workers = workers
        self.timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, task: Task) -> Answer:
        """Returns what the system makes of a task.

        Raises:
            Failure: It is not installed, has failed or takes too long, and is gone.
        """
        if self._process is None:
            self._start()
        self._connection.send(task)
        answer = self._receive("the task")
        assert isinstance(answer, Answer)
        return answer

    def stop(self) -> None:
        """Lets the system end by itself, and ends what is left of it."""
        if self._process is None:
            return
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._kill()

    def _start(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  # closed in _kill
        with theirs:
            arguments = (self.name, self.workers, theirs.fileno())
            self._process = subprocess.Popen(
                # With -m, the classes of the messages would be those of another module.
                [sys.executable, "-c", f"from benchmarks.child import main; main{arguments!r}"],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                cwd=ROOT,
            )
        self._receive("to start")

    def _receive(self, what: str) -> Any:
        try:
            if not self._connection.poll(self.timeout):
                raise Failure(
                    f"took more than {self.timeout:g} s {what}".replace(" the", " for the")
                )
            return self._connection.recv()
        except (EOFError, ConnectionError):
            raise Failure(self._last_words()) from None
        finally:
            if sys.exception() is not None:
                self._kill()

    def _last_words(self) -> str:
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "ended without a word"

    def _kill(self) -> None:
        assert self._process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self._process.pid)
            for process in [*family.children(recursive=True), family]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.wait()
        self._process = None
        self._words.close()
        self._connection.close()


def undisturbed(measure: Callable[[], Measurement], repeats: int) -> list[Measurement]:
    """Takes a measurement, again as long as others disturb it, at most `repeats` times more.

    Returns:
        All that were taken; the last is the one to use.
    """
    taken = [measure()]
    while taken[-1].disturbed and len(taken) <= repeats:
        taken.append(measure())
    return taken


def run(
    workloads: list[str], systems: list[str], workers: int, patience: Patience, book: Book
) -> None:
    """Measures every system with every workload; what comes of it is in the book."""
    children: dict[str, Child] = {}
    try:
        for name in systems:
            try:
                version_of(name)
            except PackageNotFoundError as error:
                report_problem(book, "", name, f"{error.name} is not installed")
            else:
                children[name] = Child(name, workers, patience.timeout)
        for workload in workloads:
            run_workload(workload, children, patience, book)
    finally:
        for child in children.values():
            child.stop()


def run_workload(workload: str, children: dict[str, Child], patience: Patience, book: Book) -> None:
    """Measures every system with one workload, in turn."""
    left = dict(children)
    spent = dict.fromkeys(children, 0.0)
    for number in range(-1, patience.rounds):
        for name, child in list(left.items()):
            began = time.perf_counter()
            try:
                if number < 0:
                    child.ask(Task(workload, 0, patience.share * WARM_UP_SHARE))
                    continue
                for each in undisturbed(
                    lambda c=child: measure(workload, c, number, patience.share),  # noqa: B023
                    patience.repeats,
                ):
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


def measure(workload: str, child: Child, number: int, share: float) -> Measurement:
    """Returns the median time of a system in one round, and what was wrong in it."""
    watch = Watch()
    answer = child.ask(Task(workload, number + 1, share))
    load = watch.stop()
    return Measurement(
        part="peers",
        workload=workload,
        system=child.name,
        version=version_of(child.name),
        workers=child.workers,
        round=number,
        value=statistics.median(answer.seconds),
        foreign_share=round(load.foreign_share, 3),
        disturbed=load.disturbed,
        results=answer.errors.results,
        wrong=answer.errors.wrong,
        lost=answer.errors.lost,
        doubled=answer.errors.doubled,
    )


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
