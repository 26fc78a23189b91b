"""The main job: a real browser computes what the owner maps."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from playwright.sync_api import expect

from nitocris import DistributedExecution, RemoteError, WorkerLostError
from tests.browser import parts
from tests.browser.conftest import Execution, Open, in_thread
from tests.integration.test_native import sieve
from tests.support.wheels import install, write_wheel

cloudpickle.register_pickle_by_value(sys.modules["tests.integration.test_native"])
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def execution() -> Iterator[DistributedExecution]:
    d = Execution()
    yield d
    d.close()  # and not `with`, which waits for maps that a failed test has left without workers


@pytest.mark.smoke
def test_squares(execution: DistributedExecution, volunteer: Open) -> None:
    """Somebody opens the link, presses Start, and the list is there; the page waits for more."""
    page = volunteer(execution.url)
    page.start()

    assert execution.map(lambda x: x * x, range(5)) == [0, 1, 4, 9, 16]
    assert execution.map(lambda x: -x, range(100)) == [-x for x in range(100)]

    large = list(range(500_000))  # no blob, and more than one message
    assert execution.map(sum, [large]) == [sum(large)]

    expect(page.page.get_by_test_id(parts.ITEMS_DONE)).to_have_text("106")
    assert page.errors == []


def test_the_link_works_without_https(volunteer: Open) -> None:
    """On a plain address of the network, where browsers offer pages no cryptography of theirs."""
    with DistributedExecution(progress=False) as d:
        page = volunteer(d.url)
        page.start()

        assert d.map(lambda x: x * x, range(5)) == [0, 1, 4, 9, 16]
    assert page.errors == []


def test_the_nth_prime_over_100_items(execution: DistributedExecution, volunteer: Open) -> None:
    """The paper's CPU-heavy workload."""
    volunteer(execution.url).start()
    numbers = range(1, 1001, 10)

    assert execution.map(sieve, numbers) == [sieve(n) for n in numbers]


@pytest.mark.smoke
def test_streams_and_futures(execution: DistributedExecution, volunteer: Open) -> None:
    """An endless stream, keyword arguments, errors that are returned, a call that is cancelled."""
    volunteer(execution.url).start()

    assert list(zip(range(50), execution.imap(abs, itertools.count()), strict=False))[-1] == (
        49,
        49,
    )
    hanging: Future[None] = execution.submit(time.sleep, 3600)
    behind: Future[int] = execution.submit(int, "20", base=3)
    while not hanging.running():
        time.sleep(0.01)
    assert hanging.cancel()
    assert behind.result(timeout=60) == 6
    returned = execution.map(lambda x: 1 / x, [1, 0], errors="return")
    assert isinstance(returned[1], ZeroDivisionError)
    assert returned[1].worker.startswith("browser worker ")  # type: ignore[attr-defined]


