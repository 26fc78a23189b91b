"""Every state of the page, for everybody: on small and large screens, light and dark, by keyboard,
by screen reader, with large text and without motion.

`STATES` is the table; a new state is an entry.  Each is reached once, in Chromium, for all tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from nitocris import DistributedExecution
from tests.browser import axe, parts
from tests.browser.conftest import START_TIMEOUT, Execution, Open, Volunteer
from tests.browser.parts import Part

pytestmark = pytest.mark.timeout(120)

VIEWPORTS = {"old phone": (320, 568), "phone on its side": (667, 375), "tablet": (768, 1024)}
VIEWPORTS["desktop"] = (1440, 900)
SCHEMES = ("light", "dark")

LARGE_TEXT_FROM = 360
"""Narrower screens need not hold text of 200 %; WCAG 1.4.10 asks for 320 pixels at 100 %."""

TABS = 20
"""More than any state has controls."""


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


def see_start(_: DistributedExecution, volunteer: Volunteer) -> None:
    expect(parts.START.on(volunteer.page)).to_be_enabled()


def compute(execution: DistributedExecution, volunteer: Volunteer) -> None:
    volunteer.start()
    execution.map(abs, range(5))
    execution.submit(time.sleep, 3600)
    working = volunteer.page.get_by_test_id(parts.WORKER_STATE)
    expect(working).to_have_text("computing", timeout=START_TIMEOUT)
    expect(volunteer.page.get_by_role("img")).to_be_visible(timeout=START_TIMEOUT)


def read_that_the_link_is_wrong(_: DistributedExecution, volunteer: Volunteer) -> None:
    expect(volunteer.page.get_by_text("link is incomplete")).to_be_visible()


STATES = {
    "before start": State(
        see_start,
        controls=(parts.START, parts.WORKERS),
        announced="""
            - banner
            - main:
              - heading "Help compute the 3x+1 problem" [level=1]
              - button "Start"
              - slider "Workers"
        """,
    ),
    "computing": State(
        compute,
        controls=(parts.STOP, parts.WORKERS, parts.WHAT_RUNS),
        announced="""
            - banner: /Connected/
            - main:
              - heading "Computing the 3x+1 problem" [level=1]
              - button "Stop"
              - slider "Workers"
              - img /Items per second during the last five minutes/
              - list "Workers":
                - listitem: Worker 1 computing
        """,
        moves=True,
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
    state: State, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A page in this state, for all its tests."""
    with pytest.MonkeyPatch.context() as patch:
        _settle_in(tmp_path_factory.mktemp("home"), patch)
        execution = Execution(title="the 3x+1 problem")
        link, _, token = execution.url.partition("#")
        volunteer = Volunteer(
            chromium, f"{link}#{token if state.fragment is None else state.fragment}", cores=4
        )
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
    """On no screen and in no scheme."""
    found: dict[tuple[str, str], list[str]] = {}
    for viewport, scheme in product(VIEWPORTS, SCHEMES):
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
        if here[0] in order:
            break
        order += here

    assert order == list(state.controls)


def test_screen_readers_find_the_controls(page: Page, state: State) -> None:
    """Each by its role and name."""
    expect(page.locator("body")).to_match_aria_snapshot(state.announced)


def test_nothing_moves_for_those_who_asked_for_that(page: Page, state: State) -> None:
    """`prefers-reduced-motion` ends all animation; without it, what shows work moves."""
    animations = "document.getAnimations().filter(each => each.playState === 'running').length"
    moving = page.evaluate(animations)
    page.emulate_media(reduced_motion="reduce")
    _draw(page)

    assert page.evaluate(animations) == 0
    assert bool(moving) == state.moves


def test_the_whole_visit_by_keyboard(volunteer: Open) -> None:
    """Start, another number of workers, what runs here, and Stop; no mouse anywhere."""
    with Execution() as d:
        visit = volunteer(d.url, cores=2)
        page = visit.page
        expect(parts.START.on(page)).to_be_enabled()

        _tab_to(page, parts.START)
        page.keyboard.press("Enter")
        visit.expect_workers(1)
        _tab_to(page, parts.WORKERS)
        page.keyboard.press("ArrowRight")
        visit.expect_workers(2)
        _tab_to(page, parts.WHAT_RUNS)
        page.keyboard.press("Enter")
        expect(page.get_by_text("It runs Python")).to_be_visible()
        assert d.map(abs, [-1]) == [1]
        _tab_to(page, parts.STOP)
        page.keyboard.press("Enter")

        expect(parts.START_AGAIN.on(page)).to_be_visible()


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
    return _focused(page, """each.matches(':focus-visible')
        && getComputedStyle(each).outlineStyle !== 'none'
        && parseFloat(getComputedStyle(each).outlineWidth) >= 2""")  # fmt: skip


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
