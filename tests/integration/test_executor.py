"""The execution as an executor, with real workers: streams, futures, and how they end."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, as_completed, wait
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

from nitocris import (
    DistributedExecution,
    EncodeError,
    ItemTimeoutError,
    NotSendableError,
    RemoteError,
    WorkerLostError,
)
from nitocris.stream import THREAD_NAME

cloudpickle.register_pickle_by_value(sys.modules[__name__])
Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


@pytest.fixture(scope="module")
def d(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DistributedExecution]:
    """One execution with two workers for all tests that leave it whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        with Execution(local_workers=2) as execution:
            execution.wait_for_workers(2, timeout=30)
            yield execution


def odd(number: int) -> int:
    """Raises for every third number."""
    if number % 3 == 2:
        raise ValueError(f"no {number}")
    return number


def after(seconds: float, result: int) -> int:
    """Takes its time."""
    time.sleep(seconds)
    return result


def nothing_runs(d: DistributedExecution) -> None:
    """Waits until workers and coordinator have forgotten all maps, and readers have ended."""
    assert d._lifetime.serving is not None
    assert d.map(abs, [-1]) == [1]
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join(10)
            assert not thread.is_alive()
    assert not d._lifetime.running.works()
    deadline = time.monotonic() + 10
    while d._lifetime.serving.coordinator._maps:
        assert time.monotonic() < deadline
        d.map(abs, [-1])


def test_imap_gives_results_in_order(d: DistributedExecution) -> None:
    """While the last items are not read yet."""

    def slow_start(x: int) -> int:
        time.sleep(0.2 if x == 0 else 0)
        return x

    assert list(d.imap(slow_start, range(500))) == list(range(500))
    assert sorted(d.imap_unordered(slow_start, range(500))) == list(range(500))


def test_imap_unordered_waits_for_no_item(d: DistributedExecution) -> None:
    """A slow one comes last."""

    def slow_start(x: int) -> int:
        time.sleep(0.5 if x == 0 else 0)
        return x

    assert list(d.imap_unordered(slow_start, range(10), chunk_size=1))[-1] == 0


def test_an_endless_generator(d: DistributedExecution) -> None:
    """It is read as far as results are taken; dropping the iterator cancels the rest."""
    results = [x for x, _ in zip(d.imap(abs, itertools.count()), range(1000), strict=False)]

    assert results == list(range(1000))
    nothing_runs(d)


def test_closing_in_the_middle_stops_the_workers(d: DistributedExecution) -> None:
    """What they compute for nobody is cancelled, so that the next map need not wait."""
    results = d.imap(lambda x: after(30 * (x > 0), x), itertools.count(), chunk_size=1)
    assert next(results) == 0
    results.close()

    began = time.monotonic()
    nothing_runs(d)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "begin",
    [
        lambda d, *args, **options: d.map(*args, **options),
        lambda d, function, items, **options: d.starmap(function, zip(items), **options),
        lambda d, *args, **options: list(d.imap(*args, **options)),
        lambda d, *args, **options: sorted(d.imap_unordered(*args, **options), key=str),
        lambda d, *args, **options: asyncio.run(awaited(lambda: d.amap(*args, **options))),
    ],
)
def test_errors_are_raised_returned_or_left_out(d: DistributedExecution, begin: Any) -> None:
    """The same for every kind of map."""
    with pytest.raises(ValueError, match="no 2"):
        begin(d, odd, range(3))
    returned = begin(d, odd, range(300), errors="return")
    skipped = begin(d, odd, range(300), errors="skip")

    assert sorted(map(str, returned)) == sorted(
        f"no {x}" if x % 3 == 2 else str(x) for x in range(300)
    )
    assert {type(each).__name__ for each in returned} == {"int", "RemoteValueError"}
    assert sorted(skipped) == [x for x in range(300) if x % 3 != 2]


async def awaited(begin: Any) -> list[Any]:
    """Begins and awaits where a loop runs."""
    return list(await begin())


def test_an_error_tells_where_it_comes_from(d: DistributedExecution) -> None:
    """Index, worker and attempts, in attributes and words."""
    with pytest.raises(ValueError, match="no 2") as caught:
        d.map(odd, range(3))

    error = caught.value
    assert isinstance(error, RemoteError)
    assert error.index == 2
    assert error.worker.startswith("native worker ")
    assert error.attempts == 1
    assert f"raised by item 2 of the map on {error.worker}, attempt 1 of 1" in error.__notes__


