"""The worker's core: frames in, frames out, with a clock that the test holds."""

from __future__ import annotations

import contextlib
import pickle
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cloudpickle
import numpy as np
import pytest

from nitocris import codec, protocol
from nitocris.errors import EncodeError, ItemTimeoutError, ProtocolError, RemoteError
from nitocris.function import encode_function, encode_items
from nitocris.worker.core import Interrupted, Limit, WorkerCore
from nitocris.worker.rules import Rules
from tests.support import clock, witness

cloudpickle.register_pickle_by_value(sys.modules[__name__])

Outcome = tuple[protocol.Result, Any, Any]
KEEP_GOING = Rules(keep_going=True)


class Bench:
    """A core with a map introduced, and a clock that moves only when told.

    Attributes:
        times: What the last result said of its times, which is left out of the outcomes.
        printed: What items printed, by their index.
        dropped: How many lines were left out of that.
    """

    times: tuple[float, tuple[tuple[int, float], ...]]

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        rules: Rules | None = None,
        classes: tuple[type, ...] | None = (),
        limit: Limit | None = None,
    ) -> None:
        self.core = WorkerCore(clock.now, limit)
        self.printed: list[tuple[int, str]] = []
        self.dropped = 0
        shipment = encode_function(function, classes, rules or Rules())
        blobs = [blob.data for blob in shipment.blobs]
        frame = protocol.encode(protocol.Map(1, shipment.blob_ids), shipment.payload)
        self.core.receive(frame, blobs)

    def send(
        self, items: list[Any], skip: int = 0, stop: int | None = None, *, piecewise: bool = False
    ) -> None:
        shipment = encode_items([(item,) for item in items], 0)
        stop = len(items) if stop is None else stop
        chunk = protocol.Chunk(9, 1, skip, stop, shipment.blob_ids, piecewise)
        self.core.receive(
            protocol.encode(chunk, shipment.payload), [blob.data for blob in shipment.blobs]
        )

    def step(self) -> Outcome | None:
        frame = self.core.step()
        if frame is None:
            return None
        message, payload = protocol.decode_from_worker(frame)
        if isinstance(message, protocol.Output):
            printed: Any = codec.decode(payload)
            self.printed += printed
            self.dropped += message.dropped
            return self.step()
        assert isinstance(message, protocol.Result)
        pair: Any = codec.decode(payload)
        carried, failures = pair
        values = pickle.loads(carried) if isinstance(carried, bytes) else carried
        assert len(values) == message.count
        assert message.raised == len(failures)
        assert [values[position] for position, _, _ in failures] == [None] * len(failures)
        self.times = message.seconds, message.slowest
        return replace(message, seconds=0.0, slowest=()), values, failures

    def all(self) -> list[Outcome]:
        outcomes = []
        while outcome := self.step():
            outcomes.append(outcome)
        return outcomes


def test_a_chunk_is_answered_in_order() -> None:
    """One result frame with all values, then nothing."""
    bench = Bench(lambda x: x * x)

    bench.send([1, 2, 3])

    assert bench.all() == [(protocol.Result(9, 0, 3, 0, True), [1, 4, 9], [])]


def test_only_the_items_from_skip_to_stop_are_computed() -> None:
    """A chunk lent again continues where the last worker stopped; one cut in two ends early."""
    bench = Bench(lambda x: x)

    bench.send([1, 2, 3, 4], skip=1, stop=3)

    assert bench.all() == [(protocol.Result(9, 1, 2, 0, True), [2, 3], [])]


def test_a_piecewise_chunk_is_answered_item_by_item() -> None:
    """Each frame leaves before the next item starts, so that a crash shows whose it is."""
    bench = Bench(lambda x: clock.advance(0.25))
    began = clock.now()

    bench.send([0, 0, 0], piecewise=True)

    for item in range(3):
        outcome = bench.step()
        assert clock.now() == began + (item + 1) / 4
        assert outcome == (protocol.Result(9, item, 1, 0, item == 2), [clock.now()], [])
    assert bench.step() is None


