"""A volunteer's page in a browser that Playwright does not drive: pressed and read as there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tests.browser import parts
from tests.browser.engines import Engine
from tests.browser.parts import Part

T = TypeVar("T")

PATIENCE_S = 60.0
"""As long as the pages in Chromium have until they are ready."""

_HOME_KEY = "\ue011"
_TAGS = {"button": "button", "slider": "input[type=range]", "summary": "summary"}

_FIND = """
const [tag, name] = %s;
const named = element =>
  [element.ariaLabel, element.labels?.[0]?.textContent, element.textContent]
    .some(each => each?.trim() === name);
const found = [...document.querySelectorAll(tag)].find(named);
"""


class RemotePage:
    """A page of an engine."""

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        # Away from a page of the same address first: a new fragment alone would load nothing.
        engine.goto("about:blank")
        engine.goto(url)

    def start(self) -> None:
        """Asks for one worker, presses Start, and waits until it is ready."""
        self.wait_for(lambda: self._find(parts.START, "return found && !found.disabled"))
        if self._find(parts.WORKERS, "found?.focus(); return Boolean(found)"):
            self._perform("key", [{"type": t, "value": _HOME_KEY} for t in ("keyDown", "keyUp")])
        self.press(parts.START)
        self.wait_for(lambda: parts.READY.match(self.read(parts.WORKER_STATE)))

    def press(self, part: Part) -> None:
        """Clicks into the middle of a part, with a mouse."""
        middle = self._find(part, """
            found.scrollIntoView({block: 'center'});
            const {x, y, width, height} = found.getBoundingClientRect();
            return {x: Math.round(x + width / 2), y: Math.round(y + height / 2)};
        """)  # fmt: skip
        press: list[dict[str, object]] = [
            {"type": "pointerMove", **middle},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._perform("pointer", press)

    def read(self, test_id: str) -> str:
        """Returns the text of what has this test id; nothing where it is not there."""
        text: str = self._engine.evaluate(
            f"return document.querySelector('[data-testid={test_id}]')?.textContent ?? ''"
        )
        return text

    def expect(self, test_id: str, text: str) -> None:
        """Waits until what has this test id says so."""
        self.wait_for(lambda: self.read(test_id) == text)

    def wait_for(self, condition: Callable[[], T]) -> T:
        """Waits until this is so, and tells what the page said if it never was."""
        deadline = time.monotonic() + PATIENCE_S
        while not (value := condition()):
            if time.monotonic() > deadline:
                text = self._engine.evaluate("return document.body.innerText")
                raise AssertionError(f"still not so after {PATIENCE_S:.0f} s; the page says {text}")
            time.sleep(0.05)
        return value

    def _find(self, part: Part, then: str) -> Any:
        wanted = json.dumps([_TAGS[part.role], part.name])
        return self._engine.evaluate(_FIND % wanted + then)

    def _perform(self, kind: str, actions: list[dict[str, object]]) -> None:
        self._engine.perform([{"type": kind, "id": kind, "actions": actions}])
