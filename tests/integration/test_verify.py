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


def test_an_own_process_decides_where_two_disagree() -> None:
    """There is no third device, so the owner's machine computes, and the liar is sent away."""
    with Execution(verify=Verify()) as d, volunteers(d.url, "honest", "wrong"):
        d.wait_for_workers(2)

        results = d.map(pow, range(4), itertools.repeat(2))
        assert d.submit(pow, 5, 2).result(timeout=20) == 25

        trust = d.report().trust
        assert d.stats().capacity == 1
    assert results == [0, 1, 4, 9]
    assert trust is not None
    assert trust.arbiter > 0


def test_a_check_finds_a_lie_and_an_error_that_others_confirm_is_believed() -> None:
    """Both with one honest device and one liar; without verify the lie is believed."""

    def right(item: tuple[int, int], result: object) -> bool:
        return bool(result == item[0] ** item[1])

    with Execution(verify=Verify(check=right)) as d, volunteers(d.url, "wrong"):
        d.wait_for_workers(1)
        believed: list[object] = d.map(pow, [3], [2], verify=False)
        assert believed == ["a lie"]
        with volunteers(d.url, "honest"):
            d.wait_for_workers(2)

            assert d.map(pow, range(6), itertools.repeat(2)) == [0, 1, 4, 9, 16, 25]
            assert len(list(d.imap(pow, range(6), itertools.repeat(2)))) == 6
            with pytest.raises(ZeroDivisionError) as raised:
                d.map(pow, [0], [-1])
            assert isinstance(raised.value, RemoteError)


def test_a_function_that_is_not_deterministic_is_named() -> None:
    """The message has the remedy, and nobody is sent away; so it is for an owner's mistake."""

    def broken(_item: object, _result: object) -> bool:
        raise KeyError("oops")

    with Execution() as d, volunteers(d.url, "honest", "honest"):
        d.wait_for_workers(2)

        with pytest.raises(DisagreementError, match=r"is not deterministic; if .* use seed="):
            d.map(lambda _: __import__("time").time_ns(), range(2), verify="auto")
        with pytest.raises(ConfigurationError, match=r"Verify\(check=...\) raised KeyError"):
            d.map(abs, [1], verify=Verify(check=broken))

        assert d.submit(abs, -1).result() == 1
        assert d.stats().capacity == 2
