"""`nitocris demo` with somebody who joins: what a newcomer tries first."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.browser.conftest import Open


@pytest.mark.timeout(180)
@pytest.mark.long
def test_a_browser_helps_the_demo(volunteer: Open) -> None:
    """The link that it prints leads to a page that draws all the points."""
    with subprocess.Popen(
        [sys.executable, "-m", "nitocris", "demo", "--workers", "0", "--items", "3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stderr is not None
        link = re.search(r"http://\S+", demo.stderr.readline())
        assert link is not None
        page = volunteer(link[0])
        page.start()
        output, errors = demo.communicate(timeout=120)

    assert demo.returncode == 0, errors
    assert "from 600,000 points, 100% by browsers" in output
    assert page.errors == []