def test_results_leave_about_once_a_second() -> None:
    """A worker that vanishes costs no more than the last second."""
    bench = Bench(lambda seconds: clock.advance(seconds))

    bench.send([0.5, 0.625, 0.125, 0.125])

    assert [result for result, _, _ in bench.all()] == [
        protocol.Result(9, 0, 2, 0, False),
        protocol.Result(9, 2, 2, 0, True),
    ]


def test_large_results_leave_as_soon_as_they_are_large() -> None:
    """Memory and frames stay small, whatever the size of a chunk."""
    bench = Bench(lambda x: bytes(5 << 20))

    bench.send([1, 2, 3])

    assert [result.count for result, _, _ in bench.all()] == [2, 1]


def test_values_are_dropped_as_they_leave() -> None:
    """A worker's memory holds what is computed next, not what was sent."""
    bench = Bench(lambda x: witness.watch(np.full(1 << 20, x)))

    bench.send([1, 2, 3])

    for _ in range(3):
        assert bench.step() is not None
        assert witness.alive() == 0


def test_items_are_dropped_when_they_are_done() -> None:
    """A chunk of large arrays becomes smaller while it is computed."""

    def work(array: np.ndarray[Any, Any]) -> int:
        before = witness.alive()
        witness.watch(array)
        return before

    bench = Bench(work)

    bench.send([np.zeros(9), np.zeros(9), np.zeros(9)])

    ((_, values, _),) = bench.all()
    assert values == [0, 0, 0]


def test_large_results_are_dropped_part_by_part() -> None:
    """Also where one item's result fits into a frame, but two do not."""
    bench = Bench(lambda x: [witness.watch(np.full(5 << 20, x)), clock.advance(x)][:1])

    bench.send([0, 0, 1])

    assert [bench.step() is not None and witness.alive() for _ in range(3)] == [2, 1, 0]


