"""Devices that lie: a real socket with the volunteers' token, and everything but honest answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from nitocris import DistributedExecution, codec, protocol
from nitocris.echo import BURST_SECONDS, WORKER_LINES

Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


class Device:
    """A hand-made volunteer."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def join(self, token: str) -> None:
        await self.send(protocol.Hello(protocol.PROTOCOL_VERSION, token, "browser", 0))
        welcome = await self.next(protocol.Welcome)
        await self.send(protocol.Capacity(1, welcome.environment))

    async def send(self, message: protocol.FromWorker, payload: bytes = b"") -> None:
        await self.socket.send_bytes(protocol.encode(message, payload))

    async def next(self, kind: type[Any]) -> Any:
        """Returns the next message of a kind, skipping others."""
        while True:
            frame = await self.socket.receive_bytes(timeout=10)
            message, _ = protocol.decode_from_coordinator(frame)
            if isinstance(message, kind):
                return message

    async def next_but_progress(self) -> protocol.FromCoordinator:
        """Returns the next message that is not about how far the maps are."""
        while True:
            message: protocol.FromCoordinator = await self.next(object)
            if not isinstance(message, protocol.Progress):
                return message

    async def close_code(self) -> int | None:
        """Reads until the coordinator has closed the connection."""
        async for _ in self.socket:
            pass
        return self.socket.close_code


@pytest_asyncio.fixture
async def owner() -> AsyncIterator[DistributedExecution]:
    with Execution() as d:
        yield d


@contextlib.asynccontextmanager
async def joined(owner: DistributedExecution) -> AsyncIterator[Device]:
    base, _, token = owner.url.partition("/#")
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{base}/socket", max_msg_size=0) as socket,
    ):
        device = Device(socket)
        await device.join(token)
        yield device


@pytest_asyncio.fixture
async def device(owner: DistributedExecution) -> AsyncIterator[Device]:
    async with joined(owner) as device:
        yield device


def honest(chunk: protocol.Chunk, values: list[Any]) -> tuple[protocol.Result, bytes]:
    return protocol.Result(chunk.lease, 0, len(values), 0, True), codec.encode((values, []))


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._path),)


async def test_pickles_leave_no_trace(
    owner: DistributedExecution, device: Device, tmp_path: Path
) -> None:
    """As result, as exception or as hello, a pickle is only bytes that make no sense."""
    trap = tmp_path / "trap"
    poison = pickle.dumps(Trap(trap))
    mapping = asyncio.create_task(asyncio.to_thread(partial(owner.map, abs, [-1])))

    for payload, count, raised in [
        (poison, 1, 0),
        (codec.encode(([None], poison)), 1, 1),
    ]:
        chunk = await device.next(protocol.Chunk)
        await device.send(protocol.Result(chunk.lease, 0, count, raised, True), payload)
    await device.send(*honest(await device.next(protocol.Chunk), [poison]))

    # Bytes are honest data, whatever is in them.
    assert await mapping == [poison]
    base = owner.url.partition("/#")[0]
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{base}/socket") as socket:
        await socket.send_bytes(poison)
        refused, _ = protocol.decode_from_coordinator(await socket.receive_bytes(timeout=10))
    assert isinstance(refused, protocol.Refused)
    assert not trap.exists()


async def test_three_bad_results_close_the_connection(
    owner: DistributedExecution, device: Device
) -> None:
    """The chunk goes to somebody honest, and the map does not fail because of the liar."""
    mapping = asyncio.create_task(
        asyncio.to_thread(partial(owner.map, abs, [-1, -2], chunk_size=1))
    )
    bad = [
        b"\x80\x05N.",
        codec.encode(([1, 2, 3], [])),
        codec.encode("no pair"),
    ]

    chunk = await device.next(protocol.Chunk)
    await device.send(*honest(chunk, [1]))
    for payload in bad:
        chunk = await device.next(protocol.Chunk)
        await device.send(protocol.Result(chunk.lease, 0, 1, 0, True), payload)

    assert await device.close_code() == protocol.CLOSE_BAD_RESULTS
    async with joined(owner) as other:
        await other.send(*honest(await other.next(protocol.Chunk), [2]))
        assert await mapping == [1, 2]


@pytest.mark.parametrize(
    "failures",
    [
        None,
        [],
        [(0, ValueError("no"), False), (0, ValueError("no"), False)],
        [(1, ValueError("no"), False)],
        [(-1, ValueError("no"), False)],
        [(0, "no exception", False)],
        [(0, ValueError("no"), 1)],
        [(0, ValueError("no"))],
        [ValueError("no")],
    ],
)
async def test_failures_that_make_no_sense_are_a_bad_result(
    owner: DistributedExecution, device: Device, failures: Any
) -> None:
    """They neither end the map nor the coordinator; somebody's honest answer does."""
    mapping = asyncio.create_task(asyncio.to_thread(partial(owner.map, abs, [-1])))
    chunk = await device.next(protocol.Chunk)
    payload = codec.encode(([None], failures))

    await device.send(protocol.Result(chunk.lease, 0, 1, 1, True), payload)
    again = await device.next(protocol.Chunk)
    await device.send(*honest(again, [1]))

    assert again.lease != chunk.lease
    assert await mapping == [1]


async def test_late_unknown_and_duplicate_answers_change_nothing(
    owner: DistributedExecution, device: Device
) -> None:
    """Only the first answer to one's own live lease counts."""
    mapping = asyncio.create_task(
        asyncio.to_thread(partial(owner.map, abs, [-1, -2, -3], chunk_size=1))
    )

    for value in (1, 2, 3):
        chunk = await device.next(protocol.Chunk)
        await device.send(protocol.Result(chunk.lease + 1000, 0, 1, 0, True), b"unknown")
        await device.send(protocol.Failed(chunk.lease + 1000, "unknown"))
        await device.send(*honest(chunk, [value]))
        await device.send(*honest(chunk, [-99]))

    assert await mapping == [1, 2, 3]


