"""Which measurements others have disturbed, and that these are taken again."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from benchmarks.load import Load, Watch
from benchmarks.results import Measurement
from benchmarks.runner import undisturbed
from benchmarks.workloads import busy
from tests.unit.benchmarks.measurements import taken

CORES = os.cpu_count() or 1


@pytest.mark.parametrize(
    ("foreign", "disturbed"),
    [(0.0, False), (0.04 * CORES, False), (0.11 * CORES + 0.05, True)],
)
def test_what_others_computed_counts_as_a_share_of_the_machine(
    foreign: float, disturbed: bool
) -> None:
    load = Load(wall=1.0, everybody=0.5 + foreign, own=0.5)

    assert load.disturbed is disturbed


def test_the_clocks_of_several_processes_may_differ_by_a_few_ticks() -> None:
    assert not Load(wall=0.2, everybody=0.24, own=0.2).disturbed
    assert Load(wall=0.2, everybody=0.2, own=0.24).foreign_share == 0.0


def test_our_own_work_is_not_foreign() -> None:
    watch = Watch()
    busy(0.1)
    load = watch.stop()

    assert load.own >= 0.08
    assert load.everybody >= load.own - 0.05


@pytest.mark.parametrize(
    ("disturbances", "repeats", "measured"),
    [
        ([False], 2, 1),
        ([True, False], 2, 2),
        ([True, True, True], 2, 3),
        ([True], 0, 1),
    ],
)
def test_a_disturbed_measurement_is_taken_again_a_few_times(
    disturbances: list[bool], repeats: int, measured: int
) -> None:
    """All are kept, so that the error rate is that of all runs."""
    answers: Iterator[bool] = iter(disturbances)

    def measure() -> list[Measurement]:
        return [taken("map", 1.0, disturbed=next(answers))]

    assert len(undisturbed(measure, repeats)) == measured
    assert next(answers, None) is None
