"""Attackers of a server, each of which lasts until it is cancelled or has sent what it has."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket as sockets
from collections.abc import AsyncIterator, Iterator

import aiohttp

from nitocris import codec, protocol

FRAMES_AT_ONCE = 50


class Target:
    """Where a server listens, and the token of its volunteers."""

    def __init__(self, url: str) -> None:
        base, _, self.token = url.partition("/#")
        self.authority = base.removeprefix("http://")
        self.host, _, port = self.authority.rpartition(":")
        self.port = int(port)
        self.socket = f"{base}/socket"

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.port)

    def hello(self, token: str | None = None) -> bytes:
        given = self.token if token is None else token
        return protocol.encode(protocol.Hello(protocol.PROTOCOL_VERSION, given, "browser", 0))


@contextlib.asynccontextmanager
async def half_open(target: Target, count: int) -> AsyncIterator[None]:
    """Connections that say nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(sockets.create_connection((target.host, target.port)))
        yield


@contextlib.asynccontextmanager
async def trickling(target: Target, count: int) -> AsyncIterator[None]:
    """Connections that send a byte a second of a request that never ends."""

    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(f"GET / HTTP/1.1\r\nHost: {target.authority}\r\nX: ".encode())
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x")
                await asyncio.sleep(1)

    with contextlib.ExitStack() as stack:
        async with asyncio.TaskGroup() as group:
            tasks = []
            for _ in range(count):
                _, writer = await target.connect()
                stack.callback(writer.transport.abort)
                tasks.append(group.create_task(trickle(writer)))
            yield
            for task in tasks:
                task.cancel()


@contextlib.asynccontextmanager
async def not_reading(target: Target, count: int) -> AsyncIterator[None]:
    """Devices that ask again and again whether somebody is there, and read no answer."""

    async def ask(writer: asyncio.StreamWriter) -> None:
        ping = masked(protocol.encode(protocol.Ping()))
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(ping * 10)
                await writer.drain()
                await asyncio.sleep(0.1)

    with contextlib.ExitStack() as stack:
        async with asyncio.TaskGroup() as group:
            tasks = []
            for _ in range(count):
                reader, writer = await target.connect()
                stack.callback(writer.transport.abort)
                await upgrade(reader, writer, target.authority)
                writer.write(masked(target.hello()))
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                tasks.append(group.create_task(ask(writer)))
            yield
            for task in tasks:
                task.cancel()


async def fuzz(target: Target, frames: int, seed: int) -> int:
    """Sends damaged frames, joining again whenever it is sent away; returns how often it was."""
    source = damaged_frames(random.Random(seed))
    left, sent_away = frames, 0
    async with aiohttp.ClientSession() as http:
        while left:
            async with http.ws_connect(target.socket) as socket:
                await socket.send_bytes(target.hello())
                await socket.receive_bytes(timeout=10)
                with contextlib.suppress(ConnectionError):
                    while left and not socket.closed:
                        left -= 1
                        await socket.send_bytes(next(source))
                        if left % FRAMES_AT_ONCE == 0:
                            await socket.send_bytes(protocol.encode(protocol.Ping()))
                            await _until_pong(socket)
                sent_away += socket.closed
    return sent_away


def damaged_frames(rng: random.Random) -> Iterator[bytes]:
    """Yields frames of all messages that a worker sends: whole, with wrong values, or damaged."""
    payload = codec.encode(([1, "two", [3.0]], []))
    while True:
        number = rng.choice([0, 1, 2, rng.randrange(2**53), 2**53 - 1])
        messages: list[protocol.FromWorker] = [
            protocol.Result(number, number, number, 0, True),
            protocol.Failed(number, "x" * rng.randrange(500)),
            protocol.Cancelled(number),
            protocol.Returned(number),
            protocol.Output(number, number),
            protocol.Ping(rng.random()),
            protocol.Capacity(0, "x" * rng.randrange(64)),
        ]
        noise = rng.randbytes(rng.randrange(200))
        frame = protocol.encode(rng.choice(messages), rng.choice([noise, payload]))
        if rng.random() < 0.1:
            damaged = bytearray(frame)
            for _ in range(rng.randrange(1, 5)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            frame = bytes(damaged[: rng.randrange(1, len(damaged) + 1)])
        yield frame


async def upgrade(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str
) -> None:
    """Opens a WebSocket, and asks for compression, which is not agreed to."""
    writer.write(
        f"GET /socket HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
    )
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101"), answer
    assert b"Extensions" not in answer, answer


async def _until_pong(socket: aiohttp.ClientWebSocketResponse) -> None:
    while (message := await socket.receive(timeout=30)).type is aiohttp.WSMsgType.BINARY:
        if protocol.decode_from_coordinator(message.data)[0] == protocol.Pong():
            return


def masked(frame: bytes) -> bytes:
    """Returns a client's WebSocket message, masked with zeros."""
    assert len(frame) < 2**16
    size = bytes([0x80 | len(frame)]) if len(frame) < 126 else b"\xfe" + len(frame).to_bytes(2)
    return b"\x82" + size + bytes(4) + frame
