"""Results of strangers who lie, over real sockets, from real processes."""

from __future__ import annotations

import itertools
from functools import partial

import pytest

from nitocris import (
    ConfigurationError,
    DisagreementError,
    DistributedExecution,
    RemoteError,
    Verify,
)
from tests.support.volunteer import volunteers

Execution = partial(DistributedExecution, host="127.0.0.1", progress=False, chunk_size=2)


def test_results_are_right_although_some_lie() -> None:
    """Two liars and a volunteer who invents exceptions, among four honest ones."""
    ways = ["honest", "wrong", "honest", "raise", "honest", "wrong", "honest"]
    with Execution(verify="auto") as d, volunteers(d.url, *ways):
        d.wait_for_workers(len(ways))

        results = d.map(pow, range(60), itertools.repeat(2))

        trust = d.report().trust
    assert results == [number**2 for number in range(60)]
    assert trust is not None
    assert len(trust.banned) == 3
    assert trust.single + trust.quorum + trust.arbiter == 60
    assert trust.disagreements >= 3