def test_an_exception_ends_the_chunk_with_what_was_done() -> None:
    """The values before it are not lost, and its index can be told."""
    bench = Bench(lambda x: 10 // x)

    bench.send([5, 2, 0, 1])

    ((result, values, ((position, error, transient),)),) = bench.all()
    assert result == protocol.Result(9, 0, 3, 1, True)
    assert values == [2, 5, None]
    assert (position, transient) == (2, False)
    assert isinstance(error, ZeroDivisionError)
    assert isinstance(error, RemoteError)
    assert "10 // x" in error.remote_traceback


def test_a_map_that_keeps_going_answers_all_items() -> None:
    """Failures have the place of their item, in order, and none ends the chunk."""
    bench = Bench(lambda x: 10 // x, rules=KEEP_GOING)

    bench.send([0, 5, 0, 2])

    ((result, values, failures),) = bench.all()
    assert result == protocol.Result(9, 0, 4, 2, True)
    assert values == [None, 2, None, 5]
    assert [(position, transient) for position, _, transient in failures] == [
        (0, False),
        (2, False),
    ]


def test_what_is_worth_another_try_is_marked_and_the_next_item_follows() -> None:
    """The coordinator lends the item anew; other errors end the chunk as ever."""

    def work(x: int) -> int:
        if x == 1:
            raise ConnectionResetError("try again")
        return 10 // x

    bench = Bench(work, rules=Rules(retry_on=(OSError,)))

    bench.send([1, 5, 1, 0, 5])

    ((result, values, failures),) = bench.all()
    assert result == protocol.Result(9, 0, 4, 3, True)
    assert values == [None, 2, None, None]
    assert [
        (position, type(error).__mro__[1], transient) for position, error, transient in failures
    ] == [
        (0, ConnectionResetError, True),
        (2, ConnectionResetError, True),
        (3, ZeroDivisionError, False),
    ]


def test_the_owner_s_own_exception_may_be_retried() -> None:
    """A class that travels with the function is the class that the function raises."""

    class Flaky(Exception):
        pass

    def work(x: int) -> int:
        raise Flaky(x)

    bench = Bench(work, rules=Rules(retry_on=(Flaky,)))

    bench.send([1])

    ((_, _, ((_, _, transient),)),) = bench.all()
    assert transient


def test_failures_end_no_generator_that_waits() -> None:
    """What the function itself goes on with is not cleared, though it is part of a traceback."""
    waiting: list[Iterator[Any]] = []

    def numbers() -> Iterator[Any]:
        try:
            raise KeyError("kept")
        except KeyError as error:
            kept = error
        yield kept
        yield 2

    def work(x: int) -> int:
        if x == 1:
            number: int = next(waiting[0])
            return number
        waiting.append(numbers())
        try:
            raise next(waiting[0])
        except KeyError as error:
            raise ValueError(x) from error

    bench = Bench(work, rules=KEEP_GOING)

    bench.send([0, 1])

    ((_, values, _),) = bench.all()
    assert values == [None, 2]


def test_many_failures_leave_in_many_frames_and_in_linear_time() -> None:
    """A hundred or so tracebacks fill a frame, also where one object is raised all the time."""
    always = ValueError("the same")

    def work(_: int) -> None:
        raise always

    bench = Bench(work, rules=KEEP_GOING)

    bench.send(list(range(500)))

    outcomes = bench.all()
    assert [result.count for result, _, _ in outcomes] == [128, 128, 128, 116]
    lines = [
        error.remote_traceback.count("raise always")
        for _, _, each in outcomes
        for _, error, _ in each
    ]
    assert max(lines) <= 2


def test_failures_do_not_keep_the_locals_of_their_function() -> None:
    """Where items follow, an image that could not be read is let go of."""

    def work(x: int) -> int:
        if x == 2:
            return witness.alive()
        image = witness.watch(np.zeros(9))
        try:
            raise KeyError(image.size)
        except KeyError:
            raise ValueError(x) from None

    bench = Bench(work, rules=KEEP_GOING)

    bench.send([0, 1, 2])

    ((_, values, failures),) = bench.all()
    assert values == [None, None, 0]
    assert [str(error) for _, error, _ in failures] == ["0", "1"]


@pytest.mark.parametrize("bad", [0, 1, 2, 3, 4])
def test_an_item_that_cannot_be_encoded_fails_alone(bad: int) -> None:
    """All before it arrive; the failure is for just that item, and ends the chunk."""
    bench = Bench(lambda x: (y for y in "") if x == bad else x)

    bench.send([0, 1, 2, 3, 4])

    ((result, values, ((position, error, transient),)),) = bench.all()
    assert result == protocol.Result(9, 0, bad + 1, 1, True)
    assert values == [*range(bad), None]
    assert (position, transient) == (bad, False)
    assert isinstance(error, EncodeError)


def test_items_that_cannot_be_encoded_do_not_stop_a_map_that_keeps_going() -> None:
    """They fail alone, in one frame with the others, whose failures stay what they were."""

    def work(x: int) -> object:
        return (y for y in "") if x % 3 == 0 else 10 // (x - 4)

    bench = Bench(work, rules=KEEP_GOING)

    bench.send([0, 1, 2, 3, 4, 5])

    ((result, values, failures),) = bench.all()
    assert result == protocol.Result(9, 0, 6, 3, True)
    assert values == [None, -4, -5, None, None, 10]
    assert [(position, error.type_name) for position, error, _ in failures] == [
        (0, "nitocris.errors.EncodeError"),
        (3, "nitocris.errors.EncodeError"),
        (4, "ZeroDivisionError"),
    ]


def test_results_that_fit_into_no_frame_together_are_halved() -> None:
    """Small results that count for nothing until they are encoded, and one that is too large."""

    def work(x: int) -> object:
        return [bytes(x << 20)]

    bench = Bench(work, rules=KEEP_GOING)

    bench.send([30, 30, 65, 30, 30])

    outcomes = bench.all()
    assert [result for result, _, _ in outcomes] == [
        protocol.Result(9, 0, 3, 1, False),
        protocol.Result(9, 3, 2, 0, True),
    ]
    ((position, error, _),) = outcomes[0][2]
    assert position == 2
    assert "65 MiB" in str(error)


def test_an_exception_that_cannot_be_carried_is_told_as_text() -> None:
    """Whatever was raised, the owner hears of it, and whether it is worth another try."""

    class Odd(ValueError):
        @property
        def args(self) -> Any:  # type: ignore[override]  # this is what is odd
            raise RuntimeError("no arguments today")

    def work(_: int) -> int:
        raise Odd("what")

    bench = Bench(work, rules=Rules(retry_on=(ValueError,)))

    bench.send([1])

    ((_, _, ((_, error, transient),)),) = bench.all()
    assert error.type_name == "RuntimeError"
    assert "Odd, which cannot be shown" in str(error)
    assert transient


@pytest.mark.parametrize("rules", [Rules(), KEEP_GOING])
def test_pickled_results_have_their_failures_beside_them(rules: Rules) -> None:
    """With `results="pickle"` values are of any kind, and exceptions what they always are."""
    bench = Bench(lambda x: slice(1 // x), rules=rules, classes=None)

    bench.send([1, 0])
    ((_, values, failures),) = bench.all()
    bench.send([0])
    ((_, only, _),) = bench.all()

    assert values == [slice(1), None]
    assert [position for position, _, _ in failures] == [1]
    assert only == [None]


def test_the_culprit_inside_a_result_is_named_by_its_path() -> None:
    """As the function returned it, without what the frame wraps around it."""
    bench = Bench(lambda x: {"model": [x, iter("")]})

    bench.send([1])

    ((_, _, ((_, error, _),)),) = bench.all()
    assert "result['model'][1]" in str(error)
    assert error.remote_cause is None


def test_a_function_that_cannot_be_loaded_fails_the_items_of_its_chunks() -> None:
    """A missing module is an error of the function, not of the worker, each time."""
    bench = Bench(abs)
    shipment = encode_function(abs)
    broken = shipment.payload.replace(b"builtins", b"no_such_")
    bench.core.receive(protocol.encode(protocol.Map(1, ()), broken))

    for _ in range(2):
        bench.send([1, 2])

        ((result, _, failures),) = bench.all()
        assert result == protocol.Result(9, 0, 2, 2, True)
        assert [type(error).__mro__[1] for _, error, _ in failures] == [ModuleNotFoundError] * 2
        assert "Traceback" in failures[0][1].remote_traceback


@pytest.mark.parametrize(("rules", "count"), [(Rules(), 1), (KEEP_GOING, 2)])
def test_items_that_cannot_be_unpickled_fail(rules: Rules, count: int) -> None:
    """One after another where the map keeps going; else the first ends the chunk."""
    bench = Bench(abs, rules=rules)
    items = encode_items([(abs,), (abs,)], 0).payload.replace(b"builtins", b"no_such_")

    bench.core.receive(protocol.encode(protocol.Chunk(9, 1, 0, 2, (), False), items))

    ((result, _, failures),) = bench.all()
    assert result == protocol.Result(9, 0, count, count, True)
    assert all(isinstance(error, ModuleNotFoundError) for _, error, _ in failures)


def test_another_python_s_pickle_is_not_touched() -> None:
    """A pickle of another minor version would crash the interpreter; it is refused before."""
    bench = Bench(abs)
    shipment = encode_function(abs)
    other = struct.pack("<BB", 3, 99) + shipment.payload[2:]
    bench.core.receive(protocol.encode(protocol.Map(1, ()), other))

    bench.send([1])

    ((_, _, ((_, error, _),)),) = bench.all()
    assert "3.99" in str(error)


def test_a_chunk_of_an_unknown_map_is_a_failure() -> None:
    """A forgotten map's chunk is answered, not ignored."""
    bench = Bench(abs)
    bench.core.receive(protocol.encode(protocol.Forget(1)))

    bench.send([1])

    ((_, _, ((_, error, _),)),) = bench.all()
    assert "never introduced" in str(error)


def slow(seconds: float) -> float:
    clock.advance(seconds)
    return seconds


def slow_and_wrong(seconds: float) -> None:
    clock.advance(seconds)
    raise ValueError(seconds)


@pytest.mark.parametrize("function", [slow, slow_and_wrong])
def test_an_item_that_was_too_slow_fails_although_it_ended(
    function: Callable[[float], Any],
) -> None:
    """Where nothing can stop a function, it is held to its time afterwards."""
    bench = Bench(function, rules=Rules(keep_going=True, item_timeout=2))

    bench.send([2, 2.5])

    in_time, (_, values, ((_, error, transient),)) = bench.all()
    assert in_time[1] == ([2] if function is slow else [None])
    assert values == [None]
    assert not transient
    assert isinstance(error, ItemTimeoutError)
    assert isinstance(error, RemoteError)
    assert isinstance(error, TimeoutError)
    assert str(error) == "the item ran longer than item_timeout=2 s"


def test_an_item_that_was_too_slow_may_be_tried_again() -> None:
    """`retry_on` counts for the time as for anything that is raised."""
    bench = Bench(slow, rules=Rules(retry_on=(TimeoutError,), item_timeout=1))

    bench.send([3, 0])

    (_, _, ((_, _, transient),)), (_, values, _) = bench.all()
    assert transient
    assert values == [0]


def test_a_limit_is_set_for_each_call_and_only_where_there_is_a_timeout() -> None:
    """What it raises inside the function is the item's failure, with the function's traceback."""
    limits: list[float] = []

    @contextlib.contextmanager
    def limit(seconds: float) -> Iterator[None]:
        limits.append(seconds)
        if len(limits) == 2:
            raise ItemTimeoutError.after(seconds)
        yield

    timed = Bench(abs, rules=Rules(keep_going=True, item_timeout=2), limit=limit)
    free = Bench(abs, limit=limit)

    timed.send([-1, -2, -3])
    free.send([-1])

    ((_, values, ((position, error, _),)),) = timed.all()
    assert values == [1, None, 3]
    assert position == 1
    assert "item_timeout=2 s" in str(error)
    assert free.step() is not None
    assert limits == [2, 2, 2]


@pytest.mark.parametrize("item_timeout", [None, 5])
def test_an_interruption_is_no_result(item_timeout: float | None) -> None:
    """The chunk is gone without an answer; the function stays known."""

    def work(x: int) -> int:
        if x == 2:
            clock.advance(10)
            raise Interrupted
        return x

    bench = Bench(work, rules=Rules(keep_going=True, item_timeout=item_timeout))
    bench.send([1, 2, 3])

    with pytest.raises(Interrupted):
        bench.step()
    assert bench.step() is None

    bench.send([4])
    assert bench.all() == [(protocol.Result(9, 0, 1, 0, True), [4], [])]


def test_an_abandoned_chunk_is_over() -> None:
    """A driver may lose interest between two steps."""
    bench = Bench(abs)
    bench.send([-1, -2], piecewise=True)
    bench.step()

    bench.core.abandon()

    assert bench.step() is None
    bench.send([-3])
    assert len(bench.all()) == 1


def test_buffers_keep_their_bytes_and_their_right_to_be_written() -> None:
    """Small ones inside the frame, large ones as blobs; read-only stays read-only."""

    def describe(array: np.ndarray[Any, Any]) -> tuple[float, bool]:
        return float(array.sum()), bool(array.flags.writeable)

    small, large, frozen = np.ones(200), np.ones(10_000), np.ones(300)
    frozen.flags.writeable = False
    bench = Bench(describe)

    bench.send([small, large, frozen])

    ((_, values, _),) = bench.all()
    assert values == [(200.0, True), (10_000.0, True), (300.0, False)]


def test_a_frame_that_is_not_for_the_core_is_refused() -> None:
    """Such as a welcome."""
    bench = Bench(abs)

    with pytest.raises(ProtocolError, match="Welcome"):
        bench.core.receive(protocol.encode(protocol.Welcome(3, 1, "")))


def test_there_is_nothing_to_do_before_a_chunk() -> None:
    """`step` may be called at any time."""
    assert Bench(abs).step() is None


def test_a_result_says_how_long_its_items_took() -> None:
    """All together, and which were the slowest, at most five, in their order."""
    bench = Bench(lambda x: clock.advance(x) and None)

    bench.send([3 / 64, 1 / 64, 7 / 64, 2 / 64, 5 / 64, 4 / 64, 6 / 64])
    bench.all()

    seconds, slowest = bench.times
    assert seconds == pytest.approx(28 / 64, abs=1e-6)
    assert [place for place, _ in slowest] == [0, 2, 4, 5, 6]
    times = [3 / 64, 7 / 64, 5 / 64, 4 / 64, 6 / 64]
    assert [each for _, each in slowest] == pytest.approx(times, abs=1e-6)


def test_each_part_of_a_long_chunk_has_the_times_of_its_own_items() -> None:
    """Also where results leave in between, which takes time as well."""
    bench = Bench(lambda x: clock.advance(x) and None)

    bench.send([0.75, 0.5, 0.25])

    times = []
    while bench.step():
        clock.advance(3.0)
        times.append(bench.times)
    assert times == [(1.25, ((0, 0.75), (1, 0.5))), (0.25, ((0, 0.25),))]


def test_what_items_print_comes_before_their_results() -> None:
    """With the index of each, from both streams, in the order in which it was printed."""

    def function(x: int) -> int:
        print("begun", x)
        print("warned", file=sys.stderr)
        sys.stdout.buffer.write(b"\xffbytes")
        return x

    bench = Bench(function)

    bench.send([7, 8], skip=1)

    assert [values for _, values, _ in bench.all()] == [[8]]
    assert bench.printed == [(1, "begun 8\nwarned\n\ufffdbytes")]


def test_what_an_item_prints_before_it_raises_is_not_lost() -> None:
    """Nor does the output of the next one run into it."""

    def function(x: int) -> float:
        print(f"{x} is next", end="")
        return 1 / x

    bench = Bench(function, rules=KEEP_GOING)

    bench.send([0, 2])
    bench.all()

    assert bench.printed == [(0, "0 is next"), (1, "2 is next")]


def test_much_output_is_cut() -> None:
    """It is counted in lines, and what comes after the next result is kept again."""

    def function(_: int) -> None:
        print("x" * 1_000_000)
        print("\n" * 10)
        clock.advance(2.0)

    bench = Bench(function)

    bench.send([0, 1])
    bench.all()

    assert [index for index, _ in bench.printed] == [0, 1]
    assert all(set(text) == {"x"} and len(text) < 20_000 for _, text in bench.printed)
    assert bench.dropped == 2 * 12


def test_a_function_that_closes_its_output_does_not_close_that_of_the_next_item() -> None:
    """Or leaves something else in its place."""
    before = sys.stdout, sys.stderr

    def function(x: int) -> None:
        print(x)
        sys.stdout.close()
        if x == 2:
            sys.stdout = None  # as careless code does

    bench = Bench(function)

    bench.send([0, 1, 2])
    assert bench.all()
    bench.send([3])
    bench.all()

    assert [index for index, _ in bench.printed] == [0, 1, 2, 0]
    assert (sys.stdout, sys.stderr) == before


def test_output_of_a_chunk_that_was_given_up_is_given_up_as_well() -> None:
    """It has no lease any more."""

    def function(x: int) -> None:
        print(x)
        if x == 1:
            raise Interrupted

    bench = Bench(function)
    bench.send([0, 1])
    with pytest.raises(Interrupted):
        bench.all()
    bench.core.abandon()

    bench.send([2])
    bench.all()

    assert bench.printed == [(0, "2\n")]
