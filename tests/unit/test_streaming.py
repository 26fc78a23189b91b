"""Streams of results, without server and workers."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from nitocris.errors import ClosedError, NotSendableError
from nitocris.stream import THREAD_NAME
from tests.support.fake_coordinator import FakeExecution


@pytest.fixture
def d() -> Iterator[FakeExecution]:
    """An execution that ends with its test, and has left no thread behind."""
    execution = FakeExecution()
    yield execution
    execution.close()
    gc.collect()
    join_readers()


def join_readers() -> None:
    """Waits until all reading threads have ended."""
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join(10)
            assert not thread.is_alive()


class Counter:
    """An endless iterable that tells how far it was read.

    Attributes:
        taken: The number of items that were read.
        handed_over: The number of results that the test has.
        ahead: How many items more than results there were at most.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.handed_over = 0
        self.ahead = 0

    def __iter__(self) -> Iterator[int]:
        while True:
            self.taken += 1
            self.ahead = max(self.ahead, self.taken - self.handed_over)
            yield self.taken - 1


def half(number: int) -> float:
    if number % 4 == 3:
        raise ValueError(f"no {number}")
    return number / 2


HALVES = ["0.0", "0.5", "1.0", "no 3", "2.0", "2.5", "3.0", "no 7"]


@pytest.mark.parametrize("backwards", [False, True])
def test_imap_keeps_the_order(d: FakeExecution, backwards: bool) -> None:
    """Whichever chunk comes first, results come in the order of the items."""
    d.coordinator.backwards = backwards

    assert list(d.imap(abs, range(-20, 0))) == list(range(20, 0, -1))


def test_imap_unordered_gives_what_is_there(d: FakeExecution) -> None:
    """A chunk that is late keeps no other."""
    d.coordinator.held = True
    results = d.imap_unordered(abs, range(6))
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 6)

    d.serving.release(1)
    assert [next(results) for _ in range(3)] == [3, 4, 5]
    d.serving.release(0)
    assert list(results) == [0, 1, 2]


def test_several_iterables_are_read_in_step(d: FakeExecution) -> None:
    """As by the built-in `map`."""
    assert list(d.imap(pow, [2, 3, 4], iter([5, 2]))) == [32, 9]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("size", [1, 2, 9, 99])
def test_at_most_buffersize_items_are_read_ahead(
    d: FakeExecution, ordered: bool, size: int
) -> None:
    """Items taken and not handed over are never more, however slow the owner is."""
    items = Counter()
    imap = d.imap if ordered else d.imap_unordered
    results = imap(abs, items, buffersize=size)

    for _ in itertools.islice(results, 30 * size):
        items.handed_over += 1
    results.close()

    assert items.ahead <= size + 1  # the one that the test is just about to count
    assert items.taken >= 30 * size


def test_a_full_buffer_fills_again_before_it_is_empty(d: FakeExecution) -> None:
    """Workers need not wait until the owner has taken everything, and chunks keep their size."""
    items = Counter()
    results = d.imap(abs, items, buffersize=80)
    d.coordinator.wait_for(lambda: items.taken == 78)

    for _ in range(60):
        next(results)

    d.coordinator.wait_for(lambda: items.taken > 78 + 60 - 12)  # the reader is told now and then
    assert set(d.coordinator.sizes) == {3}


def test_a_small_buffer_is_shared_by_the_workers(d: FakeExecution) -> None:
    """No chunk has so many of the items that may be out that other workers have none."""
    d.coordinator.capacity = 4

    assert list(d.imap(abs, range(100), buffersize=16)) == list(range(100))
    assert max(d.coordinator.sizes) == 2


def test_a_chunk_size_is_obeyed(d: FakeExecution) -> None:
    """By both names, as far as the buffer allows."""
    assert list(d.imap(abs, range(100), chunksize=7, buffersize=16)) == list(range(100))
    assert max(d.coordinator.sizes) == 7

    assert list(d.imap(abs, range(100), chunk_size=50, buffersize=17)) == list(range(100))
    assert max(d.coordinator.sizes) == 17


def test_an_error_is_raised_in_its_place(d: FakeExecution) -> None:
    """First come all results before it; then it; then the stream is over."""
    results = d.imap(half, itertools.count())

    assert [next(results) for _ in range(3)] == [0.0, 0.5, 1.0]
    with pytest.raises(ValueError, match="no 3") as caught:
        next(results)
    assert list(results) == []
    assert caught.value.index == 3  # type: ignore[attr-defined]
    assert caught.value.__notes__ == ["raised by item 3 of the map on worker 7, attempt 1 of 1"]
    d.coordinator.wait_for(lambda: not d.coordinator.maps)


