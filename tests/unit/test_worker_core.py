"""The worker's core: frames in, frames out, with a clock that the test holds."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np
import pytest

from nitocris import codec, protocol
from nitocris.errors import EncodeError, ProtocolError, RemoteError
from nitocris.function import encode_function, encode_items
from nitocris.worker.core import WorkerCore

cloudpickle.register_pickle_by_value(sys.modules[__name__])

Outcome = tuple[protocol.Result, Any, Any]


class Bench:
    """A core with a map introduced, and a clock that moves only when told."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.now = 0.0
        self.core = WorkerCore(lambda: self.now)
        shipment = encode_function(function)
        blobs = [blob.data for blob in shipment.blobs]
        frame = protocol.encode(protocol.Map(1, shipment.blob_ids), shipment.payload)
        self.core.receive(frame, blobs)

    def send(self, items: list[Any], skip: int = 0) -> None:
        shipment = encode_items([(item,) for item in items], 0)
        chunk = protocol.Chunk(9, 1, len(items), skip, shipment.blob_ids)
        self.core.receive(
            protocol.encode(chunk, shipment.payload), [blob.data for blob in shipment.blobs]
        )

    def step(self) -> Outcome | None:
        frame = self.core.step()
        if frame is None:
            return None
        message, payload = protocol.decode_from_worker(frame)
        assert isinstance(message, protocol.Result)
        pair: Any = codec.decode(payload)
        values, failure = pair
        assert len(values) == message.count
        return message, values, failure

    def all(self) -> list[Outcome]:
        outcomes = []
        while outcome := self.step():
            outcomes.append(outcome)
        return outcomes


def test_a_chunk_is_answered_in_order() -> None:
    """One result frame with all values, then nothing."""
    bench = Bench(lambda x: x * x)

    bench.send([1, 2, 3])

    assert bench.all() == [(protocol.Result(9, 0, 3, True), [1, 4, 9], None)]


def test_items_that_are_done_are_skipped() -> None:
    """A chunk lent again continues where the last worker stopped."""
    calls: list[int] = []
    bench = Bench(lambda x: x)

    bench.send([1, 2, 3], skip=2)

    assert bench.all() == [(protocol.Result(9, 2, 1, True), [3], None)]
    assert calls == []


def test_results_leave_about_once_a_second() -> None:
    """A worker that vanishes costs no more than the last second."""
    bench = Bench(lambda x: x)
    bench.send([0, 1, 2, 3])
    ticks = iter([0.0, 0.5, 1.1, 1.1, 1.2, 1.3])
    bench.core._clock = lambda: next(ticks)

    assert [result for result, _, _ in bench.all()] == [
        protocol.Result(9, 0, 2, False),
        protocol.Result(9, 2, 2, True),
    ]


def test_large_results_leave_as_soon_as_they_are_large() -> None:
    """Memory and frames stay small, whatever the size of a chunk."""
    bench = Bench(lambda x: bytes(5 << 20))

    bench.send([1, 2, 3])

    assert [result.count for result, _, _ in bench.all()] == [2, 1]


def test_an_exception_ends_the_chunk_with_what_was_done() -> None:
    """The values before it are not lost, and its index can be told."""
    bench = Bench(lambda x: 10 // x)

    bench.send([5, 2, 0, 1])

    ((result, values, failure),) = bench.all()
    assert result == protocol.Result(9, 0, 2, True)
    assert values == [2, 5]
    assert isinstance(failure, ZeroDivisionError)
    assert isinstance(failure, RemoteError)


@pytest.mark.parametrize("bad", [0, 1, 2, 3, 4])
def test_an_item_that_cannot_be_encoded_fails_alone(bad: int) -> None:
    """All before it arrive; the failure is for just that item."""
    bench = Bench(lambda x: (y for y in "") if x == bad else x)

    bench.send([0, 1, 2, 3, 4])

    outcomes = bench.all()
    assert [value for _, values, _ in outcomes for value in values] == list(range(bad))
    last, values, failure = outcomes[-1]
    assert last.final
    assert last.offset + len(values) == bad
    assert isinstance(failure, EncodeError)
    assert [result.final for result, _, _ in outcomes] == [False] * (len(outcomes) - 1) + [True]


def test_the_culprit_inside_a_result_is_named_by_its_path() -> None:
    """As the function returned it, without what the frame wraps around it."""
    bench = Bench(lambda x: {"model": [x, iter("")]})

    bench.send([1])

    ((_, _, failure),) = bench.all()
    assert "result['model'][1]" in str(failure)


def test_a_function_that_cannot_be_loaded_fails_its_first_chunk() -> None:
    """A missing module is an error of the function, not of the worker."""
    bench = Bench(abs)
    shipment = encode_function(abs)
    broken = shipment.payload.replace(b"builtins", b"no_such_")
    bench.core.receive(protocol.encode(protocol.Map(1, ()), broken))

    bench.send([1])

    ((_, _, failure),) = bench.all()
    assert isinstance(failure, ModuleNotFoundError)


def test_another_python_s_pickle_is_not_touched() -> None:
    """A pickle of another minor version would crash the interpreter; it is refused before."""
    bench = Bench(abs)
    shipment = encode_function(abs)
    other = struct.pack("<BB", 3, 99) + shipment.payload[2:]
    bench.core.receive(protocol.encode(protocol.Map(1, ()), other))

    bench.send([1])

    ((_, _, failure),) = bench.all()
    assert "3.99" in str(failure)


def test_a_chunk_of_an_unknown_map_is_a_failure() -> None:
    """A forgotten map's chunk is answered, not ignored."""
    bench = Bench(abs)
    bench.core.receive(protocol.encode(protocol.Forget(1)))

    bench.send([1])

    ((_, _, failure),) = bench.all()
    assert "never introduced" in str(failure)


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
        bench.core.receive(protocol.encode(protocol.Welcome(1, 1, "")))


def test_there_is_nothing_to_do_before_a_chunk() -> None:
    """`step` may be called at any time."""
    assert Bench(abs).step() is None
