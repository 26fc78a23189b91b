"""A real Chromium, and volunteers in it: pages that open the link and press Start."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from nitocris import DistributedExecution
from tests.support.numpy_wheel import BUILDS, numpy_wheel

START_TIMEOUT = 60_000
"""Milliseconds until a page is ready: 3 s on an idle machine, far more on a busy one."""

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Otherwise Chromium itself keeps pages from loopback, and our own walls would not be tested.
    "--disable-features=LocalNetworkAccessChecks",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each page has a context of its own."""
    names = ("chromium", "chromium-browser", "google-chrome")  # as in scripts/ensure_chromium.sh
    executable = next(filter(None, map(shutil.which, names)), None)
    assert executable, "no Chromium: run scripts/ensure_chromium.sh"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        yield browser
        browser.close()


class Volunteer:
    """A page that somebody has opened."""

    def __init__(self, browser: Browser, url: str, cores: int) -> None:
        self._context = browser.new_context(viewport={"width": 400, "height": 800})
        self._context.add_init_script(
            f"Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', {{value: {cores}}})"
        )
        self.errors: list[str] = []
        self.page: Page = self._context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)

    def start(self, workers: int = 1) -> None:
        """Presses Start, and waits until all workers are ready."""
        slider = self.page.get_by_role("slider", name="Workers")
        if slider.count():
            slider.fill(str(workers))
        self.press("Start")
        self.expect_workers(workers)

    def press(self, verb: str) -> None:
        """Presses a button as soon as it is there."""
        self.page.get_by_role("button", name=verb, exact=True).click()

    def expect_workers(self, workers: int) -> None:
        """Waits until so many workers idle or compute."""
        ready = (
            self.page.get_by_test_id("worker-state")
            .filter(has_text="idle")
            .or_(self.page.get_by_test_id("worker-state").filter(has_text="computing"))
        )
        expect(ready).to_have_count(workers, timeout=START_TIMEOUT)

    def expect_state(self, word: str) -> None:
        """Waits until some worker is in this state."""
        state = self.page.get_by_test_id("worker-state").filter(has_text=word)
        expect(state.first).to_be_visible(timeout=START_TIMEOUT)

    def close(self) -> None:
        """Closes the tab, as somebody would who has had enough."""
        self._context.close()


Open = Callable[..., Volunteer]


@pytest.fixture
def volunteer(chromium: Browser) -> Iterator[Open]:
    """Opens pages: `volunteer(url, cores=2)`; they are closed after the test."""
    with ExitStack() as stack:

        def open_page(url: str, cores: int = 2) -> Volunteer:
            page = Volunteer(chromium, url, cores)
            stack.callback(page.close)
            return page

        yield open_page


Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


def in_thread(function: object, *arguments: object) -> tuple[threading.Thread, list[object]]:
    """Runs a map beside the test, which drives the pages meanwhile."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(function(*arguments))  # type: ignore[operator]
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


@pytest.fixture
def numpy_in_browsers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a real NumPy for WebAssembly available, or skips where there is none."""
    if sys.version_info[:2] not in BUILDS:
        pytest.skip("no NumPy for WebAssembly is published for this Python on npm")
    monkeypatch.setenv("NITOCRIS_WHEELS", str(numpy_wheel().parent))
