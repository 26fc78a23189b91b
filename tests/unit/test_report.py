"""Where the time of a map went."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nitocris.history import History
from nitocris.job import MappedFunction
from nitocris.ledger import Ledger
from nitocris.report import Provenance, Report, WheelVersion

CAME = Provenance(
    "1.2.3", "3.12.1", "0.27.8", (WheelVersion("numpy", "2.0.2", "ab" * 32),), "cd" * 32
)


def report() -> Report:
    """Returns that of a map of 12 s: 3 s nobody was there, and the last chunk began at 9 s."""
    history, ledger = History(100.0), Ledger()
    history.started(1, MappedFunction("simulate", None), "cd" * 32, ledger, 101.0)
    history.staffed(2, 104.0)
    ledger.lent(7, "browser worker 7", 4)
    ledger.lent(7, "browser worker 7", 8)
    ledger.lent(8, "native worker 8", 4)
    ledger.answered(7, 12, seconds=5.0, elapsed=6.0)
    ledger.took([(0, 1.0), (3, 2.5)], longest=6.0)
    ledger.answered(8, 3, seconds=1e9, elapsed=2.0)
    ledger.took([(14, 1e9)], longest=2.0)
    ledger.relent = 1
    ledger.last_start = 110.0
    history.delivered(1, 15, 2)
    history.staffed(0, 112.0)
    history.over(1, 113.0)
    return history.report(CAME, 200.0)


def test_the_time_is_divided() -> None:
    """Into waiting, computing, transfer and tail, as the docstring defines them."""
    found = report()

    assert (found.items, found.failed, found.retries) == (15, 2, 1)
    assert (found.seconds, found.waiting, found.tail) == (12.0, 3.0 + 1.0, 3.0)
    assert (found.computing, found.transfer) == (5.0 + 2.0, 1.0)


def test_workers_are_believed_as_far_as_the_clock_allows() -> None:
    """One that claims a billion seconds had two."""
    found = report()

    assert [(each.index, each.seconds) for each in found.slowest] == [(3, 2.5), (14, 2.0), (0, 1.0)]


def test_each_workers_share_is_told() -> None:
    """The most items first, with the sizes of its chunks."""
    first, second = report().workers

    assert (first.name, first.items, first.chunks) == ("browser worker 7", 12, 2)
    assert (first.smallest_chunk, first.largest_chunk) == (4, 8)
    assert (second.name, second.items) == ("native worker 8", 3)


def test_a_report_can_be_read() -> None:
    """As text, and with the same words as HTML."""
    found = report()

    text, page = str(found), found._repr_html_()

    for words in ("15 items in 12.0 s", "2 failed", "88% of", "3 (2.5 s)", "numpy 2.0.2", "0.27.8"):
        assert words in text
        assert words in page


def test_names_are_no_html() -> None:
    """A function may be called `<lambda>`."""
    page = replace(report(), function="<script>")._repr_html_()

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_running_map_is_reported_as_it_is() -> None:
    """Its tail is unknown."""
    history, ledger = History(0.0), Ledger()
    history.started(1, MappedFunction("f", None), "", ledger, 1.0)
    ledger.last_start = 2.0

    found = history.report(CAME, 5.0)

    assert (found.is_over, found.seconds, found.waiting, found.tail) == (False, 4.0, 4.0, 0.0)


def test_only_the_slowest_items_are_remembered() -> None:
    """However many there are."""
    ledger = Ledger()

    for index in range(1000):
        ledger.took([(index, float(index * 7 % 1000))], longest=1000.0)

    assert [seconds for _, seconds in ledger.slowest()] == [999.0, 998.0, 997.0, 996.0, 995.0]


@pytest.mark.parametrize("sizes", [(3, 3), (1, 9)])
def test_sizes_of_chunks_are_a_number_or_a_range(sizes: tuple[int, int]) -> None:
    """As it is."""
    share = replace(report().workers[0], smallest_chunk=sizes[0], largest_chunk=sizes[1])

    text = str(replace(report(), workers=(share,)))

    assert ("of 3\n" in text) == (sizes == (3, 3))
    assert ("of 1 to 9" in text) == (sizes == (1, 9))


def test_what_the_journal_gave_and_what_became_of_it() -> None:
    """Items of earlier runs are done as well."""
    history = History(0.0)
    history.started(1, MappedFunction("simulate", None), "cd" * 32, Ledger(), 0.0)
    history.reused(1, 1200)
    history.delivered(1, 3, 0)
    found = replace(history.report(CAME, 5.0), journal_problem="run.nitocris is full")

    assert (found.items, found.reused) == (1203, 1200)
    assert "from the journal     1,200 items" in str(found)
    assert "journal              run.nitocris is full" in str(found)
    assert "journal" not in str(report())
