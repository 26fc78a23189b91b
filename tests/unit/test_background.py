"""The loop in its thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import Future

import pytest

from nitocris.background import LoopThread
from nitocris.errors import ClosedError


def test_results_and_errors_come_back() -> None:
    """A coroutine runs on the loop; what it returns or raises reaches the caller."""
    loop = LoopThread("test")

    async def divide(a: int, b: int) -> float:
        await asyncio.sleep(0)
        return a / b

    assert loop.run(divide(1, 2)) == 0.5
    with pytest.raises(ZeroDivisionError):
        loop.run(divide(1, 0))
    loop.stop()


def test_stopping_cancels_what_runs_and_joins_the_thread() -> None:
    """Nothing is left behind, and nobody waits for ever."""
    loop = LoopThread("test")
    cancelled = threading.Event()

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def start() -> asyncio.Task[None]:
        task = asyncio.ensure_future(wait_for_ever())
        await asyncio.sleep(0)
        return task

    loop.run(start())
    loop.stop()
    loop.stop()

    assert cancelled.is_set()
    assert not loop.alive
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_what_a_loop_took_while_it_ended_is_closed_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between its last round and its end a loop takes calls that it never begins."""
    loop = LoopThread("test")
    loop.stop()
    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", lambda *_: Future())

    async def nothing() -> None: ...

    late = nothing()
    with pytest.raises(ClosedError):
        loop.run(late)

    assert inspect.getcoroutinestate(late) == inspect.CORO_CLOSED


def test_a_stopped_loop_says_that_it_is_closed() -> None:
    """Calls that come too late are errors, not silence."""
    loop = LoopThread("test")
    loop.stop()

    async def nothing() -> None: ...

    with pytest.raises(ClosedError):
        loop.run(nothing())
    with pytest.raises(ClosedError):
        loop.call(print)


def test_who_waits_for_a_loop_that_is_stopped_hears_of_it() -> None:
    """As well as who calls it later."""
    loop = LoopThread("test")
    begun = threading.Event()
    raised: list[BaseException] = []

    async def wait_for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    def run() -> None:
        try:
            loop.run(wait_for_ever())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait(10)
    loop.stop()
    thread.join(10)

    assert [type(error) for error in raised] == [ClosedError]


def test_the_loop_s_own_thread_cannot_wait_for_itself() -> None:
    """An error instead of a deadlock."""
    loop = LoopThread("test")

    async def nothing() -> None: ...

    async def wait_for_itself() -> None:
        loop.run(nothing())

    with pytest.raises(RuntimeError, match="own thread"):
        loop.run(wait_for_itself())
    loop.stop()


def test_a_time_limit_of_the_coroutine_s_own_reaches_the_caller() -> None:
    """It is not taken for the moment at which the waiting thread looks up."""
    loop = LoopThread("test")

    async def late() -> None:
        raise TimeoutError("too late")

    with pytest.raises(TimeoutError, match="too late"):
        loop.run(late())
    loop.stop()
