"""What the volunteer sees before Start, and what the buttons and choices do."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator

import cloudpickle
import pytest
from playwright.sync_api import Dialog, Page, expect

from nitocris import DistributedExecution, protocol
from tests.browser import parts
from tests.browser.battery import BATTERY
from tests.browser.conftest import START_TIMEOUT, Execution, Open, Volunteer, in_thread

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def execution() -> Iterator[DistributedExecution]:
    d = Execution(title="prime gaps", description="For my thesis.")
    yield d
    d.close()


def nap(x: int) -> int:
    time.sleep(0.05)
    return x


def long_nap(x: int) -> int:
    time.sleep(4)
    return x


def heading(page: Volunteer, text: str) -> None:
    expect(page.page.get_by_role("heading", name=text)).to_be_visible(timeout=START_TIMEOUT)


def items_done(page: Volunteer) -> int:
    return int(page.page.get_by_test_id(parts.ITEMS_DONE).inner_text().replace(",", ""))


def test_the_page_says_what_it_would_do(execution: DistributedExecution, volunteer: Open) -> None:
    """Who asks and why, what runs, how far the job is, and what it costs: all before Start."""
    volunteer(execution.url).start()
    running = execution.imap(nap, range(300))
    page = volunteer(execution.url, cores=4).page

    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Help compute prime gaps")
    expect(page.get_by_text("For my thesis.")).to_be_visible()
    expect(page.get_by_text("function nap")).to_be_visible()
    page.get_by_text("Read the code").click()
    expect(page.locator("pre")).to_contain_text("time.sleep(0.05)")
    expect(page.get_by_test_id("job")).to_contain_text("of 300 items")
    expect(page.get_by_test_id("job")).to_contain_text("1 device")
    expect(page.get_by_text(re.compile("At most 6.*MB, once: Python"))).to_be_visible()
    expect(page.get_by_text("up to 3 processor cores of 4, 100 %")).to_be_visible()
    expect(page.get_by_text("Only what the computation returns")).to_be_visible()
    expect(page.get_by_text("cannot reach the network")).to_be_visible()
    running.close()


def test_pause_and_resume(execution: DistributedExecution, volunteer: Open) -> None:
    """A paused page computes nothing and keeps nothing; it goes on where it was told to."""
    page = volunteer(execution.url)
    page.start()
    thread, outcome = in_thread(execution.map, nap, range(90))
    expect(page.page.get_by_test_id(parts.ITEMS_DONE)).not_to_have_text("0", timeout=30_000)

    page.press(parts.PAUSE)
    heading(page, "Paused")
    page.expect_state("idle")
    assert page.page.title() == "Paused · Nitocris"
    paused_at = items_done(page)
    page.page.wait_for_timeout(1000)
    assert items_done(page) == paused_at < 90
    assert execution.url  # the coordinator still has the page, without capacity
    with pytest.raises(TimeoutError, match="0 of 1"):
        execution.wait_for_workers(1, timeout=0)
    page.press(parts.RESUME)
    thread.join()

    assert outcome == [list(range(90))]


def test_a_pause_does_not_wait_for_a_long_item(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """Its worker is replaced, nobody is blamed, and another device does the item."""
    page = volunteer(execution.url)
    page.start()
    thread, outcome = in_thread(execution.map, long_nap, [7])
    page.expect_state("computing")

    for _ in range(2):
        page.press(parts.PAUSE)
        heading(page, "Paused")
        page.expect_state("idle")
        page.press(parts.RESUME)
        page.expect_state("computing")
    thread.join()

    assert outcome == [[7]]


def test_gentle_rests_between_items(execution: DistributedExecution, volunteer: Open) -> None:
    """At a quarter of its power, a worker computes at most about a quarter of the time."""
    page = volunteer(execution.url)
    page.page.get_by_role("radio", name="Gentle").check()
    page.start()

    def times(_: int) -> tuple[float, float]:
        began = time.time()
        time.sleep(0.2)
        return began, time.time()

    spans = execution.map(times, range(5), chunk_size=1)

    worked = sum(end - began for began, end in spans[:-1])
    passed = spans[-1][0] - spans[0][0]
    assert worked / passed <= 0.26


def with_battery(volunteer: Open, url: str) -> Volunteer:
    return volunteer(url, init_script=BATTERY)


def choose(page: Page, rule: str) -> None:
    page.get_by_label("On battery").select_option(rule)


def test_pauses_on_battery_and_says_why(execution: DistributedExecution, volunteer: Open) -> None:
    """By the volunteer's rule, and it goes on by itself."""
    page = with_battery(volunteer, execution.url)
    choose(page.page, "pause")
    page.start()

    page.page.evaluate("plug(false)")
    heading(page, "Paused")
    expect(page.page.get_by_test_id("pause")).to_contain_text("runs on battery")
    expect(page.page.get_by_role("button", name="Resume")).to_have_count(0)
    page.page.evaluate("plug(true)")

    heading(page, "Waiting")
    assert execution.map(abs, [-1]) == [1]


def test_pauses_while_hidden_on_battery(execution: DistributedExecution, volunteer: Open) -> None:
    """The usual rule; a tab that is looked at goes on."""
    page = with_battery(volunteer, execution.url)
    page.start()
    page.page.evaluate("plug(false)")
    page.page.evaluate("turn('hidden')")

    heading(page, "Paused")
    expect(page.page.get_by_test_id("pause")).to_contain_text("the tab is hidden")
    page.page.evaluate("turn('visible')")

    heading(page, "Waiting")


