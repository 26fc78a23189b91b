"""Every state of the page, for everybody: on small and large screens, light and dark, by keyboard,
by screen reader, with large text and without motion.

`STATES` is the table; a new state is an entry.  Each is reached once, in Chromium, for all tests.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cloudpickle
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from nitocris import DistributedExecution, protocol
from tests.browser import axe, parts
from tests.browser.battery import BATTERY
from tests.browser.conftest import START_TIMEOUT, Execution, Open, Volunteer, in_thread
from tests.browser.parts import Part

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.timeout(120)

VIEWPORTS = {"old phone": (320, 568), "phone on its side": (667, 375), "tablet": (768, 1024)}
VIEWPORTS["desktop"] = (1440, 900)

LOOKS = [*product(["old phone", "tablet", "desktop"], ["light"]), ("old phone", "dark")]
"""Where axe looks: dark changes colours alone, and those are the same on all screens."""

LARGE_TEXT_FROM = 360
"""Narrower screens need not hold text of 200 %; WCAG 1.4.10 asks for 320 pixels at 100 %."""

TABS = 30
"""More than any state has controls; a time has some of its own, for hours and minutes."""

TITLE = "the 3x+1 problem"
DESCRIPTION = "I want to know how long the longest of all these sequences is. Thank you!"
ITEMS = 5000
"""More than are done before the tests are."""


@dataclass(frozen=True, slots=True)
class State:
    """A face of the page.

    Attributes:
        reach: Brings a page that has just opened there.
        controls: What is reached with Tab, in this order.
        announced: What a screen reader finds, as Playwright writes it.
        fragment: Of the link, if it is not the right one.
        moves: Whether something moves without being asked.
    """

    reach: Callable[[DistributedExecution, Volunteer], object]
    controls: tuple[Part, ...]
    announced: str
    fragment: str | None = None
    moves: bool = False


def collatz(number: int) -> int:
    steps = 0
    while number > 1:
        number = 3 * number + 1 if number % 2 else number // 2
        steps += 1
    time.sleep(0.05)
    return steps


def see_start(execution: DistributedExecution, volunteer: Volunteer) -> None:
    in_thread(execution.map, collatz, range(ITEMS))
    volunteer.page.reload()
    expect(volunteer.page.get_by_test_id("job")).to_contain_text("of 5,000 items")
    expect(parts.READ_CODE.on(volunteer.page)).to_be_visible()


def choose_hours_and_read_the_code(execution: DistributedExecution, volunteer: Volunteer) -> None:
    see_start(execution, volunteer)
    parts.CERTAIN_HOURS.on(volunteer.page).check()
    parts.READ_CODE.on(volunteer.page).click()
    expect(volunteer.page.get_by_text("3 * number + 1")).to_be_visible()


def compute(execution: DistributedExecution, volunteer: Volunteer) -> None:
    start(volunteer)
    in_thread(execution.map, collatz, range(ITEMS))
    volunteer.expect_state("computing")
    expect(volunteer.page.get_by_test_id("job")).to_contain_text("of the speed is yours")


def compute_and_open_the_settings(execution: DistributedExecution, volunteer: Volunteer) -> None:
    compute(execution, volunteer)
    parts.SETTINGS.on(volunteer.page).click()


def pause(execution: DistributedExecution, volunteer: Volunteer) -> None:
    compute(execution, volunteer)
    volunteer.press(parts.PAUSE)
    volunteer.expect_state("idle")


def finish(execution: DistributedExecution, volunteer: Volunteer) -> None:
    start(volunteer)
    execution.map(abs, range(5))
    expect(volunteer.page.get_by_test_id(parts.ITEMS_DONE)).to_have_text("5")
    volunteer.press(parts.FINISH)
    expect(volunteer.page.get_by_text("This device did 5 items")).to_be_visible()


def read_what_was_raised(execution: DistributedExecution, volunteer: Volunteer) -> None:
    start(volunteer)
    execution.map(lambda x: 1 / x, [0, 1, 0], errors="return")
    parts.DETAILS.on(volunteer.page).click()
    expect(parts.TRACEBACK.on(volunteer.page)).to_contain_text("ZeroDivisionError")


def fail(_: DistributedExecution, volunteer: Volunteer) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "PROTOCOL_VERSION", protocol.PROTOCOL_VERSION + 1)
        volunteer.press(parts.START)
        expect(volunteer.page.get_by_role("alert")).to_contain_text("Reload the page")


def read_that_the_link_is_wrong(_: DistributedExecution, volunteer: Volunteer) -> None:
    expect(volunteer.page.get_by_text("link is incomplete")).to_be_visible()


def start(volunteer: Volunteer) -> None:
    volunteer.start()
    expect(volunteer.page.get_by_role("img")).to_be_visible(timeout=START_TIMEOUT)


SETTINGS = (
    parts.WORKERS,
    parts.FULL_POWER,
    parts.ON_BATTERY,
    parts.CERTAIN_HOURS,
    parts.KEEP_AWAKE,
)
SETTINGS_WITH_HOURS = (*SETTINGS[:-1], parts.FROM, parts.TO, parts.KEEP_AWAKE)
FOLDED = (parts.SETTINGS, parts.WHAT_RUNS)

STATES = {
    "before start": State(
        see_start,
        controls=(parts.START, *SETTINGS, parts.READ_CODE),
        announced="""
            - banner
            - main:
              - heading "Help compute the 3x+1 problem" [level=1]
              - blockquote: /the longest of all these sequences/
              - list:
                - listitem: Nothing to install
              - progressbar "Progress of the whole job"
              - list:
                - listitem: 0 % of 5,000 items
                - listitem: 0 devices
              - button "Start"
              - slider "Workers"
              - group "Power":
                - radio "Gentle"
                - radio "Half"
                - radio "Full" [checked]
                - paragraph: Computes all the time.
              - combobox "On battery"
              - checkbox "Only at certain hours"
              - checkbox "Keep the screen on"
              - term: What runs
              - definition:
                - text: /function collatz/
        """,
    ),
    "before start, hours chosen and code open": State(
        choose_hours_and_read_the_code,
        controls=(
            *(parts.START, *SETTINGS_WITH_HOURS),
            *(parts.READ_CODE, Part("region", "Code of collatz")),
        ),
        announced="""
            - main:
              - checkbox "Only at certain hours" [checked]
              - textbox "from"
              - textbox "to"
              - definition:
                - group:
                  - region "Code of collatz": /def collatz/
        """,
    ),
    "computing": State(
        compute,
        controls=(parts.PAUSE, parts.FINISH, *FOLDED),
        announced="""
            - banner: /Connected/
            - main:
              - heading "Computing the 3x+1 problem" [level=1]
              - progressbar "Progress of the whole job"
              - list:
                - listitem: /% of 5,000 items/
                - listitem: 1 device
                - listitem: /% of the speed is yours/
              - button "Pause"
              - button "Finish"
              - term: items done
              - definition
              - term: per second
              - definition
              - term: of computing
              - definition: / s$/
              - img /Items per second during the last five minutes/
              - list "Workers":
                - listitem: Worker 1 computing
        """,
        moves=True,
    ),
    "computing, settings open": State(
        compute_and_open_the_settings,
        controls=(parts.PAUSE, parts.FINISH, parts.SETTINGS, *SETTINGS, parts.WHAT_RUNS),
        announced="""
            - main:
              - heading "Computing the 3x+1 problem" [level=1]
              - list "Workers"
              - group:
                - slider "Workers"
                - group "Power"
                - combobox "On battery"
        """,
        moves=True,
    ),
    "paused": State(
        pause,
        controls=(parts.RESUME, parts.FINISH, *FOLDED),
        announced="""
            - main:
              - heading "Paused" [level=1]
              - paragraph: You paused it. Press Resume to go on.
              - button "Resume"
              - button "Finish"
        """,
    ),
    "finished": State(
        finish,
        controls=(parts.START_AGAIN, *SETTINGS),
        announced="""
            - main:
              - status:
                - heading "Thank you!" [level=1]
                - paragraph: /This device did 5 items/
                - term: items done
                - definition: "5"
              - button "Start again"
              - slider "Workers"
        """,
    ),
    "function raised": State(
        read_what_was_raised,
        controls=(parts.PAUSE, parts.FINISH, parts.DETAILS, parts.TRACEBACK, *FOLDED),
        announced="""
            - main:
              - heading /Waiting for the .* map/ [level=1]
              - paragraph: /raised an error 2 times.*ZeroDivisionError/
              - group:
                - region "Details": /Traceback/
        """,
    ),
    "failed": State(
        fail,
        controls=(parts.START_AGAIN, *SETTINGS),
        announced="""
            - main:
              - alert:
                - heading "This did not work" [level=1]
                - paragraph: /Reload the page/
              - button "Start again"
        """,
    ),
    "wrong link": State(
        read_that_the_link_is_wrong,
        controls=(),
        announced="""
            - banner
            - main:
              - heading "Something is missing" [level=1]
              - paragraph: /link is incomplete/
        """,
        fragment="",
    ),
}


@pytest.fixture(scope="module", params=STATES)
def state(request: pytest.FixtureRequest) -> State:
    return STATES[request.param]


@pytest.fixture(scope="module")
def reached(
    state: State, known_browser: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A page in this state, for all its tests."""
    with pytest.MonkeyPatch.context() as patch:
        _settle_in(tmp_path_factory.mktemp("home"), patch)
        execution = Execution(title=TITLE, description=DESCRIPTION)
        link, _, token = execution.url.partition("#")
        fragment = token if state.fragment is None else state.fragment
        volunteer = Volunteer(known_browser, f"{link}#{fragment}", cores=4, init_script=BATTERY)
        state.reach(execution, volunteer)
        yield volunteer.page
        volunteer.close()
        execution.close()


