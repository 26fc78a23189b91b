"""Twenty native workers under fire in the ordinary run; `make chaos` keeps at it for longer."""

from __future__ import annotations

import sys
from pathlib import Path

import cloudpickle
import pytest

from nitocris import DistributedExecution

from .fleet import Fleet, wait_until
from .kills import run

cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.mark.timeout(180)
def test_killed_workers_lose_double_and_reorder_nothing() -> None:
    """60 SIGKILLs a minute among 20 workers, and each of 2,000 items has one result in its place.

    The items wait for 12 seconds even if nobody is killed, and the seed has 15 kills until then.
    """
    report = run(seed=1, seconds=12)

    print(report)
    assert report.wrong == []
    assert report.kills >= 12
    assert report.workers >= 4
    assert report.processes >= 4


def test_a_hanging_function_ends_with_its_worker(tmp_path: Path) -> None:
    """A compute process neither outlives its killed parent nor waits for the end of an item."""
    mark = tmp_path / "mark"

    def hang(_: int) -> None:
        mark.touch()
        while True:
            pass

    with (
        DistributedExecution(host="127.0.0.1", progress=False) as d,
        Fleet(d.worker_url, 1) as fleet,
        d.imap(hang, [1]),
    ):
        wait_until(mark.exists)
        fleet.kill(0)

        fleet.wait_for_orphans()
