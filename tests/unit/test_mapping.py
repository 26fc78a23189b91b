"""`map` and `starmap`, without server and workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from nitocris.call import MapOptions
from nitocris.errors import ConfigurationError, RemoteError
from tests.support.fake_coordinator import FakeExecution


@pytest.fixture
def d() -> Iterator[FakeExecution]:
    """An execution that ends with its test."""
    execution = FakeExecution()
    yield execution
    execution.close()


def half(number: int) -> float:
    if number % 4 == 3:
        raise ValueError(f"no {number}")
    return number / 2


HALVES = ["0.0", "0.5", "1.0", "no 3", "2.0", "2.5", "3.0", "no 7"]


@pytest.mark.parametrize("backwards", [False, True])
def test_results_are_in_order(d: FakeExecution, backwards: bool) -> None:
    """Whichever chunk comes first."""
    d.coordinator.backwards = backwards

    assert d.map(abs, range(-20, 0)) == list(range(20, 0, -1))
    assert d.map(abs, []) == []


def test_starmap_has_the_arguments_ready(d: FakeExecution) -> None:
    """As `itertools.starmap`, but a list."""
    assert d.starmap(pow, [(2, 5), [3, 2]]) == [32, 9]

    with pytest.raises(ConfigurationError, match="item 1 is 7"):
        d.starmap(pow, [(2, 5), 7])  # type: ignore[list-item]
    with pytest.raises(ConfigurationError, match="starmap cannot iterate over 7"):
        d.starmap(pow, 7)  # type: ignore[arg-type]


def test_errors(d: FakeExecution) -> None:
    """Raised, returned in the result's place, or left out."""
    with pytest.raises(ValueError, match="no 3") as caught:
        d.map(half, range(8))
    assert isinstance(caught.value, RemoteError)
    assert (caught.value.index, caught.value.worker, caught.value.attempts) == (3, "worker 7", 1)

    returned = d.map(half, range(8), errors="return")
    assert [str(each) for each in returned] == HALVES
    assert d.map(half, range(8), errors="skip") == [0.0, 0.5, 1.0, 2.0, 2.5, 3.0]


def test_the_first_failure_that_arrives_ends_the_map(d: FakeExecution) -> None:
    """A chunk that is late is not waited for."""
    d.coordinator.held = True
    raised: list[Exception] = []

    def run() -> None:
        try:
            d.map(half, range(8), chunk_size=4)
        except ValueError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 8)
    d.serving.release(1)
    thread.join(10)

    assert [str(error) for error in raised] == ["no 7"]


def test_the_whole_call_has_a_time_limit(d: FakeExecution) -> None:
    """The message tells how far it came, and the rest is cancelled."""
    d.coordinator.held = True
    timer = threading.Timer(0.05, lambda: d.serving.release())
    timer.start()

    with pytest.raises(TimeoutError, match=r"^3 of 20 items were done within 0\.3 s$"):
        d.map(abs, range(20), timeout=0.3)
    with pytest.raises(TimeoutError, match=r"^0 items were done within 0\.1 s$"):
        d.map(abs, iter(lambda: 1, 2), timeout=0.1)

    timer.join()
    d.coordinator.wait_for(lambda: not d.coordinator.maps)


def test_the_buffer_limits_what_is_out(d: FakeExecution) -> None:
    """No more items are taken than that before the first results come."""
    d.coordinator.held = True
    d.coordinator.lookahead = 100
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for taken in range(1, 41):  # noqa: UP028  # `taken` tells how far it is
            yield taken

    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.extend(d.map(abs, items(), buffersize=6)))
    thread.start()
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 6)
    d.serving.release()
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 9)
    most = taken
    d.serving.release_all()
    thread.join(10)

    assert most == 9
    assert results == list(range(1, 41))


def test_mapping_on_the_loop_s_own_thread_is_an_error(d: FakeExecution) -> None:
    """It would wait for itself for ever."""

    async def on_the_loop() -> Any:
        with pytest.raises(RuntimeError, match="own thread"):
            d.map(abs, [1])

    d.serving.loop.run(on_the_loop())
    assert d.map(abs, [-1]) == [1]