@pytest.fixture
def page(reached: Page) -> Page:
    """The page in this state, as it looks to those who set nothing."""
    reached.set_viewport_size({"width": 400, "height": 800})
    reached.emulate_media(color_scheme="light", reduced_motion="no-preference")
    reached.evaluate("document.documentElement.style.fontSize = ''; document.activeElement.blur()")
    _draw(reached)
    return reached


def test_axe_finds_nothing(page: Page) -> None:
    """On screens of all sizes, and in both schemes."""
    found: dict[tuple[str, str], list[str]] = {}
    for viewport, scheme in LOOKS:
        # Without motion: axe would measure the contrast of colours on their way.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        _resize(page, viewport)
        if wrong := axe.violations(page):
            found[viewport, scheme] = wrong

    assert found == {}


@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_nothing_is_wider_than_the_screen(page: Page, viewport: str) -> None:
    """Nobody scrolls sideways."""
    _resize(page, viewport)

    assert _too_wide(page) == []


@pytest.mark.parametrize(
    "viewport", [name for name, (width, _) in VIEWPORTS.items() if width >= LARGE_TEXT_FROM]
)
def test_text_of_twice_the_size_fits(page: Page, viewport: str) -> None:
    """All is still there, and nobody scrolls sideways."""
    _resize(page, viewport)
    before = page.locator("h1").evaluate("each => parseFloat(getComputedStyle(each).fontSize)")
    # What a browser's own setting of the font size does.
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    after = page.locator("h1").evaluate("each => parseFloat(getComputedStyle(each).fontSize)")

    assert after > 1.5 * before
    assert _too_wide(page) == []


