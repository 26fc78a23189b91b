"""The start of compute workers: from files, from a snapshot of memory, and when that is damaged."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import cloudpickle
import pytest
from playwright.sync_api import Page, expect

from nitocris import DistributedExecution, WorkerLostError
from tests.browser.conftest import Execution, Open, Volunteer

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.timeout(120)
with_snapshots = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="Pyodide 0.25, for Python 3.11, makes no memory snapshots"
)


@pytest.fixture
def execution() -> Iterator[DistributedExecution]:
    with Execution() as d:
        yield d


def starts(page: Page) -> list[str]:
    """Returns how the workers of a page have started."""
    found: list[str] = page.locator("li.worker").evaluate_all(
        "all => all.map(one => one.dataset.start)"
    )
    return found


def use_shelf(page: Page, mode: str, work: str) -> Any:
    """Runs an expression over `store`, the snapshots that this browser keeps."""
    return page.evaluate(
        f"""() => new Promise((resolve, reject) => {{
            const opening = indexedDB.open('nitocris', 1);
            opening.onupgradeneeded = () => opening.result.createObjectStore('snapshots');
            opening.onerror = () => reject(opening.error);
            opening.onsuccess = () => {{
                const database = opening.result;
                const store = database.transaction('snapshots', '{mode}').objectStore('snapshots');
                const request = {work};
                request.onerror = () => reject(request.error);
                request.onsuccess = () => {{ database.close(); resolve(request.result); }};
            }};
        }})"""
    )


def wait_until_kept(page: Page) -> None:
    """Waits until the browser has stored the snapshot, which happens some seconds after it."""
    deadline = time.monotonic() + 30
    while use_shelf(page, "readonly", "store.count()") != 1:
        assert time.monotonic() < deadline, "no snapshot is kept"
        page.wait_for_timeout(100)


def draw(_: int, modules: tuple[str, ...] = ()) -> dict[str, object]:
    """Draws from every source of randomness, and stays long enough for the others to draw too."""
    import os
    import random
    import secrets
    import uuid

    drawn: dict[str, object] = {
        "random": random.random(),
        "os.urandom": os.urandom(8).hex(),
        "secrets": secrets.token_hex(8),
        "uuid": str(uuid.uuid4()),
        "SystemRandom": random.SystemRandom().random(),
    }
    if "numpy" in modules:
        import numpy as np

        drawn["numpy"] = float(np.random.random())  # noqa: NPY002
        drawn["default_rng"] = float(np.random.default_rng().random())
    time.sleep(0.5)
    return drawn


def die() -> None:
    import os

    os._exit(1)


def differ(drawn: list[dict[str, object]]) -> bool:
    """Whether no value of any source came twice."""
    return all(len({each[source] for each in drawn}) == len(drawn) for source in drawn[0])


@with_snapshots
@pytest.mark.smoke
def test_further_workers_start_from_the_first_one_s_memory(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """The results are right, a replaced worker starts likewise, and none draws what another did."""
    page = volunteer(execution.url, cores=4)
    page.start(workers=3)
    execution.wait_for_workers(3, timeout=60)

    assert starts(page.page) == ["making", "restored", "restored"]
    assert execution.map(lambda x: x * x, range(100), chunk_size=5) == [x * x for x in range(100)]
    drawn = execution.map(draw, range(3), chunk_size=1)
    with pytest.raises(WorkerLostError):
        execution.submit(die).result(60)
    page.expect_workers(3)
    drawn += execution.map(draw, range(3), chunk_size=1)

    assert len(drawn) == 6
    assert differ(drawn)
    assert set(starts(page.page)) == {"restored"}
    assert page.errors == []


@with_snapshots
@pytest.mark.usefixtures("numpy_in_browsers")
def test_numpy_draws_differently_in_workers_of_one_memory(volunteer: Open) -> None:
    """NumPy is not in the snapshot; it seeds itself when it is imported."""
    with Execution(packages=["numpy"]) as d:
        page = volunteer(d.url, cores=4)
        page.start(workers=3)
        d.wait_for_workers(3, timeout=60)

        drawn = d.map(partial(draw, modules=("numpy",)), range(3), chunk_size=1)

        assert starts(page.page) == ["making", "restored", "restored"]
    assert differ(drawn)


@with_snapshots
@pytest.mark.smoke
def test_the_second_visit_starts_from_the_stored_memory_and_downloads_nothing(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """The runtime comes from the browser's cache, and Python from what it has stored."""
    page = volunteer(execution.url)
    page.start()
    assert execution.map(abs, [-1]) == [1]
    wait_until_kept(page.page)

    page.page.reload()
    transferred = watch_transfers(page)
    page.start()

    assert starts(page.page) == ["restored"]
    assert execution.map(abs, [-2]) == [2]
    assert transferred
    assert {name for name, size in transferred.items() if size} == set()


def watch_transfers(page: Volunteer) -> dict[str, int]:
    """Collects the bytes that came over the network for each file of the runtime and the job."""
    transferred: dict[str, int] = {}

    def note(response: Any) -> None:
        path = response.url.split("/", 3)[3]
        if path.startswith(("runtime/", "wheels/", "blobs/", "bundle/")):
            cached = response.request.timing["responseStart"] < 0 or response.from_service_worker
            transferred[path] = 0 if cached else 1

    page.page.on("response", note)
    return transferred
