"""Two browsers agree with each other, bit for bit, and with themselves."""

from __future__ import annotations

import math

import pytest

from nitocris import Verify
from tests.browser.conftest import Execution, Open

pytestmark = pytest.mark.timeout(180)


@pytest.mark.long
def test_two_pages_agree(volunteer: Open, stranger: Open) -> None:
    """They see one order in sets and one last bit in sines: nothing is disputed."""
    everything = Verify(trust_after=1_000)
    with Execution(chunk_size=5, verify=everything) as d:
        pages = [volunteer(d.url), stranger(d.url)]
        for page in pages:
            page.start()

        results = d.map(lambda x: (math.sin(x), list({str(x), "a", "b", "c", "d"})), range(40))

        trust = d.report().trust
    assert [sine for sine, _ in results] == pytest.approx([math.sin(x) for x in range(40)])
    assert trust is not None
    assert (trust.quorum, trust.disagreements, trust.banned) == (40, 0, ())
    assert all(page.errors == [] for page in pages)
