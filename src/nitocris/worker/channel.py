"""Messages between a process and its child: bytes in one piece, and nothing else.

parent: Wire, on its event loop  <-- a pair of sockets -->  child: Channel, which blocks
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

from ..protocol import Buffer

_LENGTH = struct.Struct("<Q")
_READ_BYTES = 64 * 1024
"""What is read at once of small messages; large ones are read in place."""


class Channel:
    """The child's end: `send` and `receive` block.

    Args:
        end: The socket.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def send(self, message: Buffer) -> None:
        """Sends a message, without copying it.

        Raises:
            ConnectionError: The other end is closed.
        """
        view = memoryview(message).cast("B")
        self._socket.sendall(_LENGTH.pack(len(view)))
        self._socket.sendall(view)

    def receive(self) -> bytearray:
        """Returns the next message, in memory that is nobody else's.

        Raises:
            EOFError: The other end is closed.
            OSError: The connection broke.
        """
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        return self._exactly(length)

    def _exactly(self, size: int) -> bytearray:
        content = bytearray(size)
        left = memoryview(content)
        while left:
            count = self._socket.recv_into(left, 0, socket.MSG_WAITALL)
            if not count:
                raise EOFError("the other end is closed")
            left = left[count:]
        return content


class Wire(asyncio.BufferedProtocol):
    """The parent's end.

    Args:
        on_message: Told each message, on the loop.
        on_lost: Told when the child has closed its end, with the reason if there is one.
    """

    def __init__(
        self,
        on_message: Callable[[Buffer], None],
        on_lost: Callable[[Exception | None], None],
    ) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self._small = bytearray(_READ_BYTES)
        self._filled = 0
        self._large: bytearray | None = None
        """The body of a message that is larger than what was read of it."""
        self._transport: asyncio.Transport | None = None

    def send(self, *messages: Buffer) -> None:
        """Sends messages; where that fails, `on_lost` hears of it."""
        assert self._transport is not None
        for message in messages:
            view = memoryview(message).cast("B")
            self._transport.write(_LENGTH.pack(len(view)))
            if view:
                self._transport.write(view)

    def close(self) -> None:
        """Closes this end, and forgets what was to be sent."""
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Is called by the loop."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Is called by the loop."""
        self._on_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # the loop's signature
        """Returns where the next bytes go."""
        return memoryview(self._small if self._large is None else self._large)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Takes note of bytes that have come."""
        self._filled += nbytes
        if self._large is None:
            self._parse()
        elif self._filled == len(self._large):
            message, self._large, self._filled = self._large, None, 0
            self._on_message(message)

    def _parse(self) -> None:
        small, end, at = memoryview(self._small), self._filled, 0
        messages: list[bytes] = []
        self._filled = 0
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(small, at)
            body = at + _LENGTH.size
            if body + length > end:
                if _LENGTH.size + length > _READ_BYTES:
                    self._large = bytearray(length)
                    self._large[: end - body] = small[body:end]
                    self._filled, at = end - body, end
                break
            messages.append(bytes(small[body : body + length]))
            at = body + length
        if self._large is None:
            self._small[: end - at] = bytes(small[at:end])
            self._filled = end - at
        for message in messages:
            self._on_message(message)
