"""Owner and worker in one process: what they both import must be one and the same for both."""

from __future__ import annotations

import pytest

from nitocris import places


@pytest.fixture(autouse=True)
def one_copy_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests' clock and witness would travel, and the worker look at others."""
    monkeypatch.setattr(places, "PRESENT", places.PRESENT | {"tests"})
