"""Takes the pictures of the page's states: real work, in Chromium, into docs/images.

    .venv/bin/python scripts/screenshots.py [FOLDER]

`STATES` is the table; each state is reached once, and taken for every device and scheme.  The
owner's dashboard comes last.  The pictures hold nothing of this machine: no address but the
loopback one, no names of machines, and a made-up title.
What counts or draws goes its own way, so two runs agree in all but numbers.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nitocris import ClosedError, DistributedExecution  # noqa: E402  # tests.browser needs the path above
from tests.browser import parts  # noqa: E402
from tests.browser.battery import BATTERY  # noqa: E402
from tests.browser.conftest import Volunteer, launch_chromium  # noqa: E402

TITLE = "prime gaps"
DESCRIPTION = (
    "I am looking for patterns in prime gaps for my thesis. Thank you for lending me a core!"
)
CORES = 8
WORKERS = 2
ITEMS = 600
SIZE = 12_000
"""Numbers that an item goes through."""

SCHEMES = ("light", "dark")
MAX_BYTES = 300_000

SECONDS_OF_WORK = 25
"""Until there is a line in the chart that looks like one."""


@dataclass(frozen=True, slots=True)
class Device:
    """A screen: its size in CSS pixels, and how many real ones there are to each."""

    width: int
    height: int
    scale: int

    def context(self) -> dict[str, Any]:
        """Returns what makes Playwright show a page there."""
        viewport = {"width": self.width, "height": self.height}
        return {"viewport": viewport, "device_scale_factor": self.scale}


DEVICES = {"phone": Device(390, 844, 2), "desktop": Device(1280, 800, 1)}
DASHBOARDS = {"phone": Device(390, 720, 2), "desktop": Device(1280, 925, 1)}
VISITORS = ("Pixel 7", "iPad Mini")
"""What the dashboard's devices say that they are, by Playwright's names."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a state is made of: an execution, and a page on each device that has opened its link."""

    execution: DistributedExecution
    volunteers: dict[str, Volunteer]

    @property
    def pages(self) -> list[Page]:
        """The pages alone."""
        return [volunteer.page for volunteer in self.volunteers.values()]


def before_start(stage: Stage) -> None:
    """The link has been opened, and the work waits."""
    _set_to_work(stage.execution)
    for page in stage.pages:
        page.reload()
        expect(parts.READ_CODE.on(page)).to_be_visible()


def computing(stage: Stage) -> None:
    """Work has been under way for some time."""
    for volunteer in stage.volunteers.values():
        volunteer.start(workers=WORKERS)
    _set_to_work(stage.execution)
    for page in stage.pages:
        expect(page.get_by_role("img")).to_be_visible()
    time.sleep(SECONDS_OF_WORK)


def paused(stage: Stage) -> None:
    """The device was unplugged while it computed, and its owner had chosen to pause then."""
    for page in stage.pages:
        parts.ON_BATTERY.on(page).select_option("pause")
    computing(stage)
    for page in stage.pages:
        page.evaluate("plug(false)")
        expect(page.get_by_test_id("pause")).to_contain_text("runs on battery")


def raised(stage: Stage) -> None:
    """The owner's function raised an error for some items."""
    for volunteer in stage.volunteers.values():
        volunteer.start(workers=WORKERS)
    _set_to_work(stage.execution)
    time.sleep(SECONDS_OF_WORK)
    stage.execution.map(_divide, [0] * 40, errors="return", chunk_size=1)
    for page in stage.pages:
        expect(page.get_by_text("raised an error")).to_be_visible()


def finished(stage: Stage) -> None:
    """Somebody has pressed Finish."""
    computing(stage)
    for volunteer in stage.volunteers.values():
        volunteer.press(parts.FINISH)
        expect(volunteer.page.get_by_text("Thank you!")).to_be_visible()


STATES: dict[str, Callable[[Stage], None]] = {
    "before-start": before_start,
    "computing": computing,
    "paused": paused,
    "raised": raised,
    "finished": finished,
}


def main(folder: Path) -> None:
    """Takes all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as home:
        # The user's own links are left alone.
        os.environ |= {"XDG_STATE_HOME": home, "XDG_CACHE_HOME": home}
        browser = launch_chromium(playwright)
        for name, reach in STATES.items():
            with _opened(browser) as stage:
                reach(stage)
                for device, scheme in product(DEVICES, SCHEMES):
                    file = folder / f"page-{name}-{device}-{scheme}.png"
                    _take(stage.volunteers[device].page, scheme, file)
        _take_dashboard(playwright, browser, folder)
        browser.close()


def _take_dashboard(playwright: Playwright, browser: Browser, folder: Path) -> None:
    """Shows the owner some work of several devices, with errors in it."""
    execution = DistributedExecution(title=TITLE, host="127.0.0.1", progress=False)
    pages = {name: browser.new_page(**device.context()) for name, device in DASHBOARDS.items()}
    for page in pages.values():
        page.goto(execution.dashboard_url)
    Thread(target=_work, args=(execution, prime_gap), daemon=True).start()
    for visitor in VISITORS:
        context = browser.new_context(user_agent=playwright.devices[visitor]["user_agent"])
        Volunteer(context, execution.url, CORES).start()
        time.sleep(SECONDS_OF_WORK / len(VISITORS))
    for device, scheme in product(DASHBOARDS, SCHEMES):
        file = folder / f"dashboard-{device}-{scheme}.png"
        _take(pages[device], scheme, file)
    execution.close()


@contextmanager
def _opened(browser: Browser) -> Iterator[Stage]:
    execution = DistributedExecution(
        title=TITLE, description=DESCRIPTION, host="127.0.0.1", progress=False
    )
    volunteers = {
        name: Volunteer(browser.new_context(**device.context()), execution.url, CORES, BATTERY)
        for name, device in DEVICES.items()
    }
    yield Stage(execution, volunteers)
    for volunteer in volunteers.values():
        volunteer.close()
    execution.close()


def _take(page: Page, scheme: str, file: Path) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    # The chart takes its colours when it is drawn, which is once a second.
    page.wait_for_timeout(1_500)
    page.screenshot(path=file)
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise SystemExit(f"{file} has {size:,} bytes, more than {MAX_BYTES:,}")
    print(f"{file}: {size // 1000} kB")


def _set_to_work(execution: DistributedExecution) -> None:
    Thread(target=_work, args=(execution, longest_gap), daemon=True).start()


def _work(execution: DistributedExecution, function: Callable[[int], int]) -> None:
    # Closing the execution ends it.
    with suppress(ClosedError):
        execution.map(function, range(ITEMS), errors="return")


def longest_gap(block: int) -> int:
    """Finds the longest gap between neighbouring primes of a block of numbers."""
    longest, last = 0, 0
    for n in range(block * SIZE, (block + 1) * SIZE):
        if n > 1 and all(n % d for d in range(2, int(n**0.5) + 1)):
            longest, last = max(longest, n - (last or n)), n
    return longest


def prime_gap(block: int) -> int:
    """Does not always want to."""
    if block % 40 == 7:
        raise ValueError("this block has been checked before")
    return longest_gap(block)


def _divide(number: int) -> float:
    return 1 / number


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
