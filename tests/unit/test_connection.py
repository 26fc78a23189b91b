"""The queue before a device's socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nitocris import protocol
from nitocris.connection import Connection
from nitocris.server_limits import ServerLimits


class SlowSocket:
    """A WebSocket whose other end reads when it is told to."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._reads = asyncio.Semaphore(0)

    def read(self, frames: int) -> None:
        for _ in range(frames):
            self._reads.release()

    async def send_bytes(self, frame: bytes) -> None:
        await self._reads.acquire()
        self.sent.append(frame)

    async def close(self, **_: Any) -> None:
        pass


@pytest.fixture
async def socket() -> SlowSocket:
    return SlowSocket()


async def test_a_slow_reader_gets_the_newest_of_what_was_posted(socket: SlowSocket) -> None:
    """However many were posted meanwhile, one waits, and it keeps its place in the queue."""
    connection = Connection(socket)  # type: ignore[arg-type]  # all that is used of a socket
    pong = protocol.encode(protocol.Pong())
    connection.post(b"first")
    await asyncio.sleep(0)  # it is under way now
    for number in range(1000):
        connection.post(b"%d" % number)
    connection.send(protocol.Pong())
    connection.post(b"newest")

    socket.read(10)
    await connection.drain()

    assert socket.sent == [b"first", b"newest", pong]


async def test_what_is_posted_later_is_sent_later(socket: SlowSocket) -> None:
    """Nothing is lost while the device keeps up."""
    connection = Connection(socket)  # type: ignore[arg-type]
    socket.read(10)
    for frame in (b"one", b"two", b"three"):
        connection.post(frame)
        for _ in range(5):
            await asyncio.sleep(0)
    await connection.drain()

    assert socket.sent == [b"one", b"two", b"three"]


async def test_what_waits_for_a_slow_reader_is_limited(socket: SlowSocket) -> None:
    """To the message; then the connection is ended."""
    aborted: list[bool] = []
    limits = ServerLimits(send_buffer_messages=2)
    connection = Connection(
        socket,  # type: ignore[arg-type]
        abort=lambda: aborted.append(True),
        limits=limits,
    )

    connection.send(protocol.Pong())
    await asyncio.sleep(0)  # it is under way now
    connection.send(protocol.Pong())
    connection.send(protocol.Pong())
    allowed = list(aborted)
    connection.send(protocol.Pong())
    socket.read(10)
    await connection.drain()

    assert allowed == []
    assert aborted == [True]
    assert len(socket.sent) == 3


async def test_a_large_frame_goes_to_a_browser_in_parts(socket: SlowSocket) -> None:
    """So the page sees that something comes; a native worker gets it as it is."""
    most = protocol.PART_BYTES
    payload = bytes(range(256)) * (most // 256 * 2)
    connection = Connection(socket)  # type: ignore[arg-type]
    connection.send(protocol.Map(1, ()), payload)
    socket.read(100)
    await asyncio.sleep(0)
    connection.is_browser = True
    connection.send(protocol.Map(1, ()), payload)
    connection.send(protocol.Pong())
    await connection.drain()

    whole, *messages, pong = socket.sent
    parts = [protocol.decode_from_coordinator(message) for message in messages]
    assert whole == protocol.encode(protocol.Map(1, ()), payload)
    assert [message for message, _ in parts] == [
        protocol.Part(last=False),
        protocol.Part(last=False),
        protocol.Part(last=True),
    ]
    assert max(len(part) for _, part in parts) == most
    assert b"".join(part for _, part in parts) == whole
    assert pong == protocol.encode(protocol.Pong())


@pytest.mark.parametrize("spare", [-1, 0, 1])
def test_a_frame_that_fits_is_no_part(spare: int) -> None:
    """At the limit, and beside it."""
    frame = bytes(protocol.PART_BYTES + spare)

    messages = list(protocol.in_parts(frame))

    assert (messages == [frame]) == (spare <= 0)
