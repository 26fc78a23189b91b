"""The order of a run, and that a system which fails does not end it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import runner
from benchmarks.check import Errors
from benchmarks.child import Answer, Task
from benchmarks.contestant import Failure
from benchmarks.results import Book
from benchmarks.runner import Entry, Patience
from benchmarks.systems import SYSTEMS, BuiltIn
from tests.unit.benchmarks.test_results import CONTEXT

PATIENCE = Patience(rounds=3, repeats=0)


class Contestant:
    """Notes what it was asked in a list that all share, and fails from some time on."""

    workers = 2

    def __init__(self, name: str, asked: list[tuple[str, int]], answers: int = 100) -> None:
        self.name = name
        self.asked = asked
        self.answers = answers

    def ask(self, task: Task) -> Answer:
        if not self.answers:
            raise Failure("out of memory")
        self.answers -= 1
        self.asked.append((self.name, task.seed))
        return Answer([1.0, 5.0, 2.0], Errors(3, lost=1))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "peers.csv", CONTEXT) as book:
        yield book


def test_rounds_are_interleaved_after_a_warm_up(book: Book) -> None:
    asked: list[tuple[str, int]] = []
    systems = {name: Contestant(name, asked) for name in ("map", "plain")}

    runner.run_workload("W1", systems, PATIENCE, book)

    assert asked == [(name, seed) for seed in range(4) for name in ("map", "plain")]
    assert [each.value for each in book.measurements] == [2.0] * 6
    assert {each.lost for each in book.measurements} == {1}


def test_a_system_that_fails_is_named_and_the_rest_goes_on(book: Book) -> None:
    asked: list[tuple[str, int]] = []
    systems = {"map": Contestant("map", asked, answers=2), "plain": Contestant("plain", asked)}

    runner.run_workload("W1", systems, PATIENCE, book)

    problems = [(each.system, each.problem) for each in book.measurements if each.problem]
    assert problems == [("map", "out of memory")]
    assert [seed for name, seed in asked if name == "plain"] == [0, 1, 2, 3]


def test_a_system_that_is_slow_gets_fewer_rounds_but_one(book: Book) -> None:
    asked: list[tuple[str, int]] = []
    systems = {"map": Contestant("map", asked)}

    runner.run_workload("W1", systems, Patience(rounds=3, repeats=0, budget=0.0), book)

    assert len(book.measurements) == 1


def test_a_system_that_is_not_installed_is_named(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SYSTEMS, "gone", ("no-such-distribution", BuiltIn))

    runner.run({"W1": Entry(["gone"], PATIENCE), "W2": Entry(["gone"], PATIENCE)}, 2, book)

    (problem,) = book.measurements
    assert (problem.system, problem.problem) == ("gone", "no-such-distribution is not installed")
