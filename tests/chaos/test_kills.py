"""Twenty native workers under fire in the ordinary run; `make chaos` keeps at it for longer."""

from __future__ import annotations

import pytest

from .kills import run


@pytest.mark.timeout(180)
def test_killed_workers_lose_double_and_reorder_nothing() -> None:
    """60 SIGKILLs a minute among 20 workers, and each of 2,000 items has one result in its place.

    The items wait for at least 25 seconds in all, and in these the seed has 33 kills.
    """
    report = run(seed=1, seconds=25)

    print(report)
    assert report.wrong == []
    assert report.kills >= 25
    assert report.workers >= 10
    assert report.processes >= 10
