"""Interpreters die, and nothing but their Web Worker with them."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cloudpickle
import pytest
from playwright.sync_api import expect

from nitocris import DistributedExecution, WorkerLostError
from tests.browser.conftest import Execution, Open

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.timeout(150)

NESTED = """
nested = []
for _ in range(1_000_000):
    nested = [nested]
"""

DEATHS = {
    "import os; os._exit(3)": "it was told to exit with status 3",
    "import os; os.abort()": "it aborted",
    NESTED + "repr(nested)": "its stack overflowed",
    NESTED + "import pickle; pickle.dumps(nested)": "its stack overflowed",
    "import ctypes; ctypes.string_at(2**31 + 5)": "its memory is damaged",
    "import js; js.close()": "the function closed its Web Worker",
}

TAKEN_DOWN = 3
"""Workers that an item may take down before it fails alone."""

GROWTH = 1.10
SETTLE_SECONDS = 30


@pytest.fixture
def execution() -> Iterator[DistributedExecution]:
    with Execution() as d:
        yield d


def linger(seconds: float) -> str:
    time.sleep(seconds)
    return "still here"


def kill_if_even(number: int) -> int:
    if number % 2 == 0:
        os._exit(1)
    return number


def test_only_the_worker_that_dies_is_replaced(
    execution: DistributedExecution, volunteer: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """The other one goes on with what it has, and the owner's log says how each one died."""
    caplog.set_level(logging.INFO, "nitocris.coordinator")
    page = volunteer(execution.url, cores=3)
    page.start(workers=2)
    execution.wait_for_workers(2, timeout=60)

    for source, cause in DEATHS.items():
        caplog.clear()
        other = execution.submit(linger, 2.0)
        while not other.running():
            time.sleep(0.01)
        with pytest.raises(WorkerLostError, match="the interpreter died"):
            execution.submit(exec, source).result(60)
        assert other.result(60) == "still here"

        lost = [each.getMessage() for each in caplog.records if "lost lease" in each.msg]
        assert len(lost) == TAKEN_DOWN, source
        assert all(f": the interpreter died: {cause}" in each for each in lost), lost

    page.expect_workers(2)
    assert execution.map(abs, range(-10, 0)) == [abs(x) for x in range(-10, 0)]
    assert page.errors == []


def test_sys_exit_ends_the_item_and_not_the_worker(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """It is an exception as others are; only `os._exit` is an end."""
    page = volunteer(execution.url)
    page.start()

    with pytest.raises(Exception, match="SystemExit: 3"):
        execution.map(sys.exit, [3])

    assert execution.map(abs, [-1]) == [1]


def test_a_worker_without_memory_is_replaced_after_its_item(
    execution: DistributedExecution, volunteer: Open
) -> None:
    """Its memory never shrinks again, so another interpreter goes on with the next item."""
    page = volunteer(execution.url)
    page.start()

    def is_new() -> bool:
        import builtins

        known = hasattr(builtins, "known")
        builtins.known = True  # type: ignore[attr-defined]
        return not known

    def fill() -> None:
        kept = [bytearray(2**29) for _ in range(10)]
        raise AssertionError(len(kept))

    assert [execution.submit(is_new).result(60) for _ in range(2)] == [True, False]
    with pytest.raises(MemoryError):
        execution.submit(fill).result(60)

    assert execution.submit(is_new).result(60)


@pytest.mark.parametrize("kills", [15, pytest.param(51, marks=pytest.mark.long)])
def test_many_deaths_in_one_page(
    execution: DistributedExecution, volunteer: Open, kills: int
) -> None:
    """Nothing is missing but what killed, the page goes on, and its memory is as it was."""
    page = volunteer(execution.url)
    page.start()
    assert execution.map(kill_if_even, [1]) == [1]
    before = browser_memory()
    numbers = range(2 * kills // TAKEN_DOWN)

    results = execution.map(kill_if_even, numbers, chunk_size=1, errors="return")

    assert [each for each in results if not isinstance(each, WorkerLostError)] == [
        number for number in numbers if number % 2
    ]
    page.expect_workers(1)
    expect(page.page.get_by_test_id("items-done")).to_have_text(str(1 + len(numbers) // 2))
    deadline = time.monotonic() + SETTLE_SECONDS
    while (now := browser_memory()) > GROWTH * before and time.monotonic() < deadline:
        page.page.wait_for_timeout(500)
    assert now <= GROWTH * before
    assert page.errors == []


def browser_memory() -> int:
    """Returns the bytes that belong to this test's browser, shared ones in proportion."""
    return sum(_proportional_bytes(pid) for pid in _descendants(os.getpid()))


def _descendants(root: int) -> Iterator[int]:
    parents = {int(path.name): _parent(path) for path in Path("/proc").glob("[0-9]*")}
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    yield from found[1:]


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
