"""The workloads: their right answers, and data that are new in every round."""

from __future__ import annotations

import ast

import pytest

from benchmarks import systems
from benchmarks.check import check
from benchmarks.cold import BODIES, source
from benchmarks.systems import SYSTEMS, with_shared
from benchmarks.workloads import W6_SECONDS, WHAT, make

QUICK = 0.01


@pytest.mark.parametrize("name", [name for name in WHAT if not name.startswith("W6")])
def test_the_expected_results_are_right(name: str) -> None:
    workload = make(name, seed=3, share=QUICK)

    found = list(map(with_shared(workload), workload.items))

    assert check(found, workload.expected).count == 0


@pytest.mark.parametrize("name", [name for name in WHAT if not name.startswith("W6")])
def test_a_round_has_data_of_its_own(name: str) -> None:
    """Else what a system keeps from the round before would spare it work."""
    one, again, other = (make(name, seed, QUICK) for seed in (1, 1, 2))

    assert check(one.expected, again.expected).count == 0
    assert check(one.expected, other.expected).count > 0


def test_w6_takes_what_it_says_and_w6b_has_the_longest_last() -> None:
    items = make("W6", seed=1).items

    assert len(items) == 200
    assert sum(items) == pytest.approx(W6_SECONDS)
    assert max(items) > 10 * sorted(items)[100]
    assert make("W6b", seed=2).items == sorted(items)


def test_a_workload_that_is_not_known_is_named() -> None:
    with pytest.raises(ValueError, match="no workload 'W7'; use one of W1, W2"):
        make("W7", seed=0)


def test_systems_are_chosen_by_name_and_pattern() -> None:
    assert systems.chosen(["nitocris", "pool-fork*"]) == [
        "pool-fork",
        "pool-fork-tuned",
        "nitocris",
    ]
    with pytest.raises(ValueError, match="no system 'spark'"):
        systems.chosen(["map", "spark"])


@pytest.mark.parametrize("name", BODIES)
def test_programs_of_cold_starts_are_python(name: str) -> None:
    assert name in SYSTEMS
    assert ast.parse(source(name, 3))
