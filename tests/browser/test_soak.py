"""An hour's work compressed: many items through one page, which must not grow or stall.

First the tasks of the main thread are timed, then memory is looked at.
The page's clock is put forward by six minutes at each tenth of the way, so that the chart sees its
hour.  Memory is read after a garbage collection, from a fifth of the way on: by then all is loaded.
`make soak` is the long form.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import parts
from tests.browser.conftest import Execution, Open

ITEMS = int(os.environ.get("NITOCRIS_SOAK_ITEMS", "100000"))

TIMED_ITEMS = 20_000

CHUNK = 50
"""Small, so that the page has to do with thousands of messages."""

SAMPLES = 10
MINUTES_A_SAMPLE = 6

HEAP_GROWTH = 0.5e6
"""Bytes that the page's JavaScript heap may grow; a leak of 10 bytes an item would be more."""

MEMORY_GROWTH = 30e6
"""Bytes that all renderers together, a gigabyte, may grow: allocators keep pages for later."""

MEMORY_GROWTH_PER_CHUNK = 1200
"""Measured are 900, of which collecting all heaps by force leaves most, in the processes of both
the page and the sandbox: an hour of 10 chunks a second would make 32 MB of them."""

LONG_TASK_MS = 50
"""The web's own definition of a long task, https://w3c.github.io/longtasks/, here in milliseconds
of the processor's time: on a busy machine any task takes long by the clock."""

CHART_POINTS = 300
"""Seconds of history, as in web/src/pool/statistics.ts."""

_WATCH = """
window.soak = {mostDrawn: 0};
// The chart is a new path in each draw.
const {lineTo} = Path2D.prototype;
Path2D.prototype.lineTo = function (...point) {
    this.drawn = (this.drawn ?? 0) + 1;
    soak.mostDrawn = Math.max(soak.mostDrawn, this.drawn);
    return lineTo.apply(this, point);
};
"""

_CLOCK = "const now = Date.now; self.skew = 0; Date.now = () => now() + self.skew"
"""For the worker that counts."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a page holds at one moment, in bytes."""

    heap: float
    memory: float

    def __str__(self) -> str:
        return f"heap {self.heap / 1e6:.2f} MB, all renderers {self.memory / 1e6:.0f} MB"


class Soak:
    """A page that is watched."""

    def __init__(self, chromium: Browser, volunteer: Open, url: str) -> None:
        self.volunteer = volunteer(url, init_script=_WATCH)
        self.page: Page = self.volunteer.page
        self.samples: list[Sample] = []
        self._devtools = self.page.context.new_cdp_session(self.page)
        self._browser = chromium.new_browser_cdp_session()
        # Then the page has its one worker, which counts.
        expect(parts.START.on(self.page)).to_be_enabled()
        (self._counting,) = self.page.workers
        self._counting.evaluate(_CLOCK)

    def measure(self) -> None:
        """Takes a sample, and puts the clock forward."""
        self._devtools.send("HeapProfiler.collectGarbage")
        heap = self._devtools.send("Runtime.getHeapUsage")["usedSize"]
        processes = self._browser.send("SystemInfo.getProcessInfo")["processInfo"]
        renderers = [int(each["id"]) for each in processes if each["type"] == "renderer"]
        self.samples.append(Sample(heap, sum(map(_resident, renderers))))
        self._counting.evaluate(f"self.skew += {MINUTES_A_SAMPLE} * 60_000")

    def most_drawn(self) -> int:
        """Returns the number of points of the longest chart so far."""
        most: int = self.page.evaluate("soak.mostDrawn")
        return most

    @contextmanager
    def timed_tasks(self) -> Iterator[list[float]]:
        """Gives a list that has, after the block, the milliseconds of the main thread's tasks."""
        tasks: list[float] = []
        events: list[dict[str, Any]] = []
        complete: list[object] = []
        self._browser.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
        self._browser.on("Tracing.tracingComplete", lambda data: complete.append(data))
        self._browser.send("Tracing.start", {"categories": "toplevel,blink.user_timing"})
        self.page.evaluate("performance.mark('this is the main thread')")
        yield tasks
        self._browser.send("Tracing.end")
        while not complete:
            self.page.wait_for_timeout(50)
        (main,) = {
            (event["pid"], event["tid"])
            for event in events
            if event["name"] == "this is the main thread"
        }
        tasks += [
            event["tdur"] / 1000
            for event in events
            if event["name"].endswith("RunTask")
            and (event["pid"], event["tid"]) == main
            and "tdur" in event  # the last one is still under way
        ]


@pytest.mark.timeout(900)
def test_a_long_map_through_one_page(chromium: Browser, volunteer: Open) -> None:
    """Memory stays flat, the chart bounded, and the page answers at any time."""
    with Execution() as d:
        soak = Soak(chromium, volunteer, d.url)
        with soak.timed_tasks() as tasks:
            soak.volunteer.start()
            assert d.map(lambda x: -x, range(TIMED_ITEMS), chunk_size=CHUNK)[-1] == 1 - TIMED_ITEMS
        for index, value in enumerate(d.imap(lambda x: -x, range(ITEMS), chunk_size=CHUNK)):
            assert value == -index
            if (index + 1) % (ITEMS // SAMPLES) == 0:
                soak.measure()
        expect(soak.page.get_by_test_id(parts.ITEMS_DONE)).to_have_text(
            f"{TIMED_ITEMS + ITEMS:,}", timeout=20_000
        )
        soak.page.wait_for_function(f"soak.mostDrawn >= {CHART_POINTS}", timeout=20_000)
        drawn = soak.most_drawn()

    print(*soak.samples, sep="\n")
    print(f"{len(tasks)} tasks of the main thread, the longest of {max(tasks):.0f} ms;")
    print(f"{drawn} points in the chart")
    _, first, *later = soak.samples
    assert max(each.heap for each in later) - first.heap < HEAP_GROWTH
    chunks = ITEMS // CHUNK * len(later) // SAMPLES
    allowed = MEMORY_GROWTH + chunks * MEMORY_GROWTH_PER_CHUNK
    assert max(each.memory for each in later) - first.memory < allowed
    assert drawn <= CHART_POINTS
    assert [task for task in tasks if task > LONG_TASK_MS] == []
    assert soak.volunteer.errors == []


def _resident(process: int) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