def test_every_control_is_reached_by_keyboard(page: Page, state: State) -> None:
    """With Tab, in the order in which they are seen, and one sees where one is."""
    order: list[Part] = []
    page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if _focused(page, "each === document.body"):
            break
        here = [part for part in state.controls if part.has_focus(page)]
        assert here, f"the table does not know {page.evaluate('document.activeElement.outerHTML')}"
        assert _focus_is_seen(page), f"one does not see that the focus is on {here}"
        if here == order[-1:]:
            continue
        if here[0] in order:
            break
        order += here

    assert order == list(state.controls)


def test_screen_readers_find_the_controls(page: Page, state: State) -> None:
    """Each by its role and name."""
    expect(page.locator("body")).to_match_aria_snapshot(state.announced)


def test_what_counts_does_not_talk(page: Page, state: State) -> None:
    """Screen readers say by themselves what the page is at, and not each item."""
    said: list[str] = page.evaluate(
        """async (milliseconds) => {
            const said = [];
            const observer = new MutationObserver((changes) =>
                said.push(...changes.map(({target}) => target.textContent)));
            const all = {subtree: true, childList: true, characterData: true};
            for (const live of document.querySelectorAll('[aria-live], [role], output')) {
                if (live.ariaLive || ['alert', 'log', 'status'].includes(live.role))
                    observer.observe(live, all);
            }
            await new Promise((resolve) => setTimeout(resolve, milliseconds));
            return said;
        }""",
        1500 if state.moves else 0,
    )

    assert said == []