def test_nothing_is_read_after_an_item_that_failed(d: FakeExecution) -> None:
    """What follows the error in an ordered stream cannot be handed over, so it is not wanted."""
    d.coordinator.held = True
    items = Counter()
    results = d.imap(lambda x: half(x + 1), items, chunk_size=1)
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 3)
    d.serving.release(2)
    d.serving.release(0)

    assert next(results) == 0.5
    join_readers()
    d.serving.release_all()
    assert next(results) == 1.0
    with pytest.raises(ValueError, match="no 3"):
        next(results)
    assert items.taken <= 6


def test_unordered_an_error_is_raised_when_it_comes(d: FakeExecution) -> None:
    """Nothing waits for the items before it."""
    d.coordinator.held = True
    results = d.imap_unordered(half, itertools.count(), chunk_size=1)
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 3)
    d.serving.release(1)
    d.serving.release(0)
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 5)
    d.serving.release(1)

    assert [next(results), next(results)] == [0.5, 0.0]
    with pytest.raises(ValueError, match="no 3"):
        next(results)
    assert list(results) == []


def test_errors_stand_in_the_place_of_results(d: FakeExecution) -> None:
    """With `errors="return"` there is one outcome per item."""
    d.coordinator.backwards = True

    results = list(d.imap(half, range(8), errors="return"))

    assert [str(each) for each in results] == HALVES
    assert isinstance(results[7], ValueError)


def test_errors_are_left_out(d: FakeExecution) -> None:
    """With `errors="skip"` the stream goes on, and its buffer does not fill with failures."""
    results = d.imap(half, range(40), errors="skip", buffersize=2)

    assert list(results) == [x / 2 for x in range(40) if x % 4 != 3]


def test_an_error_of_the_iterable_comes_after_the_results_before_it(d: FakeExecution) -> None:
    """It is that very error, and the items before it are not lost."""

    def broken() -> Iterator[int]:
        yield from range(4)
        raise LookupError("the file ended")

    results = d.imap(abs, broken())

    assert list(itertools.islice(results, 4)) == [0, 1, 2, 3]
    with pytest.raises(LookupError, match="the file ended"):
        next(results)
    assert list(results) == []


@pytest.mark.parametrize("place", [0, 3, 4])
def test_an_item_that_cannot_be_sent_comes_after_the_results_before_it(
    d: FakeExecution, place: int
) -> None:
    """Wherever it is in its chunk; the message names it."""
    items: list[Any] = [*range(place), threading.Lock(), *range(9)]
    results = d.imap(abs, items, errors="skip")

    assert list(itertools.islice(results, place)) == list(range(place))
    with pytest.raises(NotSendableError, match=f"item {place} "):
        next(results)


def test_a_function_that_cannot_be_sent_is_an_error_at_once(d: FakeExecution) -> None:
    """Nobody needs to take a result to learn that."""
    with pytest.raises(NotSendableError, match="acquire"):
        d.imap(threading.Lock().acquire, [1])
    assert not d._lifetime.running.works()


def test_an_error_of_the_iterable_wakes_who_waits_already(d: FakeExecution) -> None:
    """Also if no item comes before it, and none is demanded until then."""

    def broken() -> Iterator[int]:
        raise LookupError("no file")
        yield 1

    d.coordinator.lookahead = -1
    results = d.imap(abs, broken())
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            next(results)
        except BaseException as error:
            raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while results._stream.thread is not waiting or not results._stream._requests.empty():
        time.sleep(0.001)
    d.coordinator.lookahead = 2
    d.serving.release_all()
    waiting.join(10)

    assert [str(error) for error in raised] == ["no file"]


def test_closing_cancels_the_rest(d: FakeExecution) -> None:
    """No item is read any more, no result comes, and the thread ends."""
    with d.imap(abs, itertools.count()) as results:
        assert next(results) == 0
    results.close()

    assert list(results) == []
    join_readers()
    d.coordinator.wait_for(lambda: not d.coordinator.maps)


def test_leaving_a_loop_cancels_the_rest(d: FakeExecution) -> None:
    """`break` drops the iterator, and that is enough."""
    for result in d.imap(abs, itertools.count()):
        if result == 10:
            break

    join_readers()
    d.coordinator.wait_for(lambda: not d.coordinator.maps)
    assert not d._lifetime.running.works()


def test_closing_the_execution_ends_streams(d: FakeExecution) -> None:
    """Results that are there can be taken; then comes `ClosedError`."""
    d.coordinator.held = True
    results = d.imap(abs, itertools.count())
    d.coordinator.wait_for(lambda: d.coordinator.supplied > 3)
    d.serving.release()
    d.close()

    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ClosedError):
        next(results)
    assert list(results) == []


