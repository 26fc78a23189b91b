"""How an execution ends, without server and workers."""

from __future__ import annotations

import gc
import itertools
import threading
import time
from concurrent.futures import wait
from typing import Any

import pytest

from nitocris.errors import ClosedError
from nitocris.streaming import Results
from tests.support.fake_coordinator import FakeExecution


@pytest.fixture
def d() -> FakeExecution:
    """An execution that its test ends."""
    return FakeExecution()


def in_a_thread(function: Any, *args: Any) -> threading.Thread:
    """Starts a thread that must have ended when the test has."""
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


def test_nothing_can_be_begun_after_a_shutdown(d: FakeExecution) -> None:
    """All say so, with an error that is a `RuntimeError` as the standard wants."""
    d.shutdown()
    d.shutdown()

    for begin in (d.map, d.imap, d.imap_unordered, d.submit):
        with pytest.raises(ClosedError, match="create another") as caught:
            begin(len, [1])
        assert isinstance(caught.value, RuntimeError)
    with pytest.raises(ClosedError):
        d.starmap(abs, [(1,)])
    assert not d.serving.loop.alive
    assert not d._lifetime.running.works()


def test_shutdown_waits_for_futures_and_maps(d: FakeExecution) -> None:
    """What was begun comes to its end, also in other threads, callbacks included."""
    d.coordinator.held = True
    results: list[Any] = []
    future = d.submit(abs, -5)
    future.add_done_callback(lambda _: results.append("callback"))
    mapping = in_a_thread(lambda: results.append(d.map(abs, range(-4, 0))))
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 5)
    releasing = threading.Timer(0.1, d.serving.release_all)
    releasing.start()

    d.shutdown()

    assert future.result(timeout=0) == 5
    mapping.join(10)
    assert sorted(map(str, results)) == ["[4, 3, 2, 1]", "callback"]
    assert not d.serving.loop.alive
    releasing.join()


def test_shutdown_without_waiting_closes_when_all_is_done(d: FakeExecution) -> None:
    """It returns at once; the future still comes to its end."""
    d.coordinator.held = True
    future = d.submit(abs, -5)
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 1)

    d.shutdown(wait=False)
    with pytest.raises(ClosedError):
        d.submit(abs, 1)
    assert not future.done()
    d.serving.release_all()

    assert future.result(timeout=10) == 5
    for thread in threading.enumerate():
        if thread.name == "nitocris-shutdown":
            thread.join(10)
    assert not d.serving.loop.alive


def test_shutdown_returns_as_soon_as_all_is_done(
    d: FakeExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when it looks up."""
    monkeypatch.setattr("nitocris.running.REFRESH_SECONDS", 30)
    d.coordinator.held = True
    future = d.submit(abs, -5)
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 1)
    ending = in_a_thread(d.shutdown)
    while not d._lifetime.running._ended:
        time.sleep(0.001)

    d.serving.release_all()
    ending.join(10)

    assert not ending.is_alive()
    assert future.result() == 5


def test_shutdown_can_cancel_futures(d: FakeExecution) -> None:
    """Those that are not done, sent or not."""
    done = d.submit(abs, -1)
    assert done.result(timeout=10) == 1
    d.coordinator.held = True
    futures = [d.submit(abs, x) for x in range(9)]

    d.shutdown(cancel_futures=True)

    assert done.result() == 1
    assert all(future.cancelled() for future in futures)


def test_shutdown_closes_a_stream_that_nobody_else_reads(d: FakeExecution) -> None:
    """This thread cannot read it while it waits, so waiting for it would never end."""
    results = d.imap(abs, itertools.count())
    assert next(results) == 0

    d.shutdown()

    with pytest.raises(ClosedError):
        list(results)


def test_shutdown_closes_a_stream_whose_thread_has_died(
    d: FakeExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The iterator is still there, but nobody reads it."""
    monkeypatch.setattr("nitocris.running.REFRESH_SECONDS", 0.01)
    streams: list[Results[int]] = []
    in_a_thread(lambda: streams.append(d.imap(abs, itertools.count()))).join()

    d.shutdown()

    with pytest.raises(ClosedError):
        list(streams[0])


def test_shutdown_waits_for_a_stream_that_another_thread_reads(d: FakeExecution) -> None:
    """It ends by itself."""
    results: list[int] = []
    begun = threading.Event()

    def read() -> None:
        for result in d.imap(abs, range(200), buffersize=10):
            results.append(result)
            begun.set()
            time.sleep(0.0005)  # what the owner does with it

    reading = in_a_thread(read)
    begun.wait(10)
    d.shutdown()
    reading.join(10)

    assert results == list(range(200))


def test_leaving_with_waits_and_an_error_does_not(d: FakeExecution) -> None:
    """As Ctrl-C wants it."""
    with d:
        future = d.submit(abs, -5)
    assert future.result(timeout=0) == 5

    other = FakeExecution()
    other.coordinator.held = True
    future = other.submit(abs, -5)
    with pytest.raises(KeyboardInterrupt), other:
        raise KeyboardInterrupt
    assert future.cancelled()


def test_an_interrupted_shutdown_closes_at_once(d: FakeExecution) -> None:
    """Whoever presses Ctrl-C while it waits does not want to wait."""
    d.coordinator.held = True
    future = d.submit(abs, -5)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(d._lifetime.running, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            d.shutdown()

    assert future.cancelled()
    assert not d.serving.loop.alive


def test_shutdown_in_a_callback_does_not_wait_for_itself(d: FakeExecution) -> None:
    """The futures' thread goes on, and the rest of them come to their end."""
    d.coordinator.held = True
    first, second = d.submit(abs, -1), d.submit(abs, -2)
    first.add_done_callback(lambda _: d.shutdown(wait=True))
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 2)
    d.serving.release_all()

    assert wait([first, second], timeout=10).not_done == set()
    assert second.result() == 2
    d.shutdown()


def test_close_in_a_callback_does_not_wait_for_itself(d: FakeExecution) -> None:
    """It ends the thread that it is called by."""
    d.coordinator.held = True
    first, second = d.submit(abs, -1), d.submit(abs, -2)
    first.add_done_callback(lambda _: d.close())
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 2)
    d.serving.release()

    assert first.result(timeout=10) == 1
    assert wait([second], timeout=10).done
    assert second.cancelled()


def test_what_runs_keeps_its_execution() -> None:
    """A future or an iterator is enough; without them the execution is collected."""
    d = FakeExecution()
    d.coordinator.held = True
    serving = d.serving
    future, results = d.submit(abs, -5), d.imap(abs, itertools.count())
    del d
    gc.collect()
    assert not serving.stopped.is_set()

    serving.release_all()
    assert future.result(timeout=10) == 5
    assert next(results) == 0
    results.close()

    gc.collect()
    assert serving.stopped.wait(10)


def test_a_callback_that_never_returns_keeps_nobody(
    d: FakeExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other futures are cancelled all the same, and `close` returns."""
    monkeypatch.setattr("nitocris.futures.END_SECONDS", 0.01)
    d.coordinator.held = True
    blocking, released = threading.Event(), threading.Event()
    first, second = d.submit(abs, -1), d.submit(abs, -2)

    def block(_: object) -> None:
        blocking.set()
        released.wait(10)

    first.add_done_callback(block)
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 2)
    d.serving.release()
    blocking.wait(10)

    d.close()

    assert second.cancelled()
    assert first.result() == 1
    released.set()