def test_nothing_moves_for_those_who_asked_for_that(page: Page, state: State) -> None:
    """`prefers-reduced-motion` ends all animation; without it, what shows work moves."""
    animations = "document.getAnimations().filter(each => each.playState === 'running').length"
    moving = page.evaluate(animations)
    page.emulate_media(reduced_motion="reduce")
    _draw(page)

    assert page.evaluate(animations) == 0
    assert bool(moving) == state.moves


def test_the_whole_visit_by_keyboard(volunteer: Open) -> None:
    """Start, pause and resume, another number of workers, what runs here, and Finish; no mouse."""
    with Execution(server_port=0) as d:  # the last state still has the usual one
        visit = volunteer(d.url, cores=2)
        page = visit.page
        expect(parts.START.on(page)).to_be_enabled()

        _tab_to(page, parts.START)
        page.keyboard.press("Enter")
        visit.expect_workers(1)
        assert parts.PAUSE.has_focus(page)
        page.keyboard.press("Enter")
        expect(parts.RESUME.on(page)).to_be_focused()
        page.keyboard.press("Enter")
        expect(parts.PAUSE.on(page)).to_be_focused()
        _tab_to(page, parts.SETTINGS)
        page.keyboard.press("Enter")
        _tab_to(page, parts.WORKERS)
        page.keyboard.press("ArrowRight")
        visit.expect_workers(2)
        _tab_to(page, parts.WHAT_RUNS)
        page.keyboard.press("Enter")
        expect(page.get_by_text("It runs Python")).to_be_visible()
        assert d.map(abs, [-1]) == [1]
        _tab_to(page, parts.FINISH)
        page.keyboard.press("Enter")

        expect(parts.START_AGAIN.on(page)).to_be_focused()


def _resize(page: Page, viewport: str) -> None:
    width, height = VIEWPORTS[viewport]
    page.set_viewport_size({"width": width, "height": height})
    _draw(page)


def _draw(page: Page) -> None:
    """Lets the page draw itself, and its observers draw what follows from that."""
    page.evaluate("""async () => {
        for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
    }""")


def _too_wide(page: Page) -> list[str]:
    """Returns what sticks out of the screen, or of a box that cuts it off."""
    found: list[str] = page.evaluate("""() => {
        const cut = each => each.scrollWidth > each.clientWidth + 1
            && getComputedStyle(each).overflowX !== 'visible' && each.clientWidth > 0;
        const outside = each => each.getBoundingClientRect().right > innerWidth + 1;
        const wide = document.documentElement.scrollWidth > innerWidth ? ['the page'] : [];
        const elements = [...document.querySelectorAll('main *, header *')];
        return wide.concat(elements.filter(e => cut(e) || outside(e)).map(e => e.outerHTML));
    }""")
    return found


def _focus_is_seen(page: Page) -> bool:
    # Around a radio button that is not seen itself, its label is outlined.
    return _focused(
        page,
        """(seen =>
        seen.outlineStyle !== 'none' && parseFloat(seen.outlineWidth) >= 2
    )(getComputedStyle(getComputedStyle(each).opacity === '0' ? each.parentElement : each))""",
    )


def _focused(page: Page, condition: str) -> bool:
    return bool(page.evaluate(f"(each => {condition})(document.activeElement)"))


def _tab_to(page: Page, part: Part) -> None:
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if part.has_focus(page):
            return
    raise AssertionError(f"{TABS} times Tab do not lead to {part}")


def _settle_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Does for a module what `own_home` does for a test."""
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        patch.setenv(name, str(home / name.lower()))
