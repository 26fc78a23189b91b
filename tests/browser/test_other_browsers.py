"""The main job and the sandbox in browsers besides Chromium: in each that is on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.browser import escape, parts
from tests.browser.canary import Canary
from tests.browser.conftest import Execution, note_browser
from tests.browser.engines import ENGINES, Engine
from tests.browser.remote_page import RemotePage

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """One browser for all of its tests."""
    start = ENGINES[request.param]()
    if not start:
        pytest.skip(f"no {request.param} here; scripts/ensure_browsers.sh installs it if it can")
    engine = start()
    note_browser(request.config, engine.name)
    yield engine
    engine.close()


def test_a_map_over_100_items(engine: Engine) -> None:
    """Somebody opens the link and presses Start; the list is there, and the page has counted."""
    with Execution() as d:
        page = RemotePage(engine, d.url)
        page.start()

        assert d.map(lambda x: x * x, range(100)) == [x * x for x in range(100)]
        page.expect(parts.ITEMS_DONE, "100")


@pytest.mark.usefixtures("numpy_in_browsers")
def test_matrix_vector_products_with_numpy(engine: Engine) -> None:
    """NumPy computes, with data that travels beside the function."""
    rng = np.random.default_rng(7)
    matrix, vectors = rng.standard_normal((300, 300)), list(rng.standard_normal((100, 300)))

    with Execution(packages=["numpy"]) as d:
        RemotePage(engine, d.url).start()
        products = d.map(lambda v: matrix @ v, vectors)

    np.testing.assert_allclose(products, [matrix @ v for v in vectors], rtol=1e-10, atol=1e-10)


def test_the_canary_sees_what_an_ordinary_page_sends(engine: Engine, canary: Canary) -> None:
    """The control: in this browser, too, silence means something."""
    engine.goto(canary.url)
    before = len(canary.seen)

    engine.evaluate(escape.control(canary))
    _settle()

    assert escape.is_control(canary.seen[before:])


def test_nothing_leaves_the_sandbox(engine: Engine, canary: Canary) -> None:
    """Neither by any probe of a function, nor from a worker that the policy alone keeps in."""
    with Execution() as d:
        RemotePage(engine, d.url).start()
        before = len(canary.seen)

        assert escape.still_there(d) == []
        escape.try_every_probe(d, canary)
        said = engine.evaluate(escape.hostile_worker(canary), frame="/sandbox")
        _settle()

        assert said == "tried"
        assert canary.seen[before:] == []
        assert d.map(abs, [-1]) == [1]


def _settle() -> None:
    time.sleep(escape.SETTLE_MILLISECONDS / 1000)
