"""What tests press and read on the page, by role and name, in one place for every browser."""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page


@dataclass(frozen=True, slots=True)
class Part:
    """A control as assistive technology announces it."""

    role: str
    name: str

    def on(self, page: Page) -> Locator:
        """Returns where Playwright finds it."""
        if self.role == "summary":
            # Browsers call it "disclosure triangle" or "button"; ARIA has no word for it.
            return page.locator("summary", has_text=self.name)
        if self.role == "time":
            # ARIA has no word for this one either.
            return page.get_by_label(self.name, exact=True)
        return page.get_by_role(self.role, name=self.name, exact=True)  # type: ignore[arg-type]

    def has_focus(self, page: Page) -> bool:
        """Returns whether the keyboard acts on it."""
        found = self.on(page)
        return found.count() == 1 and bool(found.evaluate("it => it === document.activeElement"))


START = Part("button", "Start")
START_AGAIN = Part("button", "Start again")
PAUSE = Part("button", "Pause")
RESUME = Part("button", "Resume")
FINISH = Part("button", "Finish")
STOP_NOW = Part("button", "Stop now")
WORKERS = Part("slider", "Workers")
FULL_POWER = Part("radio", "Full")
ON_BATTERY = Part("combobox", "On battery")
CERTAIN_HOURS = Part("checkbox", "Only at certain hours")
FROM = Part("time", "from")
TO = Part("time", "to")
KEEP_AWAKE = Part("checkbox", "Keep the screen on")
SETTINGS = Part("summary", "Settings")
WHAT_RUNS = Part("summary", "What runs here?")
READ_CODE = Part("summary", "Read the code")
DETAILS = Part("summary", "Details")
TRACEBACK = Part("region", "Details")

ITEMS_DONE = "items-done"
"""Test id of the number of items that this device has done."""

WORKER_STATE = "worker-state"
"""Test id of the word that each worker has for what it does."""

READY = re.compile(r"^(idle|computing)$")
"""What a worker says that could take a chunk."""
