"""Medians, ratios and the numbers to reach."""

from __future__ import annotations

from functools import partial

import pytest

from benchmarks import report, summary
from benchmarks.summary import Spread
from benchmarks.targets import Found, Target, against_best, per_chunk
from tests.unit.benchmarks.measurements import taken


def test_a_spread_is_the_median_with_its_range() -> None:
    measurements = [taken("map", value, number) for number, value in enumerate([3.0, 1.0, 10.0])]

    assert summary.spread(measurements) == Spread(3.0, 1.0, 10.0, 3, disturbed=False)
    assert summary.spread([]) is None


def test_of_a_repeated_measurement_the_last_one_counts() -> None:
    measurements = [taken("map", 9.0, disturbed=True), taken("map", 1.0)]

    assert summary.spread(measurements) == Spread(1.0, 1.0, 1.0, 1, disturbed=False)


def test_a_ratio_is_that_of_times_of_the_same_round() -> None:
    """A machine that is slow for a round is slow for both."""
    ours = [taken("nitocris", 2.0, 0), taken("nitocris", 20.0, 1), taken("nitocris", 7.0, 2)]
    base = [taken("map", 1.0, 0), taken("map", 10.0, 1)]

    assert summary.ratio(ours, base) == Spread(2.0, 2.0, 2.0, 2, disturbed=False)
    assert summary.ratio(ours, [taken("map", 1.0, 5)]) is None


def test_a_disturbed_base_disturbs_the_ratio() -> None:
    ratio = summary.ratio([taken("nitocris", 2.0)], [taken("map", 1.0, disturbed=True)])

    assert ratio is not None
    assert ratio.disturbed


def test_w6_is_relative_to_the_ideal_makespan() -> None:
    measurements = [taken("nitocris", 10.5, workload="W6")]

    assert summary.relative(measurements) == {
        "nitocris": Spread(1.05, 1.05, 1.05, 1, disturbed=False)
    }


def test_errors_of_repeated_and_disturbed_runs_count_too() -> None:
    measurements = [
        taken("map", 1.0, disturbed=True, results=10, lost=1),
        taken("map", 1.0, results=10),
    ]

    assert summary.errors(measurements).lost == 1
    assert report.error_rate(measurements).startswith("error rate 0.05: 0 wrong, 1 lost")


def test_the_best_peer_is_the_one_that_is_hardest_to_beat() -> None:
    measurements = [taken("nitocris", 2.0), taken("joblib", 1.0), taken("ray", 4.0)]

    assert against_best("W1", ["joblib", "ray*"], measurements) == Found(
        Spread(2.0, 2.0, 2.0, 1, disturbed=False), "joblib"
    )
    assert against_best("W1", ["dask"], measurements) is None


def test_the_cost_of_a_chunk_is_compared_between_numbers_of_clients() -> None:
    costs = {10: 100.0, 100: 500.0, 5_000: 120.0}
    measurements = [
        taken(
            "nitocris",
            cost,
            part="scale",
            workload="chunks",
            workers=clients,
            quantity="processor us/chunk",
        )
        for clients, cost in costs.items()
    ]

    found = per_chunk(measurements)

    assert found is not None
    assert found.spread.median == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("least", "value", "reached"), [(True, 0.97, "yes"), (True, 0.96, "no"), (False, 0.98, "no")]
)
def test_the_table_says_what_is_reached(
    least: bool, value: float, reached: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target("W1 / joblib", least, 0.97, partial(against_best, "W1", ["joblib"]))
    monkeypatch.setattr(report, "TARGETS", [target])

    table = report.targets_table([taken("nitocris", value), taken("joblib", 1.0)])

    assert table.splitlines()[-1].rstrip(" |").endswith(reached)
    assert "not measured" in report.targets_table([])