async def test_many_bytes_for_no_lease_end_the_connection(device: Device) -> None:
    """Whoever has nothing on lease has nothing large to say."""
    result = protocol.Result(12345, 0, 1, 0, True)

    await device.send(result, bytes(protocol.MAX_CONTROL_BYTES))
    await device.send(protocol.Ping())
    await device.next(protocol.Pong)
    await device.send(result, bytes(protocol.MAX_CONTROL_BYTES + 1))

    assert await device.close_code() == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_a_message_beyond_all_limits_ends_the_connection(device: Device) -> None:
    """It is refused by its announced size, before it is read."""
    size = protocol.MAX_RESULT_BYTES + protocol.MAX_HEADER_BYTES + 1

    with contextlib.suppress(ConnectionError):
        await device.send(protocol.Result(1, 0, 1, 0, True), bytes(size))

    assert await device.close_code() in (aiohttp.WSCloseCode.MESSAGE_TOO_BIG, 1006, None)
    assert device.socket.closed


@pytest.mark.parametrize(
    "payload",
    [
        b"no codec",
        codec.encode("no list"),
        codec.encode([(7, "of another lease")]),
        codec.encode([(0, "x" * protocol.MAX_OUTPUT_BYTES)]),
    ],
)
async def test_an_output_that_makes_no_sense_ends_the_connection(
    owner: DistributedExecution, device: Device, payload: bytes
) -> None:
    """Its items are lent to the next one."""
    mapping = asyncio.create_task(asyncio.to_thread(partial(owner.map, abs, [-1])))
    chunk = await device.next(protocol.Chunk)

    await device.send(protocol.Output(chunk.lease, 0), payload)

    assert await device.close_code() == aiohttp.WSCloseCode.POLICY_VIOLATION
    async with joined(owner) as other:
        await other.send(*honest(await other.next(protocol.Chunk), [1]))
        assert await mapping == [1]


async def test_what_a_stranger_prints_and_claims_is_harmless(
    owner: DistributedExecution, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    """No control characters reach the terminal, no time is longer than it was."""
    caplog.set_level("INFO", "nitocris")
    mapping = asyncio.create_task(asyncio.to_thread(partial(owner.map, abs, [-1])))
    chunk = await device.next(protocol.Chunk)

    printed = codec.encode([(0, "\x1b]0;owned\x07\x1b[2J" + "\n" * 10_000)])
    await device.send(protocol.Output(chunk.lease, 2**53 - 1), printed)
    result, payload = honest(chunk, [1])
    await device.send(replace(result, seconds=1e300, slowest=((0, 1e300),)), payload)

    assert await mapping == [1]
    lines = [record.message for record in caplog.records if record.name == "nitocris.output"]
    assert lines[0] == "item 0: ]0;owned[2J"
    assert len(lines) <= WORKER_LINES * BURST_SECONDS + 1
    assert "more lines were printed" in lines[-1]
    report = owner.report()
    assert report.slowest[0].seconds <= report.computing <= report.seconds


async def test_a_hello_in_the_middle_ends_the_connection(device: Device) -> None:
    """One greeting is enough."""
    await device.send(protocol.Hello(protocol.PROTOCOL_VERSION, "x", "browser", 0))

    assert await device.close_code() == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_a_capacity_for_an_old_environment_gets_no_chunk(
    owner: DistributedExecution, device: Device
) -> None:
    """A browser without the packages that a map needs is not lent its chunks."""
    await device.send(protocol.Capacity(1, "0" * 64))
    mapping = asyncio.create_task(asyncio.to_thread(partial(owner.map, abs, [-1])))
    await device.send(protocol.Ping())
    first = await device.next_but_progress()
    assert owner._lifetime.serving
    devices = owner._lifetime.serving.coordinator.devices
    await device.send(protocol.Capacity(1, devices._environment))

    chunk = await device.next(protocol.Chunk)
    await device.send(*honest(chunk, [1]))

    assert first == protocol.Pong()
    assert await mapping == [1]


async def test_the_lease_of_another_device_cannot_be_answered(
    owner: DistributedExecution, device: Device
) -> None:
    """To guess its number is not enough, whatever is claimed about it."""
    mapping = asyncio.create_task(asyncio.to_thread(partial(owner.map, abs, [-1])))
    chunk = await device.next(protocol.Chunk)
    async with joined(owner) as forger:
        await forger.send(protocol.Capacity(0))
        await forger.send(*honest(chunk, [-99]))
        await forger.send(protocol.Failed(chunk.lease, "forged"))
        await forger.send(protocol.Returned(chunk.lease))
        await forger.send(protocol.Cancelled(chunk.lease))
        await forger.send(protocol.Ping())
        await forger.next(protocol.Pong)
    await device.send(*honest(chunk, [1]))

    assert await mapping == [1]


async def test_answers_of_an_earlier_map_are_not_those_of_a_later_one(
    owner: DistributedExecution, device: Device
) -> None:
    """A replayed lease is over, and no new one has its number."""
    first = asyncio.create_task(asyncio.to_thread(partial(owner.map, abs, [-1])))
    chunk = await device.next(protocol.Chunk)
    await device.send(*honest(chunk, [1]))
    assert await first == [1]

    second = asyncio.create_task(asyncio.to_thread(partial(owner.map, abs, [-2])))
    later = await device.next(protocol.Chunk)
    await device.send(*honest(chunk, [-99]))
    await device.send(*honest(later, [2]))

    assert later.lease != chunk.lease
    assert await second == [2]
