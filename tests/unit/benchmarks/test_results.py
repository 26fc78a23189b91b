"""What is written to a CSV file comes back as it was."""

from __future__ import annotations

import math
from pathlib import Path

from benchmarks.results import Book, Context, Measurement, read
from tests.unit.benchmarks.measurements import taken

CONTEXT = Context("2026-01-01T00:00:00", "0123456789", 'Linux, "some" processor', 2, "3.11.7")


def test_round_trip(tmp_path: Path) -> None:
    measurements = [
        taken("nitocris", 0.1 + 0.2, 3, chunk_size=50, foreign_share=0.125, disturbed=True),
        taken("map", 1e-5, results=10, wrong=1, lost=2, doubled=3, quantity="chunks/s"),
    ]
    with Book(tmp_path / "results" / "peers.csv", CONTEXT) as book:
        for each in measurements:
            book.add(each)

    found, contexts = read([tmp_path / "results" / "peers.csv"])

    assert found == measurements == book.measurements
    assert contexts == {"peers": CONTEXT}


def test_a_problem_has_no_value(tmp_path: Path) -> None:
    problem = Measurement(
        part="scale", workload="chunks", system="nitocris", problem='said: "no",\nand ended'
    )
    with Book(tmp_path / "scale.csv", CONTEXT) as book:
        book.add(problem)

    (found,), _ = read([tmp_path / "scale.csv"])

    assert found.problem == problem.problem
    assert math.isnan(found.value)


def test_what_was_measured_is_there_while_the_run_goes_on(tmp_path: Path) -> None:
    with Book(tmp_path / "peers.csv", CONTEXT) as book:
        book.add(taken("map", 1.0))

        assert read([tmp_path / "peers.csv"])[0] == [taken("map", 1.0)]
