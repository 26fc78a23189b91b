"""The owner's dashboard in Chromium, with a real server, native workers and volunteers' pages."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import product

import cloudpickle
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from nitocris import DistributedExecution
from tests.browser import axe
from tests.browser.conftest import Execution, Open, in_thread

cloudpickle.register_pickle_by_value(sys.modules[__name__])

VIEWPORTS = {"phone": (320, 568), "tablet": (768, 1024), "desktop": (1440, 900)}
LOOKS = list(product(VIEWPORTS, ("light", "dark")))
FEW_LOOKS = [("phone", "light"), ("desktop", "dark")]
"""For what adds little to the page."""
ITEMS = 5000
"""More than are done before the tests are."""

Show = Callable[[str], Page]


def slow(number: int) -> int:
    time.sleep(0.02)
    if number % 10 == 3:
        raise ValueError("a number <b>with</b> a three")
    return number


@pytest.fixture
def show(known_browser: BrowserContext) -> Iterator[Show]:
    """Opens a dashboard; what went wrong in it fails the test."""
    pages: list[Page] = []
    errors: list[str] = []

    def opened(url: str) -> Page:
        page = known_browser.new_page()
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda request: errors.append(f"{request.url} failed"))
        page.goto(url)
        return page

    yield opened
    for page in pages:
        page.close()
    assert [error for error in errors if "/api/" not in error] == []


def to_work(execution: DistributedExecution) -> None:
    in_thread(lambda: execution.map(slow, range(ITEMS), errors="return"))


def test_the_work_is_seen_and_a_device_sent_away(show: Show, volunteer: Open) -> None:
    """By keyboard, after a question; the device stays away, and the work goes on without it."""
    with Execution(title="threes", local_workers=1) as d:
        page = show(d.dashboard_url)
        expect(page.get_by_role("heading", name="threes")).to_be_visible()
        device = volunteer(d.url)
        device.start()
        to_work(d)
        browser = page.get_by_role("row", name="browser worker")
        expect(browser).to_contain_text("Chrom")
        expect(browser).to_contain_text("127.0.0.1")
        expect(page.get_by_role("row", name="native worker")).to_be_visible()
        bar = page.get_by_role("progressbar", name="slow")
        done = int(bar.get_attribute("value") or 0)
        expect(page.get_by_test_id("error")).to_contain_text("ValueError: a number <b>with</b> a")
        page.wait_for_function(
            "done => Number(document.querySelector('progress').value) > done", arg=done
        )

        page.get_by_role("button", name="Send away browser worker").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Send browser worker")
        expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Send away browser worker")).to_be_focused()
        page.keyboard.press("Enter")
        dialog.get_by_role("button", name="Send away").press("Enter")

        expect(page.get_by_role("status").filter(has_text="You sent browser")).to_be_visible()
        expect(page.get_by_role("heading", name="Devices")).to_be_focused()
        expect(browser).to_have_count(0)
        expect(device.page.get_by_role("heading", name="Sent home")).to_be_visible()
        expect(device.page.get_by_role("alert")).to_contain_text("The owner of the work has ended")
        kinds = [worker.kind for worker in d.stats().workers]
        d.close()

    assert kinds == ["native"]
    assert device.errors == []


def test_the_token_stays_hidden(show: Show) -> None:
    """Out of address, title, text and requests' addresses, also after a reload."""
    with Execution(title="threes") as d:
        token = d.dashboard_url.partition("#")[2]
        page = show(d.dashboard_url)
        heading = page.get_by_role("heading", name="threes")
        chart = page.locator(".progress-chart").get_by_role("img")
        expect(heading).to_be_visible()
        expect(chart).to_be_visible()  # its file comes last, and a reload would cut it off
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        expect(heading).to_be_visible()
        expect(page.get_by_text("No device has joined yet.")).to_be_visible()
        expect(chart).to_be_visible()
        base = d.dashboard_url.partition("/owner")[0]

    assert page.url == f"{base}/owner"
    assert token not in page.title() + page.content()
    assert all(url.startswith((f"{base}/", "data:")) for url in asked)
    assert token not in "".join(asked)


def test_a_wrong_token_is_told(show: Show) -> None:
    """Also that of volunteers, whose link looks so much like it; nothing is shown."""
    with Execution(title="threes") as d:
        token = d.url.partition("#")[2]
        page = show(f"{d.dashboard_url.partition('#')[0]}#{token}")

        expect(page.get_by_role("alert")).to_contain_text("wrong or not valid any more")
        expect(page.get_by_text("threes")).to_have_count(0)


def test_it_comes_back_with_the_program(show: Show) -> None:
    """What was known stays to be read meanwhile."""
    with Execution(title="threes") as d:
        page = show(d.dashboard_url)
        expect(page.get_by_text("No map is running")).to_be_visible()
    expect(page.get_by_text("No answer since")).to_be_visible()
    expect(page.get_by_role("heading", name="threes")).to_be_visible()

    with Execution(title="fours"):
        page.get_by_role("button", name="Try now").click()
        expect(page.get_by_role("heading", name="fours")).to_be_visible()
        expect(page.get_by_text("No answer since")).to_have_count(0)


def test_volunteers_download_nothing_of_it(volunteer: Open) -> None:
    """It is an entry of its own."""
    with Execution() as d:
        page = volunteer(d.url).page
        expect(page.get_by_role("button", name="Start")).to_be_enabled()
        names: list[str] = page.evaluate(
            "performance.getEntriesByType('resource').map(({name}) => name)"
        )

    assert any("/assets/page" in name for name in names)
    assert not [name for name in names if "owner" in name]


def test_everybody_can_use_it(show: Show) -> None:
    """On all screens and in both schemes, with rows or cards, a question, errors, or nothing."""
    with Execution(title="threes", local_workers=1) as d:
        page = show(d.dashboard_url)
        expect(page.get_by_role("row", name="native worker 1")).to_be_visible()
        wrong = {"nothing runs": _wrong(page, FEW_LOOKS)}
        to_work(d)
        page.get_by_text("Traceback").first.click()
        expect(page.get_by_role("region", name="Traceback of")).to_contain_text("in slow")
        wrong["work"] = _wrong(page, LOOKS)
        page.set_viewport_size({"width": 320, "height": 568})
        expect(page.get_by_role("table", name="Devices")).to_match_aria_snapshot("""
            - rowgroup:
              - row:
                - columnheader "Device"
                - columnheader "At once"
            - rowgroup:
              - row:
                - rowheader /native worker 1/
                - cell "1"
        """)
        page.get_by_role("button", name="Send away native worker 1").click()
        wrong["a question"] = _wrong(page, FEW_LOOKS)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Show large").click()
        wrong["the link"] = _wrong(page, FEW_LOOKS)
        d.close()

    assert wrong == {state: {} for state in wrong}


def _wrong(page: Page, looks: list[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """Returns what axe finds, and whether somebody has to scroll sideways."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, scheme in looks:
        width, height = VIEWPORTS[name]
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        # The chart follows the screen within a frame.
        wide = page.evaluate("""() => new Promise((resolve) => requestAnimationFrame(() =>
            requestAnimationFrame(() =>
                resolve(document.documentElement.scrollWidth > innerWidth))))""")
        if wrong := [*axe.violations(page), *(["too wide"] if wide else [])]:
            found[name, scheme] = wrong
    return found
