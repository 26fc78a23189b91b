"""A page whose owner is killed in the middle of a map, and starts again with a journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.support.owner_script import ITEMS, Owner


@pytest.mark.timeout(180)
def test_an_open_page_rejoins_the_resumed_map(tmp_path: Path, volunteer: Open) -> None:
    """Nobody touches the page; what it had computed is not computed again."""
    with Owner(tmp_path) as owner:
        page = volunteer(owner.url)
        page.start()
        first = owner.results(20)
        owner.kill()
        with Owner(tmp_path) as again:
            assert again.url == owner.url
            results = again.results(ITEMS)
            reused = again.end()

    assert first == [x * x for x in range(20)]
    assert results == [x * x for x in range(ITEMS)]
    assert 20 <= reused < ITEMS
    assert page.errors == []