def test_every_way_to_fail_can_be_returned(d: DistributedExecution) -> None:
    """What raises, what cannot be carried, what takes too long, and what takes its worker down."""

    def fail(x: int) -> Any:
        if x == 1:
            return (y for y in "ab")
        if x == 2:
            time.sleep(60)
        if x == 3:
            os._exit(3)
        return x

    results = d.map(fail, range(5), errors="return", item_timeout=0.5)

    assert results[::4] == [0, 4]
    assert isinstance(results[1], EncodeError)
    assert isinstance(results[2], ItemTimeoutError)
    assert isinstance(results[2], TimeoutError)
    assert isinstance(results[3], WorkerLostError)
    assert [error.index for error in results[1:4]] == [1, 2, 3]
    assert all(error.worker.startswith("native worker ") for error in results[1:4])


def test_an_item_has_its_own_time_limit(d: DistributedExecution) -> None:
    """Others of its chunk are not touched by it; the message names item and limit."""
    with pytest.raises(ItemTimeoutError, match=r"0\.3") as caught:
        d.map(lambda x: time.sleep(60 * (x == 7)), range(20), item_timeout=0.3)
    assert caught.value.index == 7

    assert d.map(lambda x: time.sleep(0.1), range(6), item_timeout=1, chunk_size=6) == [None] * 6


def test_what_is_transient_is_tried_again(d: DistributedExecution, tmp_path: Path) -> None:
    """As often as the owner wants, for the exceptions that the owner names."""

    def flaky(x: int) -> int:
        mark = tmp_path / str(x)
        tries = int(mark.read_text()) if mark.exists() else 0
        mark.write_text(str(tries + 1))
        if tries < 2:
            raise ConnectionError(f"try {tries + 1} of {x}")
        return x

    with pytest.raises(ConnectionError, match="try 2 of 100") as caught:
        d.map(flaky, [100], retries=1)
    assert isinstance(caught.value, RemoteError)
    assert caught.value.attempts == 2
    assert caught.value.__notes__[-1].endswith("attempt 2 of 2")

    assert d.map(flaky, range(20), retries=2) == list(range(20))
    with pytest.raises(ConnectionError, match="try 1 of 200"):
        d.map(flaky, [200], retries=5, retry_on=(KeyError,))


def test_a_limit_of_the_whole_call(d: DistributedExecution) -> None:
    """`timeout` is the standard's; what was done is in the message."""
    with pytest.raises(TimeoutError, match=r"of 100 items were done within 0\.5 s"):
        d.map(lambda x: time.sleep(0.05 if x < 4 else 60), range(100), timeout=0.5)
    nothing_runs(d)


def test_submit_and_the_standard_s_functions(d: DistributedExecution) -> None:
    """`as_completed` and `wait` work, as does everything that is built on them."""
    futures: dict[Future[int], int] = {d.submit(pow, x, 2): x for x in range(20)}
    assert all(each.result() == futures[each] ** 2 for each in as_completed(futures, timeout=30))

    slow: Future[Any] = d.submit(time.sleep, 60)
    quick: Future[Any] = d.submit(int, "20", base=3)
    done, not_done = wait([slow, quick], timeout=30, return_when=FIRST_COMPLETED)
    assert (done, not_done) == ({quick}, {slow})
    assert quick.result() == 6
    assert slow.cancel()
    nothing_runs(d)


def test_a_future_s_error(d: DistributedExecution) -> None:
    """As of the standard, with worker and attempts; no index, as it is of no map."""
    error = d.submit(odd, 2).exception(timeout=30)

    assert isinstance(error, ValueError)
    assert isinstance(error, RemoteError)
    assert error.index is None
    assert error.worker.startswith("native worker ")
    with pytest.raises(NotSendableError, match="the arguments"):
        d.submit(repr, threading.Lock())


def test_cancelling_before_and_while_running(d: DistributedExecution, tmp_path: Path) -> None:
    """Places are free again at once, and what was not begun never is."""

    def begin(x: int) -> None:
        (tmp_path / str(x)).touch()
        time.sleep(60)

    futures = [d.submit(begin, x) for x in range(40)]
    while not {"0", "1"} <= {path.name for path in tmp_path.iterdir()}:
        time.sleep(0.005)
    assert futures[0].running()
    assert not futures[39].running()

    assert all(future.cancel() for future in reversed(futures))

    assert wait(futures, timeout=10).not_done == set()
    assert all(future.cancelled() for future in futures)
    nothing_runs(d)
    assert len(list(tmp_path.iterdir())) < 20


