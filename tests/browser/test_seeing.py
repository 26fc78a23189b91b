"""What the owner sees of a real browser: who it is, what functions print there, what takes long."""

from __future__ import annotations

import re
import sys
import time

import pytest

from tests.browser.conftest import Execution, Open

pytestmark = pytest.mark.timeout(180)


def test_the_owner_sees_a_browser_at_work(
    volunteer: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """Its name and distance, its items and the slowest of them, and what they print."""
    caplog.set_level("INFO", "nitocris.output")

    def function(x: int) -> int:
        print("computes", x)
        sys.stdout.buffer.write(b"as bytes\n")
        if x == 3:
            time.sleep(0.2)
        return x

    with Execution() as d:
        volunteer(d.url).start()
        assert d.map(function, range(5)) == [*range(5)]
        report = d.report()
        while (worker := d.stats().workers[0]).round_trip is None:
            time.sleep(0.05)

    printed = [record.message for record in caplog.records]
    assert {f"item {index}: computes {index}" for index in range(5)} <= {*printed}
    assert "item 4: as bytes" in printed
    assert worker.name is not None
    assert re.fullmatch(r"Chrome \d+, Linux", worker.name)
    assert (worker.kind, worker.items, worker.address) == ("browser", 5, "127.0.0.1")
    assert 0 <= worker.round_trip < 60
    assert report.slowest[0].index == 3
    assert report.slowest[0].seconds >= 0.19
    assert report.computing >= 0.19
    assert report.provenance.pyodide is not None
