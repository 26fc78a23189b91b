"""Results of strangers who lie, over real sockets, from real processes."""

from __future__ import annotations

import itertools
import sqlite3
import time
from functools import partial
from pathlib import Path

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


def test_known_answers_find_the_only_device_to_lie(tmp_path: Path) -> None:
    """They are in no result, no count and no journal; honest devices that come do the work."""
    known = [((number, 2), number**2) for number in range(100, 110)]
    spots = Verify(trust_after=1_000, spot=1.0, known=known, arbiter=None)
    journal = tmp_path / "run.nitocris"
    with Execution(journal=journal) as d, volunteers(d.url, "wrong"):
        d.wait_for_workers(1)
        running = d.imap(pow, range(6), itertools.repeat(2), verify=spots)
        while d.stats().capacity:
            time.sleep(0.01)

        with volunteers(d.url, "honest", "honest"):
            assert list(running) == [0, 1, 4, 9, 16, 25]

        report = d.report()
        assert report.trust is not None
        assert report.trust.known > 0
        assert report.trust.banned == ("browser worker 1",)
        assert report.trust.quorum == report.items == d.stats().done == 6
    with sqlite3.connect(journal) as database:
        assert database.execute("SELECT count(*) FROM results").fetchone() == (6,)


def test_futures_are_checked_by_known_answers_as_maps_are() -> None:
    """The liar is sent away before anybody else is there; a wrong known answer is an error."""
    known = [((number, 2), number**2) for number in range(100, 110)]
    spots = Verify(trust_after=1_000, spot=1.0, known=known, arbiter=None)
    with Execution(verify=spots) as d, volunteers(d.url, "wrong"):
        d.wait_for_workers(1)
        futures = [d.submit(pow, number, 2) for number in range(6)]
        while d.stats().capacity:
            time.sleep(0.01)

        with volunteers(d.url, "honest", "honest"):
            assert [future.result(timeout=20) for future in futures] == [0, 1, 4, 9, 16, 25]
            assert d.submit(pow, 3, exp=2).result(timeout=20) == 9
        with pytest.raises(ConfigurationError, match="takes 3 arguments"):
            d.submit(pow, 3, 2, 5)

    wrong = Verify(spot=1.0, known=[((3, 2), 10)])
    with Execution(verify=wrong) as d, volunteers(d.url, "honest"):
        d.wait_for_workers(1)
        futures = [d.submit(pow, number, 2) for number in range(50)]

        assert isinstance(futures[-1].exception(timeout=20), ConfigurationError)
        assert d.submit(pow, 3, exp=2).result(timeout=20) == 9, "others go on"


def test_a_known_answer_that_is_none_ends_the_map() -> None:
    """This machine has seen that the device is right, and the mistake is the owner's."""
    wrong = Verify(spot=1.0, known=[((3, 2), 10)])
    with Execution(verify=wrong) as d, volunteers(d.url, "honest", "honest"):
        d.wait_for_workers(2)

        with pytest.raises(ConfigurationError, match=r"has the result 10 .* computes 9"):
            d.map(pow, range(50), itertools.repeat(2))
        with pytest.raises(ConfigurationError, match="takes 3 arguments"):
            d.map(pow, [1], [2], [3])
        with pytest.raises(ConfigurationError, match="known has no results for seed="):
            d.map(lambda _, rng: 0, [1], seed=1)
        assert d.stats().capacity == 2


def test_a_journal_forgets_what_liars_had_agreed_on(tmp_path: Path) -> None:
    """Handed over is handed over; but who resumes gets what is right."""
    confirmed = Verify(trust_after=1_000)
    journal = tmp_path / "run.nitocris"
    with Execution(journal=journal, verify=confirmed) as d:
        with volunteers(d.url, "wrong", "wrong"):
            d.wait_for_workers(2)
            stream = d.imap(pow, range(40), itertools.repeat(2), buffersize=4)
            lies: list[object] = [next(stream) for _ in range(4)]
            with volunteers(d.url, "honest", "honest"):
                d.wait_for_workers(4)
                rest: list[object] = list(stream)
        trust = d.report().trust
    assert lies == ["a lie"] * 4
    assert trust is not None
    assert len(trust.banned) == 2
    assert {0, 1, 2, 3} <= {*trust.doubtful}

    with Execution(journal=journal) as d, volunteers(d.url, "honest"):
        assert d.map(pow, range(40), itertools.repeat(2)) == [x**2 for x in range(40)]
        assert d.report().reused == 36 - rest.count("a lie"), "the others were kept"


def test_by_default_only_volunteers_from_elsewhere_are_confirmed() -> None:
    """From when the first one joins, in the middle of a stream; a browser here is believed."""
    with Execution() as d:
        with volunteers(d.url, "wrong"):
            d.wait_for_workers(1)
            believed: list[object] = d.map(pow, [3], [2])
            assert (believed, d.report().trust) == (["a lie"], None)
        results = d.imap(pow, range(8), itertools.repeat(2), buffersize=4)
        with volunteers(d.url, "honest"):
            first = [next(results), next(results)]
        with volunteers(d.url, "wrong", address="203.0.113.7"):
            while not ((trust := d.report().trust) and trust.banned):
                time.sleep(0.01)
        with volunteers(d.url, "honest", address="203.0.113.8"):
            rest = list(results)

        trust = d.report().trust
        with volunteers(d.url, "wrong", address="203.0.113.7"):
            d.wait_for_workers(1)
            believed = d.map(pow, [3], [2], verify=False)
            assert (believed, d.report().trust) == (["a lie"], None)
    assert [*first, *rest] == [number**2 for number in range(8)]
    assert trust is not None
    assert trust.own >= 2
    assert trust.own + trust.single + trust.arbiter == 8
