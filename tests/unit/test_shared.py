"""Shared values on a worker: one object for all that refer to it, and gone when the maps are."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np

from nitocris import Shared, codec, protocol
from nitocris.function import Shipment, encode_function, encode_items, share
from nitocris.worker.core import WorkerCore
from tests.support import clock, witness

cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Watched:
    """Notes when it is unpickled, and lives as long as somebody has it."""

    def __init__(self) -> None:
        self.array = np.zeros(3)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        witness.watch(self.array)


class Worker:
    def __init__(self) -> None:
        self.core = WorkerCore(clock.now)

    def introduce(self, number: int, function: Callable[..., Any]) -> None:
        shipment = encode_function(function)
        self._receive(protocol.Map(number, shipment.blob_ids), shipment)

    def compute(self, number: int, *items: Any) -> Any:
        shipment = encode_items([(item,) for item in items], 0)
        chunk = protocol.Chunk(9, number, 0, len(items), shipment.blob_ids, False)
        self._receive(chunk, shipment)
        frame = self.core.step()
        assert frame is not None
        assert self.core.step() is None
        values: Any = codec.decode(protocol.decode_from_worker(frame)[1])
        assert values[1] == []
        return values[0]

    def forget(self, number: int) -> None:
        self.core.receive(protocol.encode(protocol.Forget(number)))

    def _receive(self, message: protocol.FromCoordinator, shipment: Shipment) -> None:
        blobs = [blob.data for blob in shipment.blobs]
        self.core.receive(protocol.encode(message, shipment.payload), blobs)


def test_maps_that_share_a_value_have_one_object_and_the_last_one_lets_it_go() -> None:
    """In functions and items, in all chunks."""
    handle = share(Watched())
    worker = Worker()
    before = witness.alive()

    worker.introduce(1, lambda x: id(handle.value))
    worker.introduce(2, lambda other: id(other.value))
    found = {*worker.compute(1, 0, 0), *worker.compute(2, handle, handle)}
    found |= {*worker.compute(1, 0), *worker.compute(2, handle)}

    assert len(found) == 1
    assert witness.alive() == before + 1
    worker.forget(1)
    assert {*worker.compute(2, handle)} == found
    worker.forget(2)
    gc.collect()
    assert witness.alive() == before


def test_a_handle_is_sent_as_what_was_encoded_at_first() -> None:
    """Nothing is encoded, copied or hashed again, however large it is."""
    value = np.ones(100_000)
    handle = share([value])
    value[:] = 0

    first, second = (encode_items([(handle, index)], index) for index in range(2))

    assert first.blobs[0].data is second.blobs[0].data is handle.payload
    assert len(first.payload) < 1000
    worker = Worker()
    worker.introduce(1, lambda pair: float(pair.value[0].sum()))
    assert worker.compute(1, handle) == [100_000.0]
    assert handle.value[0] is value


def test_equal_values_are_one_blob() -> None:
    """Handles are known by their content."""
    first, second = share(["word"] * 20_000), share(["word"] * 20_000)

    assert first.key == second.key
    assert len(encode_items([(first, second)], 0).blobs) == 1


def test_a_handle_says_how_large_it_is() -> None:
    """And does not print what is in it."""
    assert repr(Shared("0123456789", b"12345")) == "<Shared 5 bytes, 01234567>"
