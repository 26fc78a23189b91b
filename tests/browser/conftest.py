"""A real Chromium, and volunteers in it: pages that open the link and press Start."""

from __future__ import annotations

import contextlib
import random
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Playwright,
    ViewportSize,
    expect,
    sync_playwright,
)

from nitocris import DistributedExecution
from tests.browser import parts
from tests.browser.canary import Canary
from tests.support.chromium import ARGUMENTS, find_chromium
from tests.support.numpy_wheel import BUILDS, numpy_wheel

START_TIMEOUT = 60_000
"""Milliseconds until a page is ready: 3 s on an idle machine, far more on a busy one."""

VIEWPORT: ViewportSize = {"width": 400, "height": 800}

_BROWSERS = pytest.StashKey[list[str]]()


def note_browser(config: pytest.Config, name: str) -> None:
    """Has a browser named at the end of the run."""
    config.stash.setdefault(_BROWSERS, []).append(name)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says which browsers ran: some are tested only where they are."""
    if names := config.stash.get(_BROWSERS, []):
        terminalreporter.write_line(f"Browsers: {', '.join(names)}")


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """One browser for all tests; each page has a context of its own."""
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        note_browser(request.config, f"Chromium {browser.version}")
        yield browser
        browser.close()


def launch_chromium(playwright: Playwright) -> Browser:
    """Starts the system's Chromium without a window."""
    return playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    """Hears whatever leaves a browser for one port of this machine."""
    with Canary() as canary:
        yield canary


class Volunteer:
    """A page that somebody has opened.

    Args:
        context: The browser that it is in.
        url: Its address.
        cores: What the browser tells of the device.
        init_script: Runs before the page's own scripts.
    """

    def __init__(
        self, context: BrowserContext, url: str, cores: int = 2, init_script: str = ""
    ) -> None:
        self.errors: list[str] = []
        self.page: Page = context.new_page()
        self.page.add_init_script(
            f"Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', {{value: {cores}}})"
        )
        self.page.add_init_script(init_script)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)

    def start(self, workers: int = 1) -> None:
        """Presses Start, and waits until all workers are ready."""
        slider = parts.WORKERS.on(self.page)
        if slider.count():
            slider.fill(str(workers))
        self.press(parts.START)
        self.expect_workers(workers)

    def press(self, button: parts.Part) -> None:
        """Presses a button as soon as it is there."""
        button.on(self.page).click()

    def expect_workers(self, workers: int) -> None:
        """Waits until so many workers idle or compute."""
        ready = self.page.get_by_test_id(parts.WORKER_STATE).filter(has_text=parts.READY)
        expect(ready).to_have_count(workers, timeout=START_TIMEOUT)

    def expect_state(self, word: str) -> None:
        """Waits until some worker is in this state."""
        state = self.page.get_by_test_id(parts.WORKER_STATE).filter(has_text=word)
        expect(state.first).to_be_visible(timeout=START_TIMEOUT)

    def close(self) -> None:
        """Closes the tab, as somebody would who has had enough, and forgets the choices."""
        with contextlib.suppress(Error):  # it may be closed already
            self.page.evaluate("try { localStorage.clear(); } catch {}")
            self.page.close()


Open = Callable[..., Volunteer]


@pytest.fixture(scope="session")
def known_browser(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that keeps what it has downloaded from one test to the next."""
    context = chromium.new_context(viewport=VIEWPORT)
    yield context
    context.close()


@pytest.fixture
def volunteer(known_browser: BrowserContext) -> Iterator[Open]:
    """Opens pages: `volunteer(url, cores=2, init_script="")`; they are closed after the test."""
    with ExitStack() as stack:
        yield partial(_open, stack, known_browser)


@pytest.fixture
def stranger(chromium: Browser) -> Iterator[Open]:
    """As `volunteer`, in a browser that has never been here."""
    with ExitStack() as stack:
        context = chromium.new_context(viewport=VIEWPORT)
        stack.callback(context.close)
        yield partial(_open, stack, context)


def _open(
    stack: ExitStack, context: BrowserContext, url: str, cores: int = 2, init_script: str = ""
) -> Volunteer:
    page = Volunteer(context, url, cores, init_script)
    stack.callback(page.close)
    return page


def _free_port() -> int:
    """Returns a port below those that the system gives away by itself."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port")


Execution = partial(
    DistributedExecution,
    host="127.0.0.1",
    # Always the same: browsers keep what they know by host and port.
    server_port=_free_port(),
    progress=False,
)


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