def test_an_interrupt_cancels_the_map(d: FakeExecution) -> None:
    """Ctrl-C arrives in the owner's code or in the waiting; the next map works."""

    def interrupted() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        d.map(abs, interrupted())

    d.coordinator.wait_for(lambda: not d.coordinator.maps)
    assert not d._lifetime.running.works()
    assert d.map(abs, [-1]) == [1]


@pytest.mark.parametrize("method", ["map", "imap", "imap_unordered"])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"chunk_size": 0}, "chunk_size.*at least 1, not 0"),
        ({"chunksize": 0}, "chunk_size.*at least 1, not 0"),
        ({"chunk_size": 2, "chunksize": 3}, "chunk_size=2 and chunksize=3"),
        ({"timeout": 0}, "timeout must be .* above 0, not 0"),
        ({"timeout_in_seconds": -1}, "timeout_in_seconds must be .* above 0"),
        ({"item_timeout": "x"}, "item_timeout must be .* above 0, not 'x'"),
        ({"item_timeout": float("inf")}, "item_timeout must be finite; None is no limit"),
        ({"errors": "ignore"}, "errors='ignore'.*'raise', 'return' or 'skip'"),
        ({"retries": -1}, "retries.*at least 0"),
        ({"retry_on": KeyboardInterrupt}, "retry_on must be a type of exception"),
        ({"retry_on": [OSError]}, "retry_on must be a type of exception"),
        ({"buffersize": 0}, "buffersize.*at least 1"),
    ],
)
def test_wrong_options(d: FakeExecution, method: str, options: dict[str, Any], says: str) -> None:
    """The message names the option, the value and what would work."""
    with pytest.raises(ConfigurationError, match=says):
        getattr(d, method)(abs, [1], **options)
    assert not d._lifetime.running.works()


def test_an_option_that_does_not_exist(d: FakeExecution) -> None:
    """As Python says it of any function, with the names there are."""
    with pytest.raises(TypeError, match="no option 'chunks'; there are errors, chunk_size"):
        d.map(abs, [1], chunks=3)  # type: ignore[call-arg]


def test_none_is_the_same_as_nothing(d: FakeExecution) -> None:
    """Wrappers may pass on what they were not given."""
    options: dict[str, Any] = dict.fromkeys(MapOptions.__annotations__)

    assert d.map(abs, [-1], **options) == [1]


def test_the_execution_s_limits_hold_unless_a_call_has_its_own() -> None:
    """Both are checked alike."""
    with FakeExecution(chunk_size=2, retries=1, retry_on=ValueError, item_timeout=9) as d:
        own = d._call({"chunksize": 5, "retries": 0}, abs)
        usual = d._call({}, abs)

    assert (own.limits.chunk_size, own.limits.retries) == (5, 0)
    assert own.rules.retry_on == ()
    assert (usual.limits.chunk_size, usual.limits.retries) == (2, 1)
    assert usual.rules.retry_on == (ValueError,)
    assert usual.rules.item_timeout == own.rules.item_timeout == 9


def test_a_callback_can_map_while_another_thread_does(d: FakeExecution) -> None:
    """Nothing of theirs is shared."""
    results: list[Any] = []
    followed = threading.Event()

    def follow(_: Future[int]) -> None:
        results.append(d.map(abs, range(-50, 0)))
        followed.set()

    future = d.submit(abs, 1)
    future.add_done_callback(follow)
    results.append(d.map(abs, range(-50, 0)))

    assert followed.wait(10)
    assert results == [list(range(50, 0, -1))] * 2


def test_packages_are_looked_for_once(d: FakeExecution) -> None:
    """In the function and its first items, unless the owner named them."""
    looked: list[set[str]] = []
    d.serving.add_modules = lambda modules, _: looked.append({*modules})  # type: ignore[method-assign]

    d.map(np.square, range(20))
    assert [modules & {"numpy"} for modules in looked] == [{"numpy"}]

    with FakeExecution(packages=["numpy"]) as named:
        named.map(np.square, range(20))
    assert named.serving.modules == set()