def test_callbacks_that_submit_more(d: DistributedExecution) -> None:
    """A tree of calls grows from callbacks, and the maps of others go on."""
    left = 64
    finished = threading.Event()

    def follow(future: Future[int]) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            finished.set()
        elif future.result() < 32:
            for child in (2 * future.result(), 2 * future.result() + 1):
                d.submit(abs, child).add_done_callback(follow)

    d.submit(abs, 1).add_done_callback(follow)
    left -= 1  # 1 + 2 + 4 + ... + 32 = 63 calls
    assert d.map(abs, range(-100, 0)) == list(range(100, 0, -1))

    assert finished.wait(30)


def test_several_threads(d: DistributedExecution) -> None:
    """Maps, streams and futures at once."""
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        kinds: list[Any] = [
            lambda: d.map(abs, range(-200, 0)),
            lambda: list(d.imap(abs, range(-200, 0), buffersize=10)),
            lambda: [each.result() for each in [d.submit(abs, x) for x in range(-200, 0)]],
            lambda: asyncio.run(awaited(partial(d.amap, abs, range(-200, 0)))),
        ]
        results[number] = kinds[number % 4]()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert results == {number: list(range(200, 0, -1)) for number in range(8)}


async def test_amap_beside_other_tasks(d: DistributedExecution) -> None:
    """The loop is never held up for long, and cancelling the task cancels the map."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - before)

    ticking = asyncio.create_task(tick())
    matrix = np.ones((500, 500))
    maps = [d.amap(lambda x: float(matrix[0].sum()) + x, range(300)) for _ in range(3)]
    assert await asyncio.gather(*maps) == [[500.0 + x for x in range(300)]] * 3
    assert [x async for x in d.amap(abs, range(5))] == [0, 1, 2, 3, 4]

    endless = asyncio.ensure_future(d.amap(time.sleep, itertools.repeat(60)))
    await asyncio.sleep(0.1)
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless
    ticking.cancel()
    await asyncio.to_thread(nothing_runs, d)

    assert longest < 0.5


async def test_run_in_executor(d: DistributedExecution) -> None:
    """asyncio takes it for an executor, as it is one."""
    loop = asyncio.get_running_loop()

    results = await asyncio.gather(*(loop.run_in_executor(d, pow, x, 2) for x in range(20)))

    assert results == [x * x for x in range(20)]


def test_scipy_takes_it_for_workers(d: DistributedExecution) -> None:
    """`differential_evolution(workers=d.map)`, as with a pool's `map`."""
    from scipy.optimize import differential_evolution, rosen

    found = differential_evolution(
        rosen, [(0, 2)] * 3, workers=d.map, updating="deferred", rng=1, maxiter=30, polish=False
    )

    alone = differential_evolution(
        rosen, [(0, 2)] * 3, updating="deferred", rng=1, maxiter=30, polish=False
    )
    np.testing.assert_array_equal(found.x, alone.x)


def test_shutdown_lets_everything_finish() -> None:
    """Futures, maps of other threads and their streams; then nothing is left."""
    results: list[Any] = []
    d = Execution(local_workers=2)
    d.wait_for_workers(2, timeout=30)
    before = set(threading.enumerate())
    futures = [d.submit(after, 0.05, x) for x in range(10)]
    mapping = threading.Thread(
        target=lambda: results.append(d.map(partial(after, 0.05), range(10)))
    )
    mapping.start()
    while len(d._lifetime.running.works()) < 11:
        time.sleep(0.001)

    d.shutdown()

    assert [future.result(timeout=0) for future in futures] == list(range(10))
    mapping.join(10)
    assert results == [list(range(10))]
    left = {each.name for each in set(threading.enumerate()) - before}
    assert not {name for name in left if name.startswith("nitocris")}


def run(tmp_path: Path, source: str, *, interrupt: bool = False, seconds: float = 20) -> str:
    """Runs a script, presses Ctrl-C when it has printed "go", and returns what it printed."""
    script = tmp_path / "script.py"
    script.write_text(PREAMBLE + source)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as owner:
        assert owner.stdout is not None
        timer = threading.Timer(seconds, owner.kill)
        timer.start()
        output = []
        for line in owner.stdout:
            output.append(line)
            if interrupt and line == "go\n":
                time.sleep(0.3)  # until it waits
                os.kill(owner.pid, signal.SIGINT)
        timer.cancel()
    return "".join(output)


