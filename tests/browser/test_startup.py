"""The start of compute workers: from files, from a snapshot of memory, and when that is damaged."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import cloudpickle
import numpy as np
import pytest
from playwright.sync_api import Page

from nitocris import DistributedExecution, WorkerLostError
from tests.browser.conftest import Execution, Open

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


def draw(_: int) -> dict[str, object]:
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
    time.sleep(0.5)
    return drawn


def draw_with_numpy(_: int) -> dict[str, object]:
    import numpy as np

    drawn: dict[str, object] = {
        "np.random": np.random.random(),
        "default_rng": float(np.random.default_rng().random()),
    }
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
    execution: DistributedExecution, stranger: Open
) -> None:
    """The results are right, and none draws what another did."""
    page = stranger(execution.url, cores=4)
    page.start(workers=3)
    execution.wait_for_workers(3, timeout=60)

    assert starts(page.page) == ["making", "restored", "restored"]
    assert execution.map(lambda x: x * x, range(100), chunk_size=5) == [x * x for x in range(100)]
    assert differ(execution.map(draw, range(3), chunk_size=1))
    assert page.errors == []


@with_snapshots
def test_a_replaced_worker_starts_from_its_predecessor_s_memory(
    execution: DistributedExecution, stranger: Open
) -> None:
    """It was taken before any function came, so nothing of the one that died is in it."""
    page = stranger(execution.url)
    page.start()
    drawn = execution.map(draw, [0])

    for _ in range(2):
        with pytest.raises(WorkerLostError):
            execution.submit(die).result(60)
        page.expect_workers(1)
        drawn += execution.map(draw, [0])

    assert starts(page.page) == ["restored"]
    assert differ(drawn)


@with_snapshots
@pytest.mark.usefixtures("numpy_in_browsers")
def test_numpy_draws_differently_in_workers_of_one_memory(stranger: Open) -> None:
    """NumPy is not in the snapshot; it seeds itself when it is imported."""
    with Execution(packages=["numpy"]) as d:
        page = stranger(d.url, cores=4)
        page.start(workers=3)
        d.wait_for_workers(3, timeout=60)

        drawn = d.map(draw_with_numpy, range(3), chunk_size=1)

        assert starts(page.page) == ["making", "restored", "restored"]
    assert differ(drawn)


@with_snapshots
@pytest.mark.smoke
def test_the_second_visit_starts_from_the_stored_memory(
    execution: DistributedExecution, stranger: Open
) -> None:
    """Python starts from what the browser has stored, and computes what it should."""
    page = stranger(execution.url)
    page.start()
    wait_until_kept(page.page)

    page.page.reload()
    page.start()

    assert starts(page.page) == ["restored"]
    assert execution.map(lambda x: x * x, range(5)) == [0, 1, 4, 9, 16]


@pytest.mark.usefixtures("numpy_in_browsers")
def test_the_second_visit_downloads_nothing(stranger: Open) -> None:
    """Runtime, wheels and blobs come from the browser's cache, and once for all workers."""
    data = np.arange(250_000)  # 2 MB: windows without a profile cache no large files

    with Execution(packages=["numpy"]) as d:
        page = stranger(d.url, cores=4)
        page.start(workers=2)
        assert d.map(lambda i: int(data[i]), [7]) == [7]
        first = transfers(page.page)
        page.page.reload()
        page.start(workers=2)
        assert d.map(lambda i: int(data[i]), [8]) == [8]
        second = transfers(page.page)

    assert sorted(first) == sorted(second)
    assert len(first) == 8
    assert all(first.values())
    assert not any(second.values())


def transfers(page: Page) -> dict[str, int]:
    """Returns the bytes that came over the network, by file of the runtime, wheel and blob."""
    (worker,) = [each for each in page.workers if "io.worker" in each.url]
    entries = worker.evaluate(
        "performance.getEntriesByType('resource').map(each => [each.name, each.transferSize])"
    )
    found: dict[str, int] = {}
    for url, size in entries:
        path = url.split("/", 3)[3]
        if path.startswith(("runtime/", "bundle/", "wheels/", "blobs/")):
            assert path not in found, "fetched twice"
            found[path] = size
    return found


@with_snapshots
@pytest.mark.parametrize(("is_checksum_right", "then"), [(False, ["making"]), (True, ["cold"])])
def test_a_damaged_snapshot_is_not_used(
    execution: DistributedExecution, stranger: Open, is_checksum_right: bool, then: list[str]
) -> None:
    """Neither what the checksum shows nor what shows only in the interpreter costs a result."""
    page = stranger(execution.url)
    page.start()
    wait_until_kept(page.page)
    damage(page.page, is_checksum_right)

    page.page.reload()
    page.start()

    assert starts(page.page) == then
    assert execution.map(abs, [-1]) == [1]
    assert page.errors == []
    if is_checksum_right:
        assert use_shelf(page.page, "readonly", "store.count()") == 0


def damage(page: Page, is_checksum_right: bool) -> None:
    """Overwrites half of the stored snapshot, and perhaps says that this is what was stored."""
    page.evaluate(
        """isChecksumRight => new Promise((resolve, reject) => {
            indexedDB.open('nitocris', 1).onsuccess = async ({target: {result: database}}) => {
                const ask = (request) => new Promise((done) => {
                    request.onsuccess = () => done(request.result);
                });
                const store = () =>
                    database.transaction('snapshots', 'readwrite').objectStore('snapshots');
                const [key] = await ask(store().getAllKeys());
                const {bytes, sha256} = await ask(store().get(key));
                new Uint8Array(bytes).fill(7, bytes.byteLength / 2);
                const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
                const right = [...digest].map((x) => x.toString(16).padStart(2, '0')).join('');
                await ask(store().put({bytes, sha256: isChecksumRight ? right : sha256}, key));
                database.close();
                resolve();
            };
        })""",
        is_checksum_right,
    )
