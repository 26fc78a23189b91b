"""Futures, without server and workers."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, CancelledError, Future, as_completed, wait
from typing import Any

import pytest

from nitocris.errors import ClosedError, ConfigurationError, NotSendableError, RemoteError
from nitocris.futures import THREAD_NAME
from tests.support.fake_coordinator import FakeExecution


@pytest.fixture
def d() -> Iterator[FakeExecution]:
    """An execution that ends with its test, and has left no thread behind."""
    execution = FakeExecution()
    yield execution
    execution.close()
    assert THREAD_NAME not in {thread.name for thread in threading.enumerate()}


def settled(future: Future[Any]) -> Any:
    """Returns the result in time."""
    return future.result(timeout=10)


def test_a_future_has_the_result(d: FakeExecution) -> None:
    """Arguments travel by position and by name."""
    assert settled(d.submit(pow, 2, 5)) == 32
    assert settled(d.submit(pow, 2, exp=5, mod=7)) == 4
    assert settled(d.submit(int, "20", base=3)) == 6
    assert settled(d.submit(dict, function=1, self=2)) == {"function": 1, "self": 2}


def test_a_future_has_the_error(d: FakeExecution) -> None:
    """As an instance of what was raised, with what is known of it."""
    error = d.submit(int, "x").exception(timeout=10)

    assert isinstance(error, ValueError)
    assert isinstance(error, RemoteError)
    assert error.index is None
    assert error.worker == "worker 7"
    assert error.__notes__ == ["raised on worker 7, attempt 1 of 1"]


def test_futures_of_equal_functions_share_a_map(d: FakeExecution) -> None:
    """Also if they are encoded one by one; keyword arguments make another."""
    d.coordinator.held = True
    offset = [1]
    futures = [d.submit(lambda x: x + offset[0], x) for x in range(9)]
    futures += [d.submit(abs, x) for x in range(9)]
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 6)
    d.serving.release_all()

    assert [settled(future) for future in futures] == [*range(1, 10), *range(9)]
    assert d.coordinator.started == 2
    assert set(d.coordinator.sizes) == {1}


def test_functions_with_other_data_do_not_share(d: FakeExecution) -> None:
    """Small data are in the pickle, large ones are known by their hashes."""

    def total(data: bytearray) -> Future[int]:
        return d.submit(lambda: sum(data))

    d.coordinator.held = True
    futures = [total(bytearray(byte) * size) for size in (1, 100_000) for byte in (b"a", b"b")]
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 4)
    d.serving.release_all()

    assert [settled(future) for future in futures] == [97, 98, 9_700_000, 9_800_000]


def test_a_map_ends_with_its_last_future(d: FakeExecution) -> None:
    """Workers may forget the function; the next submit opens another."""
    for started in (1, 2):
        settled(d.submit(abs, -1))
        d.coordinator.wait_for(lambda: not d.coordinator.maps)
        assert d.coordinator.started == started


def test_as_completed_and_wait(d: FakeExecution) -> None:
    """The standard's functions see every change."""
    futures: dict[Future[int], int] = {d.submit(abs, x): x for x in range(20)}
    assert sorted(futures[f] for f in as_completed(futures, timeout=10)) == list(range(20))

    d.coordinator.held = True
    failing, waiting = d.submit(int, "x"), d.submit(abs, 1)
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 22)
    d.serving.release(0)
    done, not_done = wait([failing, waiting], timeout=10, return_when=FIRST_EXCEPTION)
    assert (done, not_done) == ({failing}, {waiting})
    threading.Timer(0.05, waiting.cancel).start()
    assert wait([waiting], timeout=10).done == {waiting}


def test_cancelling_before_it_is_sent(d: FakeExecution) -> None:
    """It is never sent, and no longer counts."""
    d.coordinator.held = True
    futures = [d.submit(abs, x) for x in range(9)]
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 3)

    assert not futures[8].running()
    assert futures[8].cancel()
    assert futures[8].cancel()
    assert futures[8].cancelled()
    with pytest.raises(CancelledError):
        futures[8].result()
    d.serving.release_all()
    assert [settled(future) for future in futures[:8]] == list(range(8))
    assert d.coordinator.supplied == 8
    assert d.coordinator.cancelled == []


def test_cancelling_while_it_runs(d: FakeExecution) -> None:
    """The coordinator is told which item, and the map goes on with the others."""
    d.coordinator.held = True
    futures = [d.submit(abs, x) for x in range(9)]
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 3)

    assert futures[1].running()
    assert futures[1].cancel()
    assert not futures[1].running()
    d.coordinator.wait_for(lambda: d.coordinator.cancelled == [(1, 1)])
    d.serving.release_all()
    assert [settled(future) for future in futures if future is not futures[1]] == [0, *range(2, 9)]
    assert not d._lifetime.running.works()


def test_a_future_that_is_done_cannot_be_cancelled(d: FakeExecution) -> None:
    """As the standard promises."""
    future = d.submit(abs, -1)
    settled(future)

    assert not future.cancel()
    assert not future.running()
    assert future.done()


