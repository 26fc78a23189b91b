"""axe-core's verdict on a page as it is at the moment."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]

_SOURCE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page) -> list[str]:
    """Returns what is wrong, each with the elements concerned."""
    # Evaluated rather than added as a script, which the page's policy refuses.
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(_source())
    # The sandbox's frame shows nothing, and its policy lets no axe in.
    options = {"runOnly": RULES, "resultTypes": ["violations"], "iframes": False}
    found: list[dict[str, Any]] = page.evaluate(
        "options => axe.run(document, options).then(({violations}) => violations)", options
    )
    return [
        f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']]}"
        for each in found
    ]


@cache
def _source() -> str:
    return _SOURCE.read_text()