def test_a_loop_that_died_ends_streams(d: FakeExecution, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for what cannot come."""
    monkeypatch.setattr("nitocris.watch.REFRESH_SECONDS", 0.01)
    d.coordinator.held = True
    results = d.imap(abs, itertools.count())
    d.serving.loop.stop()

    with pytest.raises(ClosedError):
        next(results)


def test_the_whole_call_has_a_time_limit(d: FakeExecution) -> None:
    """What is there in time is handed over; then comes `TimeoutError`."""
    d.coordinator.held = True
    results = d.imap(abs, range(9), timeout=0.2)
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 9)
    d.serving.release()

    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(TimeoutError, match=r"3 of 9 items were done within 0\.2 s"):
        next(results)
    d.coordinator.wait_for(lambda: not d.coordinator.maps)


def test_threads_share_a_stream(d: FakeExecution) -> None:
    """Each result goes to one of them."""
    results = d.imap(abs, range(1000), buffersize=20)
    taken: list[list[int]] = [[], [], []]
    threads = [threading.Thread(target=each.extend, args=(results,)) for each in taken]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(itertools.chain(*taken)) == list(range(1000))


def test_a_generator_that_exits_ends_the_stream_only(d: FakeExecution) -> None:
    """Whatever it raises comes from the iterator, in the thread that asked."""

    def leaving() -> Iterator[int]:
        yield 1
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        list(d.imap(abs, leaving()))
    join_readers()


async def test_amap_iterates_and_awaits(d: FakeExecution) -> None:
    """One object for `async for` and for `await`."""
    assert [result async for result in d.amap(abs, range(-9, 0))] == list(range(9, 0, -1))
    assert await d.amap(pow, [2, 3], [3, 2]) == [8, 9]
    assert sorted(await d.amap(abs, range(9), ordered=False)) == list(range(9))


async def test_amap_leaves_the_loop_free(d: FakeExecution) -> None:
    """Other tasks go on while it reads, encodes and waits."""
    ticks = 0
    enough = [threading.Event() for _ in range(3)]

    class Slow:
        def __reduce__(self) -> Any:
            assert enough[1].wait(10)
            return int, ()

    def slow() -> Iterator[int]:
        assert enough[2].wait(10)
        yield 1

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            if ticks % 20 == 0 and ticks <= 60:
                enough[ticks // 20 - 1].set()
            await asyncio.sleep(0)

    def packages() -> None:
        assert enough[0].wait(10)

    d.serving.require_packages = packages  # type: ignore[method-assign]
    ticking = asyncio.create_task(tick())
    assert await d.amap(partial(pow, exp=Slow()), slow()) == [1]
    ticking.cancel()

    assert ticks >= 60


async def test_amap_reads_asynchronous_iterables(d: FakeExecution) -> None:
    """On the loop that runs, in step with others."""

    async def numbers() -> AsyncIterator[int]:
        for number in range(5):
            await asyncio.sleep(0)
            yield number

    assert await d.amap(pow, numbers(), [2] * 9) == [0, 1, 4, 9, 16]


async def test_cancelling_the_task_cancels_the_map(d: FakeExecution) -> None:
    """As for any awaitable."""
    d.coordinator.held = True
    late = asyncio.ensure_future(d.amap(abs, itertools.count())._all())
    while not d.coordinator.maps:
        await asyncio.sleep(0)
    early = asyncio.ensure_future(d.amap(abs, itertools.count())._all())

    late.cancel()
    early.cancel()
    for task in (late, early):
        with pytest.raises(asyncio.CancelledError):
            await task

    d.coordinator.wait_for(lambda: not d.coordinator.maps)
    join_readers()
    assert d.coordinator.started == 1


async def test_amap_raises_what_imap_raises(d: FakeExecution) -> None:
    """Errors of items, of the function, of time, of closing."""
    with pytest.raises(ValueError, match="no 3"):
        await d.amap(half, range(9))
    with pytest.raises(NotSendableError, match="acquire"):
        await d.amap(threading.Lock().acquire, [1])
    d.coordinator.held = True
    with pytest.raises(TimeoutError, match=r"0 of 9 items were done within 0\.1 s"):
        await d.amap(abs, range(9), timeout=0.1)
    results = d.amap(abs, range(9))
    waiting = asyncio.ensure_future(results._all())
    while not d.coordinator.maps:
        await asyncio.sleep(0)
    await asyncio.to_thread(d.close)
    with pytest.raises(ClosedError):
        await waiting


async def test_closing_and_dropping_an_amap_cancels_the_rest(d: FakeExecution) -> None:
    """`async with`, `aclose` and `break` leave nothing behind."""
    async with d.amap(abs, itertools.count()) as results:
        assert await anext(results) == 0
    assert await results == []
    async for result in d.amap(abs, itertools.count()):
        if result == 10:
            break

    del results
    d.coordinator.wait_for(lambda: not d.coordinator.maps)
    join_readers()
    assert not d._lifetime.running.works()


def test_amap_needs_a_running_loop(d: FakeExecution) -> None:
    """Without one, nothing is begun."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        d.amap(abs, [1])
    assert not d._lifetime.running.works()