PREAMBLE = """
import asyncio, contextlib, itertools, threading, time
from nitocris import ClosedError, DistributedExecution


def Execution(**options):
    return DistributedExecution(host="127.0.0.1", progress=False, **options)


def interruptible(main):
    try:
        main()
    except KeyboardInterrupt:
        left = [each for each in threading.enumerate() if each is not threading.main_thread()]
        print("interrupted", [each.name for each in left], flush=True)

"""

WAITING = {
    "imap": "for _ in d.imap(time.sleep, itertools.repeat(60)): pass",
    "imap_unordered": "for _ in d.imap_unordered(time.sleep, itertools.repeat(60)): pass",
    "map": "d.map(time.sleep, itertools.repeat(60))",
    "future.result": "d.submit(time.sleep, 60).result()",
    "amap": "asyncio.run(awaiting(d.amap, time.sleep, itertools.repeat(60)))",
    "shutdown": "future = d.submit(time.sleep, 60); d.shutdown()",
}


@pytest.mark.parametrize("waiting", WAITING)
def test_ctrl_c_ends_all_waiting(waiting: str, tmp_path: Path) -> None:
    """Soon, and nothing is left behind."""
    source = f"""
async def awaiting(begin, *args):
    await begin(*args)

def main():
    with Execution(local_workers=1) as d:
        d.wait_for_workers(1)
        print("go", flush=True)
        {WAITING[waiting]}

if __name__ == "__main__":
    interruptible(main)
"""
    assert run(tmp_path, source, interrupt=True) == "go\ninterrupted []\n"


FORGOTTEN = {
    "nothing": "",
    "a link": "assert d.url",
    "a future": "d.submit(abs, -1)",
    "a future that is done": "assert d.submit(abs, -1).result() == 1",
    "a stream": "results = d.imap(abs, itertools.count()); assert next(results) == 0",
    "a busy worker": "future = d.submit(time.sleep, 60); time.sleep(0.3)",
    "a callback that blocks": "d.submit(abs, 1).add_done_callback(lambda _: time.sleep(3))",
    "a thread": """
    reading = threading.Event()
    items = (reading.set() or seconds for seconds in [60])

    def sleep():
        with contextlib.suppress(ClosedError):
            d.map(time.sleep, items)

    threading.Thread(target=sleep, daemon=True).start()
    reading.wait()
""",
    "a thread that died": """
    streams = []
    thread = threading.Thread(target=lambda: streams.append(d.imap(abs, itertools.count())))
    thread.start()
    thread.join()
""",
}


@pytest.mark.parametrize("what", FORGOTTEN)
def test_a_forgotten_execution_does_not_keep_the_interpreter(what: str, tmp_path: Path) -> None:
    """Without `with` and `shutdown`, the script just ends."""
    source = f"""
if __name__ == "__main__":
    d = Execution(local_workers=1)
    {FORGOTTEN[what]}
    print("end", flush=True)
"""
    began = time.monotonic()
    assert run(tmp_path, source) == "end\n"
    assert time.monotonic() - began < 15


def test_a_script_that_does_not_wait_still_gets_its_results(tmp_path: Path) -> None:
    """After `shutdown(wait=False)` the interpreter ends when all is done, as with others."""
    source = """
if __name__ == "__main__":
    d = Execution(local_workers=1)
    d.submit(pow, 2, 5).add_done_callback(lambda future: print(future.result(), flush=True))
    d.shutdown(wait=False)
    print("end", flush=True)
"""
    assert run(tmp_path, source) == "end\n32\n"


def test_under_xdist(tmp_path: Path) -> None:
    """Several processes of pytest have an execution each."""
    (tmp_path / "test_it.py").write_text("""
import pytest
from nitocris import DistributedExecution

@pytest.mark.parametrize("number", range(4))
def test_it(number):
    with DistributedExecution(host="127.0.0.1", local_workers=1, progress=False) as d:
        assert list(d.imap(abs, range(-number, 0))) == list(range(number, 0, -1))
        assert d.submit(abs, -number).result() == number
""")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "4 passed" in done.stdout, done.stdout + done.stderr