def test_keeps_to_the_chosen_hours(execution: DistributedExecution, volunteer: Open) -> None:
    """Outside them nothing is computed, and the page says when it goes on."""
    page = volunteer(execution.url)
    page.page.get_by_label("Only at certain hours").check()
    hour = page.page.evaluate("new Date().getHours()")
    soon = f"{(hour + 2) % 24:02}:00"
    page.page.get_by_label("from", exact=True).fill(soon)
    page.page.get_by_label("to", exact=True).fill(f"{(hour + 4) % 24:02}:00")
    page.press(parts.START)

    heading(page, "Paused")
    expect(page.page.get_by_test_id("pause")).to_contain_text(f"by itself at {soon}")
    page.page.get_by_text("Settings").click()
    page.page.get_by_label("Only at certain hours").uncheck()

    page.expect_workers(1)
    assert execution.map(abs, [-1]) == [1]


def test_choices_are_remembered(execution: DistributedExecution, volunteer: Open) -> None:
    """On this device, for the next page of it."""
    page = volunteer(execution.url, cores=4)
    page.page.get_by_role("slider", name="Workers").fill("2")
    page.page.get_by_role("radio", name="Half").check()

    page.page.reload()

    expect(page.page.get_by_role("slider", name="Workers")).to_have_value("2")
    expect(page.page.get_by_role("radio", name="Half")).to_be_checked()
    expect(page.page.get_by_text("up to 2 processor cores of 4, 50 %")).to_be_visible()


def test_the_screen_stays_on_while_it_runs(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """On request, from Start until the end."""
    page = with_battery(volunteer, execution.url)
    page.page.get_by_label("Keep the screen on").check()
    assert page.page.evaluate("locks") == []

    page.start()
    assert page.page.evaluate("locks") == ["taken"]
    page.press(parts.FINISH)
    heading(page, "Thank you!")

    assert page.page.evaluate("locks") == ["taken", "released"]


def test_leaving_in_the_middle_of_work_asks_once(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """The browser asks in its own words; whoever insists can go."""
    page = volunteer(execution.url)
    page.start()
    future = execution.submit(time.sleep, 10_000)
    page.expect_state("computing")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.page.on("dialog", stay)

    page.page.close(run_before_unload=True)
    page.page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    assert not page.page.is_closed()
    page.page.close(run_before_unload=True)

    future.cancel()
    assert asked == ["beforeunload"]


def test_the_tab_shows_the_state(execution: DistributedExecution, volunteer: Open) -> None:
    """Title and icon, which is all that is seen of a background tab."""
    page = volunteer(execution.url)
    icon = page.page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("data-sign", "quiet")
    page.start()
    future = execution.submit(time.sleep, 10_000)

    expect(icon).to_have_attribute("data-sign", "computing")
    expect(icon).to_have_attribute("href", re.compile("^data:image/svg"))
    expect(page.page).to_have_title("0 done · Nitocris")
    page.press(parts.PAUSE)
    expect(icon).to_have_attribute("data-sign", "paused")
    future.cancel()


def test_what_the_function_raised_is_told_in_words(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """With the traceback folded; the same page goes on."""
    page = volunteer(execution.url)
    page.start()

    execution.map(lambda x: 1 / x, [0, 1, 0], errors="return")

    raised = page.page.get_by_text("raised an error 2 times, last: ZeroDivisionError: division by")
    expect(raised).to_be_visible()
    trace = page.page.get_by_text("Traceback (most recent call last)")
    expect(trace).to_be_hidden()
    page.page.get_by_text("Details").click()
    expect(trace).to_be_visible()


def test_numbers_of_this_device_and_of_all(
    execution: DistributedExecution, volunteer: Open, stranger: Open
) -> None:
    """Share, devices, traffic; and a thank-you with what this device did."""
    page, other = stranger(execution.url), volunteer(execution.url)
    for each in (page, other):
        each.start()
    execution.wait_for_workers(2, timeout=30)
    thread, outcome = in_thread(execution.map, nap, range(200))

    job = page.page.get_by_test_id("job")
    expect(job).to_contain_text("of 200 items", timeout=30_000)
    expect(job).to_contain_text("2 devices")
    expect(job).to_contain_text(re.compile(r"\d+ % of the speed is yours"))
    expect(job.get_by_role("progressbar")).to_have_attribute("max", "200")
    expect(page.page.get_by_text(re.compile(r"^[56](\.\d+)?.MB$"))).to_be_visible()
    thread.join()
    assert outcome == [list(range(200))]
    expect(job).to_contain_text("Nothing is being computed")
    count = items_done(page)
    page.press(parts.FINISH)

    expect(page.page.get_by_text(f"This device did {count} items")).to_be_visible()


def test_a_full_coordinator(volunteer: Open) -> None:
    """The page says so, and joins by itself as soon as there is a place."""
    with Execution(max_devices=1) as d:
        first = volunteer(d.url)
        first.start()
        second = volunteer(d.url)
        second.press(parts.START)
        expect(second.page.get_by_text("All places are taken")).to_be_visible()

        first.close()

        second.expect_workers(1)
        d.wait_for_workers(1, timeout=60)
        assert d.map(abs, [-1]) == [1]


def test_an_old_page(
    execution: DistributedExecution, volunteer: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that speaks another version of the protocol is told to reload."""
    page = volunteer(execution.url)
    monkeypatch.setattr(protocol, "PROTOCOL_VERSION", protocol.PROTOCOL_VERSION + 1)
    page.press(parts.START)

    expect(page.page.get_by_role("alert")).to_contain_text("Reload the page")


def test_a_browser_without_webassembly(execution: DistributedExecution, volunteer: Open) -> None:
    """Or with it switched off: which browsers would do."""
    page = volunteer(execution.url, init_script="delete globalThis.WebAssembly")

    expect(page.page.get_by_role("alert")).to_contain_text("current Chrome, Edge, Firefox")
    expect(page.page.get_by_role("button")).to_have_count(0)