def test_many_threads_cancel_what_is_being_done(d: FakeExecution) -> None:
    """Whoever comes first wins; nobody waits for ever, and the books are empty in the end."""
    futures = [d.submit(abs, x) for x in range(300)]
    threads = [
        threading.Thread(target=lambda: [future.cancel() for future in futures[::-1]])
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    done = wait(futures, timeout=10).done
    for thread in threads:
        thread.join()

    assert len(done) == 300
    for number, future in enumerate(futures):
        assert future.cancelled() or future.result() == number
    d.coordinator.wait_for(lambda: not d.coordinator.maps)
    assert not d._lifetime.running.works()


def test_a_result_that_comes_just_after_the_cancel_is_dropped(
    d: FakeExecution, caplog: pytest.LogCaptureFixture
) -> None:
    """The books stay right, and the others of its map are not touched."""
    d.coordinator.held = True
    blocking, released = threading.Event(), threading.Event()

    def block(_: Future[int]) -> None:
        blocking.set()
        released.wait(10)

    first, second, third = (d.submit(abs, x) for x in (-1, -2, -3))
    first.add_done_callback(block)
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 3)
    d.serving.release()
    assert blocking.wait(10)
    d.serving.release()
    assert second.cancel()
    released.set()

    d.coordinator.wait_for(lambda: d.coordinator.maps[1].queue != [])
    d.serving.release_all()
    assert settled(third) == 3
    assert second.cancelled()
    d.coordinator.wait_for(lambda: not d.coordinator.maps)
    assert settled(d.submit(abs, -4)) == 4
    assert not caplog.records


def test_a_future_that_is_cancelled_before_its_thread_knows_it(
    d: FakeExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a shutdown in another thread may do: its map does not wait for it for ever."""
    running = d._lifetime.running
    add = running.add

    def add_and_cancel(work: Any, execution: object) -> None:
        add(work, execution)
        work.cancel()

    with monkeypatch.context() as patch:
        patch.setattr(running, "add", add_and_cancel)
        cancelled = d.submit(abs, -1)

    assert cancelled.cancelled()
    assert settled(d.submit(abs, -2)) == 2
    d.coordinator.wait_for(lambda: not d.coordinator.maps)


def test_callbacks_may_submit_and_map(d: FakeExecution) -> None:
    """They run in the futures' own thread, which holds up neither the loop nor a map."""
    results: list[Any] = []
    finished = threading.Event()

    def follow(future: Future[int]) -> None:
        results.append((threading.current_thread().name, d.map(abs, [-future.result()])))
        if future.result() < 3:
            d.submit(abs, future.result() + 1).add_done_callback(follow)
        else:
            finished.set()

    d.submit(abs, -1).add_done_callback(follow)

    assert finished.wait(10)
    assert results == [(THREAD_NAME, [1]), (THREAD_NAME, [2]), (THREAD_NAME, [3])]


def test_a_callback_that_raises_harms_nobody(
    d: FakeExecution, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even one that would end the thread."""
    d.coordinator.held = True
    futures = [d.submit(abs, x) for x in range(3)]
    for future, error in zip(futures, (ValueError, SystemExit, KeyboardInterrupt), strict=True):

        def fail(_: Future[int], error: type[BaseException] = error) -> None:
            raise error("in a callback")

        future.add_done_callback(fail)
    d.serving.release_all()

    assert [settled(future) for future in futures] == [0, 1, 2]
    assert settled(d.submit(abs, -3)) == 3
    assert caplog.text.count("Traceback") == 3


def test_what_cannot_be_sent_is_an_error_at_once(d: FakeExecution) -> None:
    """In the thread that submits, with what is in the way."""
    with pytest.raises(NotSendableError, match=r"function .*acquire"):
        d.submit(threading.Lock().acquire)
    with pytest.raises(NotSendableError, match=r"the arguments .*lock"):
        d.submit(repr, threading.Lock())
    with pytest.raises(ConfigurationError, match="submit needs a function first, not 5"):
        d.submit(5)  # type: ignore[arg-type]
    assert not d._lifetime.running.works()


def test_packages_are_looked_for(d: FakeExecution) -> None:
    """In the function and its arguments, as for maps."""
    import numpy as np

    settled(d.submit(np.square, 3))

    assert "numpy" in d.serving.modules


def test_closing_cancels_futures(d: FakeExecution) -> None:
    """Sent or not, they are cancelled, and whoever waits is woken."""
    d.coordinator.held = True
    futures = [d.submit(abs, x) for x in range(9)]
    woken = threading.Thread(target=wait, args=(futures,))
    woken.start()

    d.close()

    assert all(future.cancelled() for future in futures)
    woken.join(10)
    assert not woken.is_alive()
    with pytest.raises(ClosedError):
        d.submit(abs, 1)


def test_a_loop_that_died_cancels_futures(
    d: FakeExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for what cannot come."""
    monkeypatch.setattr("nitocris.watch.REFRESH_SECONDS", 0.01)
    d.coordinator.held = True
    future = d.submit(abs, 1)
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 1)
    d.serving.loop.stop()

    with pytest.raises(CancelledError):
        settled(future)
    assert wait([d.submit(abs, 1)], timeout=10).done


async def test_run_in_executor(d: FakeExecution) -> None:
    """asyncio's way to use an executor, with its way to cancel."""
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(d, pow, 2, 3) == 8

    d.coordinator.held = True
    waiting = loop.run_in_executor(d, pow, 2, 4)
    await asyncio.to_thread(d.coordinator.wait_for, lambda: d.coordinator.supplied == 2)
    waiting.cancel()

    await asyncio.to_thread(d.coordinator.wait_for, lambda: bool(d.coordinator.cancelled))


def test_a_future_that_is_done_keeps_nothing(d: FakeExecution) -> None:
    """Neither its execution nor its function lives longer for it."""
    future = d.submit(abs, -1)
    settled(future)
    d.coordinator.wait_for(lambda: not d.coordinator.maps)

    referrers = [future.group, *d._lifetime.running.works()]
    assert referrers == [None]
    gc.collect()
