"""The sandbox: whatever a function tries, nothing leaves the compute worker but results."""

from __future__ import annotations

import pytest

from tests.browser import escape
from tests.browser.canary import Canary
from tests.browser.conftest import Execution, Open


def test_the_canary_sees_what_an_ordinary_page_sends(canary: Canary, volunteer: Open) -> None:
    """The control: without the sandbox the same requests arrive, so silence means something."""
    page = volunteer(canary.url).page
    before = len(canary.seen)

    page.evaluate(f"async () => {{ {escape.control(canary)} }}")
    page.wait_for_timeout(escape.SETTLE_MILLISECONDS)

    assert escape.is_control(canary.seen[before:])


def test_the_policy_alone_keeps_workers_in(canary: Canary, volunteer: Open) -> None:
    """The content security policy is the wall: a worker that still has `fetch` gets no further."""
    with Execution() as d:
        page = volunteer(d.url)
        page.start()
        before = len(canary.seen)
        (frame,) = [each for each in page.page.frames if each.url.endswith("/sandbox")]

        said = frame.evaluate(f"async () => {{ {escape.hostile_worker(canary)} }}")
        page.page.wait_for_timeout(escape.SETTLE_MILLISECONDS)

    assert said == "tried"
    assert canary.seen[before:] == []


@pytest.mark.timeout(180)
def test_no_probe_reaches_the_canary(canary: Canary, volunteer: Open) -> None:
    """From the compute worker, no way of JavaScript's, Pyodide's or Python's makes a request."""
    with Execution() as d:
        page = volunteer(d.url)
        page.start()
        before = len(canary.seen)

        escape.try_every_probe(d, canary)
        page.page.wait_for_timeout(escape.SETTLE_MILLISECONDS)

        assert canary.seen[before:] == []
        assert d.map(abs, [-1]) == [1]


@pytest.mark.timeout(120)
def test_what_stores_or_tells_is_not_there(volunteer: Open) -> None:
    """Nothing can be kept on the device or told to other pages of it."""
    with Execution() as d:
        volunteer(d.url).start()

        assert escape.still_there(d) == []
