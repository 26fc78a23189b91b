"""A native worker and a coordinator that the test plays: order, cancelling, death, dismissal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import pytest_asyncio
from aiohttp import web

from nitocris import codec, protocol
from nitocris.errors import RefusedError
from nitocris.function import encode_function, encode_items
from nitocris.pickling import Blob
from nitocris.worker import session
from nitocris.worker.native import NativeWorker

cloudpickle.register_pickle_by_value(sys.modules[__name__])

MISSING = "0" * 64


class Coordinator:
    """The other end of one native worker with one process."""

    def __init__(self) -> None:
        self.socket = web.WebSocketResponse()
        self.met = asyncio.Event()
        self.over = asyncio.Event()
        self.blobs: dict[str, asyncio.Future[bytes]] = {}

    async def meet(self, request: web.Request) -> web.WebSocketResponse:
        await self.socket.prepare(request)
        self.met.set()
        await self.over.wait()
        return self.socket

    async def blob(self, request: web.Request) -> web.Response:
        if request.match_info["id"] == MISSING:
            raise web.HTTPNotFound
        return web.Response(body=await self.held(request.match_info["id"]))

    def held(self, blob: str) -> asyncio.Future[bytes]:
        """Returns what the worker waits for when it asks for this blob."""
        return self.blobs.setdefault(blob, asyncio.get_running_loop().create_future())

    def deliver(self, blob: Blob) -> None:
        self.held(blob.id).set_result(blob.data)

    async def send(self, message: protocol.FromCoordinator, payload: bytes = b"") -> None:
        await self.socket.send_bytes(protocol.encode(message, payload))

    async def introduce(self, number: int, function: Callable[..., Any]) -> tuple[Blob, ...]:
        shipment = encode_function(function)
        await self.send(protocol.Map(number, shipment.blob_ids), shipment.payload)
        return shipment.blobs

    async def lend(
        self, lease: int, items: list[Any], *, number: int = 1, piecewise: bool = False
    ) -> tuple[Blob, ...]:
        shipment = encode_items([(item,) for item in items], 0)
        message = protocol.Chunk(lease, number, 0, len(items), shipment.blob_ids, piecewise)
        await self.send(message, shipment.payload)
        return shipment.blobs

    async def next(self) -> tuple[protocol.FromWorker, Any]:
        """Returns the next message that is no ping, and the values of a result."""
        message: protocol.FromWorker = protocol.Ping()
        while isinstance(message, protocol.Ping):
            message, payload = protocol.decode_from_worker(await self.socket.receive_bytes())
        values: Any = codec.decode(payload) if payload else (None, [])
        if isinstance(message, protocol.Result):
            message = replace(message, seconds=0.0, slowest=())  # whatever they are
        return message, values[0]

    async def has_caught_up(self) -> None:
        """Waits until the worker has dealt with what it was sent."""
        for _ in range(3):
            await self.send(protocol.Cancel(1_000))
            assert await self.answers(1) == [(protocol.Cancelled, 1_000)]

    async def answers(self, count: int) -> list[tuple[type, int]]:
        """Returns kind and lease of the next messages."""
        messages: list[Any] = [(await self.next())[0] for _ in range(count)]
        return [(type(message), message.lease) for message in messages]


@pytest_asyncio.fixture
async def coordinator() -> AsyncIterator[Coordinator]:
    """One that has been greeted by its worker."""
    coordinator = Coordinator()
    async with serving(coordinator) as worker:
        working = asyncio.create_task(worker.run())
        await coordinator.met.wait()
        assert isinstance((await coordinator.next())[0], protocol.Hello)
        yield coordinator
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


@contextlib.asynccontextmanager
async def serving(coordinator: Coordinator) -> AsyncIterator[NativeWorker]:
    application = web.Application()
    application.router.add_get("/socket", coordinator.meet)
    application.router.add_get("/blobs/{id}", coordinator.blob)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    yield NativeWorker(f"http://127.0.0.1:{port}/worker#{'t' * 22}", 1)
    coordinator.over.set()
    await runner.cleanup()


def work(x: int) -> int:
    """Answers with its process, but for 1 never."""
    while x:
        time.sleep(60)
    return os.getpid()


async def test_chunks_start_in_the_order_in_which_they_were_lent(coordinator: Coordinator) -> None:
    """Also where some are lent while the place becomes free."""
    await coordinator.introduce(1, work)
    for lease in range(1, 6):
        await coordinator.lend(lease, [0])
    first = await coordinator.answers(2)
    for lease in range(6, 12):
        await coordinator.lend(lease, [0])

    rest = await coordinator.answers(9)

    assert first + rest == [(protocol.Result, lease) for lease in range(1, 12)]


async def test_only_a_chunk_whose_blobs_are_on_their_way_is_overtaken(
    coordinator: Coordinator,
) -> None:
    """When they are here, it starts before those that were lent after it."""
    await coordinator.introduce(1, lambda _: 0)
    (blob,) = await coordinator.lend(1, [np.zeros(10_000)])
    await coordinator.lend(2, [0])
    overtaking = await coordinator.answers(1)

    await coordinator.introduce(2, work)
    await coordinator.lend(3, [0, 1], number=2, piecewise=True)
    started = await coordinator.answers(1)
    await coordinator.lend(4, [0])
    coordinator.deliver(blob)
    await coordinator.lend(5, [0])
    await has_fetched(coordinator, blob)
    await coordinator.send(protocol.Cancel(3))

    assert overtaking + started == [(protocol.Result, 2), (protocol.Result, 3)]
    assert await coordinator.answers(4) == [
        (protocol.Cancelled, 3),
        (protocol.Result, 1),
        (protocol.Result, 4),
        (protocol.Result, 5),
    ]


async def has_fetched(coordinator: Coordinator, blob: Blob) -> None:
    """Waits until the worker has a blob: only then does it ask for the one that is missing."""
    await coordinator.send(protocol.Map(99, (blob.id,)))
    await coordinator.send(protocol.Chunk(99, 99, 0, 1, (MISSING,), False))
    assert await coordinator.answers(1) == [(protocol.Failed, 99)]


async def test_a_cancelled_chunk_leaves_its_process_alive(coordinator: Coordinator) -> None:
    """The next chunk finds process and function as they were."""
    await coordinator.introduce(1, work)
    await coordinator.lend(1, [0, 1], piecewise=True)
    _, before = await coordinator.next()

    await coordinator.send(protocol.Cancel(1))
    await coordinator.lend(2, [0])

    assert await coordinator.answers(1) == [(protocol.Cancelled, 1)]
    _, after = await coordinator.next()
    assert after == before


async def test_a_chunk_that_does_not_stop_is_killed_after_a_grace(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    """Its place is free as soon as it is dead, for a process that has to be told the map."""
    inside = tmp_path / "inside"
    os.mkfifo(inside)

    def swallow(x: int) -> int:
        while x:
            try:
                inside.write_bytes(b"now")
                time.sleep(60)
            except BaseException:
                inside.write_bytes(b"not yet")
                time.sleep(60)
        return os.getpid()

    await coordinator.introduce(1, swallow)
    await coordinator.lend(1, [0, 1], piecewise=True)
    _, before = await coordinator.next()
    await asyncio.to_thread(inside.read_bytes)
    began = time.monotonic()

    await coordinator.send(protocol.Cancel(1))
    await coordinator.lend(2, [0])

    assert await asyncio.to_thread(inside.read_bytes) == b"not yet"
    assert await coordinator.answers(1) == [(protocol.Cancelled, 1)]
    assert time.monotonic() - began >= session.GRACE_SECONDS
    _, after = await coordinator.next()
    assert after != before


async def test_a_cancelled_chunk_that_waits_is_only_dropped(coordinator: Coordinator) -> None:
    """It is answered at once, and the one that is computed goes on."""
    await coordinator.introduce(1, work)
    await coordinator.lend(1, [0, 1], piecewise=True)
    _, before = await coordinator.next()
    await coordinator.lend(2, [0])
    await coordinator.lend(3, [np.zeros(10_000)])
    for lease in (2, 3, 4):
        await coordinator.send(protocol.Cancel(lease))

    assert await coordinator.answers(3) == [(protocol.Cancelled, lease) for lease in (2, 3, 4)]
    await coordinator.lend(5, [0])
    await coordinator.send(protocol.Cancel(1))
    assert await coordinator.answers(1) == [(protocol.Cancelled, 1)]
    assert await coordinator.next() == (protocol.Result(5, 0, 1, 0, True), before)


async def test_a_cancelled_chunk_does_not_take_the_map_from_others(
    coordinator: Coordinator,
) -> None:
    """Both waited for the same blob of the function."""
    matrix = np.ones(10_000)
    (blob,) = await coordinator.introduce(1, lambda x: float(matrix.sum()) * x)
    await coordinator.lend(1, [1])
    await coordinator.lend(2, [2])
    await coordinator.has_caught_up()
    await coordinator.send(protocol.Cancel(1))
    cancelled = await coordinator.answers(1)

    coordinator.deliver(blob)

    assert cancelled == [(protocol.Cancelled, 1)]
    assert await coordinator.next() == (protocol.Result(2, 0, 1, 0, True), [20_000.0])


def die_when_idle(_: int) -> int:
    """Answers with its process, which is killed as soon as it waits for another frame."""

    def watch() -> None:
        main = threading.main_thread().ident
        assert main is not None
        while sys._current_frames()[main].f_code.co_name != "_exactly":
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    return os.getpid()


async def test_a_process_that_died_idle_fails_no_chunk(coordinator: Coordinator) -> None:
    """It is replaced when the next chunk comes, and told the map."""
    await coordinator.introduce(1, die_when_idle)
    pids: list[int] = []

    for lease in range(3):
        await coordinator.lend(lease, [0])
        message, values = await coordinator.next()
        assert message == protocol.Result(lease, 0, 1, 0, True)
        pids += values
        await asyncio.to_thread(os.waitid, os.P_PID, pids[-1], os.WEXITED | os.WNOWAIT)

    assert len(set(pids)) == 3


async def test_a_process_that_dies_of_its_chunk_fails_it(coordinator: Coordinator) -> None:
    """Once; the reason says how it died, and the next chunk is answered."""
    await coordinator.introduce(1, lambda x: os._exit(x) if x else x)
    await coordinator.lend(1, [3])
    await coordinator.lend(2, [0])

    failed, _ = await coordinator.next()

    assert failed == protocol.Failed(1, "the worker process ended with exit code 3")
    assert await coordinator.answers(1) == [(protocol.Result, 2)]


async def test_a_chunk_without_a_map_is_handed_back(coordinator: Coordinator) -> None:
    """As one whose blobs cannot be had."""
    await coordinator.lend(1, [0], number=5)

    failed, _ = await coordinator.next()

    assert isinstance(failed, protocol.Failed)
    assert "the map 5 was never introduced" in failed.reason


@pytest.mark.parametrize("code", [protocol.CLOSE_BAD_RESULTS, protocol.CLOSE_DISMISSED])
async def test_a_worker_that_is_sent_away_stays_away(code: int) -> None:
    """It ends with the coordinator's reason instead of coming back."""
    coordinator = Coordinator()
    async with serving(coordinator) as worker:
        working = asyncio.create_task(worker.run())
        await coordinator.met.wait()
        await coordinator.socket.close(code=code, message=b"too many crashes")

        with pytest.raises(RefusedError, match="sent this worker away: too many crashes"):
            await working
