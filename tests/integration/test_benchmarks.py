"""The benchmarks with real systems in real processes, as short as they can be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.child import Task
from benchmarks.cold import ColdStart
from benchmarks.contestant import Child, Failure
from benchmarks.results import read
from benchmarks.scale import measure

ROOT = Path(__file__).parents[2]


def test_systems_run_against_one_another(tmp_path: Path) -> None:
    """What the command line measures is in the file, right, and in the table that it prints."""
    systems = ["map", "pool-fork-tuned", "nitocris"]
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--results",
        str(tmp_path),
        "run",
        "--short",
        "--rounds",
        "1",
    ]

    run = subprocess.run(
        [*command, "--workload", "W1", "--system", ",".join(systems)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stderr
    measurements, _ = read([tmp_path / "peers.csv"])
    assert [each.system for each in measurements] == systems
    assert all(each.value > 0 and not each.problem for each in measurements)
    assert all(f"| {system} " in run.stdout for system in systems)
    assert "error rate 0: 0 wrong, 0 lost, 0 doubled" in run.stdout


def test_a_system_that_takes_too_long_is_ended() -> None:
    system = Child("map", workers=1, timeout=0.0)

    with pytest.raises(Failure, match="took more than 0 s to start"):
        system.ask(Task("W1", seed=1, share=0.1))


def test_a_cold_start_gives_its_seconds_and_its_result() -> None:
    answer = ColdStart("pool-fork", timeout=30.0).ask(Task("W5", seed=7, share=1.0))

    assert 0 < answer.seconds[0] < 30
    assert answer.errors.results == 1
    assert answer.errors.count == 0


def test_simulated_clients_answer_a_real_coordinator() -> None:
    measurements = measure(count=5, chunks=50, number=0)

    values = {each.quantity: each.value for each in measurements}
    assert values["chunks/s"] > 0
    assert values["ms reply p99, idle"] > 0
    assert sum(each.results for each in measurements) == 50
    assert sum(each.errors.count for each in measurements) == 0
