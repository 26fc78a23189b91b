"""A page whose network goes and comes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import cloudpickle
import pytest
from playwright.sync_api import expect

from nitocris import DistributedExecution
from tests.browser import parts
from tests.browser.conftest import Execution, Open, in_thread
from tests.support.wire import Wire

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.timeout(180)


def nap(x: int) -> int:
    time.sleep(0.05)
    return x


@pytest.fixture
def wired() -> Iterator[tuple[DistributedExecution, Wire, str]]:
    """An execution, the wire before it, and the link that leads through the wire."""
    with ExitStack() as stack:
        d = Execution(server_port=0)
        stack.callback(d.close)
        parts = urlsplit(d.worker_url)
        assert parts.port
        wire = stack.enter_context(Wire(parts.port))
        d.close()
        d = Execution(server_port=parts.port, public_url=f"http://127.0.0.1:{wire.port}")
        stack.callback(d.close)
        yield d, wire, d.url


def test_a_lost_connection_comes_back_by_itself(
    wired: tuple[DistributedExecution, Wire, str], volunteer: Open
) -> None:
    """The page says that it is away, tries again, says that it has rejoined; nothing is lost."""
    d, wire, link = wired
    page = volunteer(link)
    page.start()
    thread, outcome = in_thread(d.map, nap, range(80))
    expect(page.page.get_by_test_id(parts.ITEMS_DONE)).not_to_have_text("0", timeout=30_000)

    wire.cut()
    expect(page.page.get_by_text("The connection is lost")).to_be_visible()
    expect(page.page).to_have_title("Reconnecting · Nitocris")
    wire.mend()
    expect(page.page.get_by_text("has rejoined by itself")).to_be_visible(timeout=40_000)
    thread.join()

    assert outcome == [list(range(80))]


def test_a_device_that_slept_finds_out_at_once(
    wired: tuple[DistributedExecution, Wire, str], volunteer: Open
) -> None:
    """Its connection died in silence, as when the network has changed: five seconds, not thirty."""
    d, wire, link = wired
    page = volunteer(link)
    page.start()
    wire.block()
    hide = "state => { Object.defineProperty(document, 'visibilityState', {value: state, "
    hide += "configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }"
    page.page.evaluate(hide, "hidden")

    page.page.evaluate(hide, "visible")

    expect(page.page.get_by_test_id("connection-state")).not_to_have_text(
        "Connected", timeout=10_000
    )
    wire.mend()
    d.wait_for_workers(1, timeout=60)
    assert d.map(abs, [-1]) == [1]
