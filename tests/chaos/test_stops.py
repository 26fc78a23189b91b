"""Workers that fall silent without leaving: SIGSTOP, and SIGCONT when nobody counts on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cloudpickle
import pytest

from nitocris import DistributedExecution, ServerLimits
from nitocris.worker.core import FLUSH_BYTES

from .fleet import Fleet, is_stopped, wait_until
from .remains import serving, wait_for_nothing

cloudpickle.register_pickle_by_value(sys.modules[__name__])

TIMEOUT = 300.0
"""Seconds until a lease expires.  What ends much earlier has been helped by others."""
Execution = partial(
    DistributedExecution, host="127.0.0.1", timeout_in_seconds=TIMEOUT, progress=False
)
STOPS = 19
"""The item that stops whoever computes it first: in the middle of a chunk of three."""


def stop(mark: Path, *, whole: bool, again: Callable[[int], None] | None, x: int) -> int:
    """Squares a number, but for `STOPS` the first time: then it stops its process.

    Args:
        mark: Where it leaves its process id.
        whole: Whether to stop the worker as well, not only the compute process.
        again: Called with that id by whoever computes `STOPS` the next time.
        x: The item.
    """
    time.sleep(0.02)
    if x != STOPS:
        return x * x
    try:
        with mark.open("x") as file:
            file.write(f"{os.getpid()}")
    except FileExistsError:
        if again:
            again(int(mark.read_text()))
        return x * x
    if whole:
        os.kill(os.getppid(), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)
    return x * x


def connected(d: DistributedExecution) -> int:
    return serving(d).coordinator.capacity


@pytest.mark.parametrize("whole", [False, True])
def test_others_help_a_stopped_worker(tmp_path: Path, *, whole: bool) -> None:
    """What it has on lease is lent a second time, although its connection stands.

    A stopped compute process is killed and replaced then.
    """
    work = partial(stop, tmp_path / "mark", whole=whole, again=None)
    with Execution() as d, Fleet(d.worker_url, 3) as fleet:
        d.wait_for_workers(3, timeout=30)
        before = set(fleet.children())

        began = time.monotonic()
        results = d.map(lambda x: work(x=x), range(150))
        seconds = time.monotonic() - began

        stopped = int((tmp_path / "mark").read_text())
        assert results == [x * x for x in range(150)]
        assert seconds < TIMEOUT / 10
        assert connected(d) == 3
        assert stopped in before
        if not whole:
            wait_for_nothing(d)
            wait_until(lambda: len(fleet.children()) == 3)
            assert stopped not in fleet.children()
    print(f"150 items in {seconds:.2f} s")


def test_what_two_answer_counts_once(tmp_path: Path) -> None:
    """The helper wakes the stopped process, and both answer the same items, one by one.

    The results are so large that each leaves at once.
    """
    work = partial(
        stop, tmp_path / "mark", whole=False, again=lambda pid: os.kill(pid, signal.SIGCONT)
    )

    def large(x: int) -> bytes:
        return work(x=x).to_bytes(2, "big") + bytes(FLUSH_BYTES)

    with Execution() as d, Fleet(d.worker_url, 2):
        d.wait_for_workers(2, timeout=30)

        results = [
            int.from_bytes(result[:2], "big")
            for result in d.imap_unordered(large, range(30), chunk_size=3)
        ]

        assert sorted(results) == [x * x for x in range(30)]
        wait_for_nothing(d)


def test_the_only_worker_is_stopped_and_continued(tmp_path: Path) -> None:
    """Nobody can help; the map waits, and goes on with what it had."""
    mark = tmp_path / "mark"
    work = partial(stop, mark, whole=True, again=None)
    with (
        ThreadPoolExecutor(1) as owner,
        Execution() as d,
        Fleet(d.worker_url, 1) as fleet,
    ):
        (worker,) = fleet.workers
        mapping = owner.submit(lambda: list(d.imap_unordered(lambda x: work(x=x), range(100))))
        wait_until(lambda: mark.exists() and is_stopped(worker.pid))
        (child,) = fleet.children()
        wait_until(lambda: is_stopped(child))
        assert not mapping.done()

        os.killpg(worker.pid, signal.SIGCONT)

        assert sorted(mapping.result()) == [x * x for x in range(100)]
        assert fleet.children() == [child]
        wait_for_nothing(d)


def test_the_only_worker_is_stopped_for_so_long_that_it_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Continued, it finds its connection closed, joins again, and the map goes on.

    To fall silent breaks no protocol.
    """
    mark = tmp_path / "mark"
    work = partial(stop, mark, whole=True, again=None)
    with (
        ThreadPoolExecutor(1) as owner,
        Execution(limits=ServerLimits(silence_seconds=2.0)) as d,
        Fleet(d.worker_url, 1) as fleet,
    ):
        d.wait_for_workers(1, timeout=30)
        mapping = owner.submit(d.map, lambda x: work(x=x), range(100))
        wait_until(lambda: mark.exists() and connected(d) == 0)

        os.killpg(fleet.workers[0].pid, signal.SIGCONT)

        assert mapping.result() == [x * x for x in range(100)]
        assert caplog.messages == []
        wait_for_nothing(d)


_OWNER = """
import sys, time
from functools import partial
from pathlib import Path
from nitocris import DistributedExecution, driver

driver.READING_SECONDS = 0.1
driver.AwakeClock = partial(driver.AwakeClock, longest_gap=0.5)

def work(mark, x):
    Path(mark).touch()
    time.sleep(0.5)
    return x

with DistributedExecution(host="127.0.0.1", timeout_in_seconds=1.0, progress=False) as d:
    print(d.worker_url, flush=True)
    print(d.map(partial(work, sys.argv[1]), [7]), d.report().retries)
"""


def test_the_owner_is_stopped_for_longer_than_a_lease_lasts(tmp_path: Path) -> None:
    """Continued, it takes the answer that came meanwhile; nothing is computed again."""
    mark = tmp_path / "mark"
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(mark)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    with Fleet(owner.stdout.readline().strip(), 1):
        wait_until(mark.exists)
        owner.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        owner.send_signal(signal.SIGCONT)
        printed, _ = owner.communicate(timeout=30)

    assert printed == "[7] 0\n"