@pytest.mark.usefixtures("numpy_in_browsers")
@pytest.mark.smoke
def test_matrix_vector_products_with_numpy(volunteer: Open) -> None:
    """The paper's IO-heavy workload: the matrix travels once, and the products are NumPy's."""
    rng = np.random.default_rng(7)
    matrix = rng.standard_normal((1000, 1000))
    vectors = [rng.standard_normal(1000) for _ in range(1000)]

    with Execution(packages=["numpy"]) as d:
        volunteer(d.url).start()
        products = d.map(lambda v: matrix @ v, vectors)

    np.testing.assert_allclose(products, [matrix @ v for v in vectors], rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("numpy_in_browsers")
def test_the_paper_s_listing_without_packages(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """`d.map(np.square, range(5))` brings NumPy to a page that is open already."""
    volunteer(execution.url).start()

    assert execution.map(np.square, range(5)) == [0, 1, 4, 9, 16]


def test_installed_distributions_come_at_the_owner_s_version(
    execution: DistributedExecution,
    volunteer: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the owner has installed is had from their package index, as it is here."""
    site, index = tmp_path / "site-packages", tmp_path / "index"
    for folder in (site, index):
        folder.mkdir()
    source = "VERSION = '{}'\ndef double(x):\n    return 2 * x\n"
    install(site, "tiny-tool", "1.5", "tiny_tool", source.format("1.5"))
    for version in ("1.4", "1.5", "1.6"):
        write_wheel(index, "tiny-tool", version, source=source.format(version))
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.syspath_prepend(site)
    tiny_tool = importlib.import_module("tiny_tool")
    volunteer(execution.url).start()

    found = execution.map(lambda x: (tiny_tool.VERSION, tiny_tool.double(x)), range(3))

    assert found == [("1.5", 0), ("1.5", 2), ("1.5", 4)]


def test_four_workers_in_one_page(execution: DistributedExecution, volunteer: Open) -> None:
    """One connection, four chunks at once."""
    page = volunteer(execution.url, cores=4)
    page.start(workers=4)
    execution.wait_for_workers(4, timeout=30)

    assert execution.map(lambda x: x + 1, range(1000), chunk_size=10) == list(range(1, 1001))


def test_two_pages(execution: DistributedExecution, volunteer: Open) -> None:
    """Both take part."""
    pages = [volunteer(execution.url) for _ in range(2)]
    for page in pages:
        page.start()
    execution.wait_for_workers(2, timeout=30)

    def slow(x: int) -> int:
        time.sleep(0.02)
        return x

    assert execution.map(slow, range(40), chunk_size=2) == list(range(40))
    for page in pages:
        expect(page.page.get_by_test_id(parts.ITEMS_DONE)).not_to_have_text("0")


def slow_square(x: int) -> int:
    time.sleep(0.05)
    return x * x


cloudpickle.register_pickle_by_value(sys.modules[__name__])


def test_a_page_closed_and_one_opened_in_the_middle(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """Workers come and go; the results are complete and in order."""
    leaving = volunteer(execution.url)
    leaving.start()
    thread, outcome = in_thread(execution.map, slow_square, range(80))
    expect(leaving.page.get_by_test_id(parts.ITEMS_DONE)).not_to_have_text("0", timeout=30_000)

    leaving.close()
    volunteer(execution.url).start()
    thread.join()

    assert outcome == [[x * x for x in range(80)]]


def test_a_page_joins_the_successor_of_an_ended_coordinator(volunteer: Open) -> None:
    """The script runs again within a day: the link is the same, and the open page comes back."""
    with Execution(server_port=None) as first:
        page = volunteer(first.url)
        page.start()
        assert first.map(abs, [-1]) == [1]
        link = first.url
    expect(page.page.get_by_test_id("connection-state")).not_to_have_text("Connected")

    with Execution(server_port=None) as second:
        assert second.url == link
        second.wait_for_workers(1, timeout=60)
        assert second.map(abs, [-2]) == [2]


def test_a_function_that_raises(execution: DistributedExecution, volunteer: Open) -> None:
    """The error arrives as itself with its remote traceback, and the page goes on."""
    page = volunteer(execution.url)
    page.start()

    def fail(x: int) -> int:
        return 1 // x

    with pytest.raises(ZeroDivisionError) as caught:
        execution.map(fail, [1, 0])

    assert isinstance(caught.value, RemoteError)
    assert "in fail\nZeroDivisionError" in str(caught.value.__cause__)
    assert execution.map(abs, [-1]) == [1]


def test_a_function_that_hangs_ends_by_its_lease(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """`while True` ends with its Web Worker, which is replaced; the next map works."""
    page = volunteer(execution.url)
    page.start()

    def hang(_: int) -> None:
        while True:
            pass

    with pytest.raises(WorkerLostError, match="no result within 1 s"):
        execution.map(hang, [1], timeout_in_seconds=1)

    page.expect_workers(1)
    assert execution.map(abs, [-1]) == [1]


def test_a_function_that_kills_its_interpreter(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """The Web Worker is replaced, and the owner learns which item it was."""
    page = volunteer(execution.url)
    page.start()

    with pytest.raises(WorkerLostError, match="item 0"):
        execution.map(exec, ["import os; os._exit(1)"])

    page.expect_workers(1)
    assert execution.map(abs, [-1]) == [1]


def test_a_worker_that_dies_in_silence_is_replaced(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """`close()` tells nobody; the lease of the next chunk expires, and a new worker computes it."""
    volunteer(execution.url).start()

    with contextlib.suppress(WorkerLostError):
        execution.map(exec, ["import js; js.close()"], timeout_in_seconds=2)

    assert execution.map(abs, [-1], timeout_in_seconds=2) == [1]


def test_finish_does_what_has_begun_and_gives_back_the_rest(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """What a page that finishes had on lease is done or goes to the next worker at once."""
    page = volunteer(execution.url)
    page.start()
    thread, outcome = in_thread(execution.map, slow_square, range(60))
    expect(page.page.get_by_test_id(parts.ITEMS_DONE)).not_to_have_text("0", timeout=30_000)

    page.press(parts.FINISH)
    expect(page.page.get_by_role("heading", name="Thank you!")).to_be_visible()
    page.press(parts.START_AGAIN)
    thread.join()

    assert outcome == [[x * x for x in range(60)]]


def test_stop_now_waits_for_nothing(execution: DistributedExecution, volunteer: Open) -> None:
    """A long item is not waited for; the next worker does it again."""
    page = volunteer(execution.url)
    page.start()
    future = execution.submit(time.sleep, 10_000)
    page.expect_state("computing")

    page.press(parts.FINISH)
    page.press(parts.STOP_NOW)
    expect(page.page.get_by_role("heading", name="Thank you!")).to_be_visible()
    future.cancel()

    page.press(parts.START_AGAIN)
    assert execution.map(abs, [-1]) == [1]


@pytest.mark.parametrize(
    ("fragment", "says"),
    [("", "link is incomplete"), ("#short", "link is incomplete"), ("#" + "x" * 22, "not valid")],
)
def test_a_wrong_or_truncated_link(
    execution: DistributedExecution, volunteer: Open, fragment: str, says: str
) -> None:
    """The page says in words what is wrong with the link."""
    page = volunteer(execution.url.partition("#")[0] + fragment)

    expect(page.page.get_by_text(says).first).to_be_visible()


def test_the_token_does_not_stay_in_the_address(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """Whoever looks over a shoulder sees no token, and a reload still works."""
    page = volunteer(execution.url)
    expect(parts.START.on(page.page)).to_be_enabled()

    assert "#" not in page.page.url
    page.page.reload()
    expect(parts.START.on(page.page)).to_be_enabled()


def test_nothing_heavy_loads_before_start(execution: DistributedExecution, volunteer: Open) -> None:
    """Before the click, the page fetches itself and the description, nothing else."""
    page = volunteer("about:blank")
    requested: list[str] = []
    page.page.on("request", lambda request: requested.append(request.url))
    page.page.goto(execution.url)
    expect(parts.START.on(page.page)).to_be_enabled()

    base = execution.url.partition("/#")[0]
    assert [url for url in requested if not url.startswith(base)] == []
    assert [url for url in requested if "/runtime/" in url or "/wheels/" in url] == []


def test_a_hidden_answer_of_another_page_is_ignored(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """Messages to the page from anywhere but its own sandbox change nothing."""
    page = volunteer(execution.url)
    page.start()

    page.page.evaluate("window.postMessage({type: 'died', worker: 1}, '*')")

    assert execution.map(abs, [-1]) == [1]
    assert page.errors == []
