"""Pages in a real Chromium, as in the tests of browsers."""

from tests.browser.conftest import chromium, known_browser, volunteer

__all__ = ["chromium", "known_browser", "volunteer"]
