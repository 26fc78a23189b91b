"""The system's Chromium, and how it is started without a window."""

from __future__ import annotations

import shutil

ARGUMENTS = [
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


def find_chromium() -> str:
    """Returns where it is."""
    names = ("chromium", "chromium-browser", "google-chrome")  # as in scripts/ensure_browsers.sh
    executable = next(filter(None, map(shutil.which, names)), None)
    assert executable, "no Chromium: run scripts/ensure_browsers.sh"
    return executable
