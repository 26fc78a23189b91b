"""The scheduler in the simulated world; each failing seed names the command that replays it."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

import pytest

from . import chaos, efficiency, growth
from .__main__ import replay
from .efficiency import Outcome
from .world import EqualCosts, SimulatedMap, Simulation

SEEDS = 75
BATCH = 25
GUIDE = Path(__file__).parents[2] / "docs" / "scheduler.md"


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_whatever_happens_every_item_is_delivered_once(first: int) -> None:
    """Devices leave, hang, crash and lie, messages are lost and doubled, clocks jump."""
    for seed in range(first, first + BATCH):
        try:
            chaos.run(seed)
        except Exception as error:
            error.add_note(f"replay it: {replay(seed)}")
            raise


def test_the_same_seed_tells_the_same_story() -> None:
    """Else no failure could be looked into."""
    one, other = (chaos.prepare(11, tell=True) for _ in range(2))
    chaos.finish(one)
    chaos.finish(other)

    assert len(one.story) > 100
    assert one.story == other.story


def test_a_broken_promise_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator is no test that cannot fail: a chunk that is lost leaves a map open."""
    monkeypatch.setattr("nitocris.books.Books.put_back", lambda _self, _chunk: None)
    monkeypatch.setattr("nitocris.books.Books.check", lambda _self: None)

    def run_some() -> None:
        for seed in range(50):
            chaos.run(seed)

    with pytest.raises(AssertionError, match="a map is not over"):
        run_some()


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """The rows of the table, measured once: all of them in `make simulation`."""
    whole = "NITOCRIS_WHOLE_TABLE" in os.environ
    return [scenario() for scenario in (efficiency.SCENARIOS if whole else efficiency.ORDINARY)]


@pytest.mark.timeout(180)
def test_hardly_any_time_of_the_workers_is_wasted(outcomes: list[Outcome]) -> None:
    """97 % of the ideal, or within 5 % of the bound plus one chunk, or 90 % with churn."""
    too_slow = [each for each in outcomes if each.makespan > each.allowed]

    assert too_slow == []


def test_the_table_in_the_guide_is_the_measured_one(outcomes: list[Outcome]) -> None:
    """`python -m tests.simulation --efficiency` prints what docs/scheduler.md shows.

    Another NumPy or processor may round a lognormal number otherwise, hence the tolerance.
    """
    row = re.compile(r"^\| (\d.*) \| .* s \| (.*) s \| (.*)% \| (.*) \|$", re.MULTILINE)

    shown = {name: list(map(float, values)) for name, *values in row.findall(GUIDE.read_text())}

    assert len(shown) == len(efficiency.SCENARIOS)
    for each in outcomes:
        measured = [each.makespan, 100 * each.efficiency, each.lent]
        assert shown[each.name] == pytest.approx(measured, rel=0.01), each.name


def test_work_per_event_does_not_depend_on_the_number_of_items() -> None:
    """Ten times the items: as many calls in the scheduler per event."""

    def steps_per_event(workers: int, count: int) -> float:
        simulation = Simulation(check=False)
        for _ in range(workers):
            simulation.join(latency=0.05)
        simulation.start(SimulatedMap(EqualCosts(count, 0.1), chunk_size=2))
        with efficiency.counting_calls() as calls:
            simulation.run()
        return calls.count / simulation.events

    few, many = steps_per_event(20, 2_000), steps_per_event(20, 20_000)
    crowd = steps_per_event(200, 20_000)

    assert many == pytest.approx(few, rel=0.1)
    assert crowd == pytest.approx(few, rel=0.3)


@pytest.mark.timeout(180)
def test_a_crowd_finishes() -> None:
    """1,000 workers and 100,000 items; the full size is `make simulation`."""
    outcome = efficiency.crowd(workers=1_000, items=100_000)

    assert outcome.makespan < outcome.allowed


def test_no_table_grows_with_the_items_that_are_done(tmp_path: Path) -> None:
    """What is over leaves nothing behind; `make simulation` does this with ten million items."""
    assert growth.grown_after(growth.plain, 200_000) == {}
    assert growth.grown_after(growth.verified, 50_000) == {}
    for problem in ("the disk is full", ""):
        journaled = partial(growth.journaled, folder=tmp_path, problem=problem)
        assert growth.grown_after(journaled, 25_000, few=4_000) == {}
