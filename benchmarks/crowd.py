"""Simulated volunteers: thousands of real WebSockets in a process, which answer without computing.

They speak the least that the protocol allows, with frames made by hand: what is measured is the
coordinator, and each microsecond here is one that it does not get.  Masks are zeros, so that a
frame goes out as it is.
"""

from __future__ import annotations

import asyncio
import json
import resource
import time
from multiprocessing.connection import Connection
from typing import Any, TypeAlias, cast

from nitocris import codec, protocol

CONNECTING_AT_ONCE = 50
PING_PAUSE = 0.005
"""Seconds between two measurements of the reply; each asks another client."""

BINARY, PING, PONG = 0x82, 0x89, 0x8A

Pipe: TypeAlias = "Connection[Any, Any]"


class Client(asyncio.Protocol):
    """One volunteer with one worker.

    Args:
        authority: Host and port of the coordinator.
        token: Of the link for volunteers.
    """

    def __init__(self, authority: str, token: str) -> None:
        self.joined = asyncio.get_running_loop().create_future()
        self.asked: float = 0.0
        self.replied: asyncio.Future[float] | None = None
        self._authority = authority
        self._token = token
        self._buffer = bytearray()
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for a WebSocket."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(
            f"GET /socket HTTP/1.1\r\nHost: {self._authority}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        """Tells whoever waits for it."""
        if not self.joined.done():
            self.joined.set_exception(ConnectionError(f"the coordinator hung up: {error}"))
        if self.replied is not None and not self.replied.done():
            self.replied.cancel()

    def data_received(self, data: bytes) -> None:
        """Answers all whole frames."""
        buffer = self._buffer
        buffer += data
        if not self._upgraded:
            head, end, rest = buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head:
                self.joined.set_exception(ConnectionError(head.decode(errors="replace")))
                self._transport.abort()
                return
            self._upgraded = True
            self._buffer = buffer = rest
            self._send(protocol.Hello(protocol.PROTOCOL_VERSION, self._token, "browser", 0))
        start = 0
        while (frame := websocket_frame(buffer, start)) is not None:
            kind, body, start = frame
            if kind == BINARY:
                self._handle(body)
            elif kind == PING:
                self._transport.write(masked(PONG, body))
        del buffer[:start]

    def ask(self) -> asyncio.Future[float]:
        """Pings the coordinator; the result will be the seconds until it has replied."""
        self.asked = time.perf_counter()
        self.replied = asyncio.get_running_loop().create_future()
        self._send(protocol.Ping())
        return self.replied

    def close(self) -> None:
        """Leaves without a word."""
        self._transport.abort()

    def _handle(self, frame: bytes) -> None:
        length = int.from_bytes(frame[:4], "little")
        header = json.loads(frame[4 : 4 + length])
        match header["type"]:
            case "chunk":
                count = header["stop"] - header["skip"]
                result = protocol.Result(header["lease"], header["skip"], count, 0, True)
                self._send(result, _zeros(count))
            case "welcome":
                self._send(protocol.Capacity(1, header["environment"]))
                self.joined.set_result(None)
            case "environment":
                self._send(protocol.Capacity(1, header["environment"]))
            case "refused":
                self.joined.set_exception(ConnectionError(header["message"]))
            case "cancel":
                self._send(protocol.Cancelled(header["lease"]))
            case "pong" if self.replied is not None and not self.replied.done():
                self.replied.set_result(time.perf_counter() - self.asked)

    def _send(self, message: protocol.FromWorker, payload: bytes = b"") -> None:
        self._transport.write(masked(BINARY, protocol.encode(message, payload)))


def websocket_frame(buffer: bytearray, start: int) -> tuple[int, bytes, int] | None:
    """Returns a frame's first byte, its body and where the next begins; None if it is not whole."""
    if len(buffer) < start + 2:
        return None
    size, body = buffer[start + 1], start + 2
    extended = {126: 2, 127: 8}.get(size, 0)
    if extended:
        if len(buffer) < body + extended:
            return None
        size = int.from_bytes(buffer[body : body + extended])
        body += extended
    if len(buffer) < body + size:
        return None
    return buffer[start], bytes(buffer[body : body + size]), body + size


def masked(kind: int, body: bytes) -> bytes:
    """Returns a client's frame, masked with zeros."""
    size = len(body)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes([kind]) + length + bytes(4) + body


_ZEROS: dict[int, bytes] = {}


def _zeros(count: int) -> bytes:
    """Returns the payload of so many results, each of which is 0."""
    if count not in _ZEROS:
        _ZEROS[count] = bytes(codec.encode(([0] * count, [])))
    return _ZEROS[count]


def crowd(pipe: Pipe, link: str, count: int) -> None:
    """Has so many clients, until the pipe is closed.

    It says how many seconds they took to join; for every `True` it measures replies until `False`,
    and answers with their seconds.
    """
    raise_open_files(count)
    asyncio.run(_crowd(pipe, link, count))


async def _crowd(pipe: Pipe, link: str, count: int) -> None:
    base, _, token = link.partition("/#")
    authority = base.partition("://")[2]
    host, _, port = authority.rpartition(":")
    loop = asyncio.get_running_loop()
    clients: list[Client] = []

    async def join() -> None:
        _, client = await loop.create_connection(lambda: Client(authority, token), host, int(port))
        await client.joined
        clients.append(client)

    began = time.perf_counter()
    for start in range(0, count, CONNECTING_AT_ONCE):
        await asyncio.gather(
            *(join() for _ in range(start, min(start + CONNECTING_AT_ONCE, count)))
        )
    pipe.send(time.perf_counter() - began)
    orders: asyncio.Queue[bool | None] = asyncio.Queue()

    def receive() -> None:
        try:
            orders.put_nowait(pipe.recv())
        except EOFError:
            loop.remove_reader(pipe.fileno())
            orders.put_nowait(None)

    loop.add_reader(pipe.fileno(), receive)
    while await orders.get() is not None:
        seconds: list[float] = []
        while orders.empty():
            client = clients[len(seconds) % count]
            seconds.append(await client.ask())
            await asyncio.sleep(PING_PAUSE)
        await orders.get()
        pipe.send(seconds)


def raise_open_files(connections: int) -> None:
    """Lets this process have so many connections.

    Raises:
        OSError: The system allows fewer.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 500
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise OSError(f"{connections} connections need {wanted} open files; `ulimit -Hn` is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
