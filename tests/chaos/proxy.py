"""A TCP proxy that cuts connections after a given number of bytes, so that any byte is the last."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, TypeAlias

Direction: TypeAlias = Literal["up", "down"]

_READ_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for 0 seconds: closing sends RST instead of FIN."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where to cut a connection.

    Attributes:
        direction: Which bytes count: those to the coordinator ("up"), or those from it ("down").
        offset: How many of them pass.
        reset: Whether both ends see a reset connection, not an orderly end.
    """

    direction: Direction
    offset: int
    reset: bool = False


class Proxy:
    """Forwards connections to a port of this machine.

    Attributes:
        port: Where it listens.
        target: Where it forwards to.
        cuts: One for each connection to come; those that follow are left whole.
        made: The cuts that were made.
    """

    def __init__(self) -> None:
        self.port = 0
        self.target = 0
        self.cuts: deque[Cut] = deque()
        self.made: list[Cut] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut = self.cuts.popleft() if self.cuts else None
        connection = asyncio.create_task(self._carry(reader, writer, cut))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: Cut | None
    ) -> None:
        with contextlib.closing(writer):
            there, here = await asyncio.open_connection("127.0.0.1", self.target)
            with contextlib.closing(here):
                if await _is_cut(_pump(reader, here, cut, "up"), _pump(there, writer, cut, "down")):
                    assert cut is not None
                    self.made.append(cut)
                    if cut.reset:
                        _reset(writer)
                        _reset(here)


async def _is_cut(*pumps: Coroutine[Any, Any, bool]) -> bool:
    """Forwards in both directions, and returns as soon as one of them is over."""
    tasks = [asyncio.create_task(pump) for pump in pumps]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return any(task.result() for task in done)
    finally:
        for task in tasks:
            task.cancel()


async def _pump(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    cut: Cut | None,
    direction: Direction,
) -> bool:
    """Forwards until the source ends, or returns True where the connection is to be cut."""
    left = cut.offset if cut and cut.direction == direction else inf
    with contextlib.suppress(ConnectionError):
        while left:
            data = await source.read(int(min(_READ_BYTES, left)))
            if not data:
                return False
            sink.write(data)
            await sink.drain()
            left -= len(data)
        return True
    return False


def _reset(end: asyncio.StreamWriter) -> None:
    end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
