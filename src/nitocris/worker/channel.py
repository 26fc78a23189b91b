"""Messages between a process and its child: bytes in one piece, and nothing else."""

from __future__ import annotations

import socket
import struct

from ..protocol import Buffer

_LENGTH = struct.Struct("<Q")


class Channel:
    """One end of a pair of connected sockets.

    `send` and `receive` block, and may be called by one thread each at a time.

    Args:
        end: The socket.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def send(self, *messages: Buffer) -> None:
        """Sends messages, without copying them.

        Raises:
            ConnectionError: The other end is closed.
        """
        for message in messages:
            view = memoryview(message).cast("B")
            self._socket.sendall(_LENGTH.pack(len(view)))
            self._socket.sendall(view)

    def receive(self) -> bytes:
        """Returns the next message.

        Raises:
            EOFError: The other end is closed.
            OSError: The connection broke.
        """
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        return self._exactly(length)

    def close(self) -> None:
        """Closes this end."""
        self._socket.close()

    def _exactly(self, size: int) -> bytes:
        """Returns so many bytes, which are one piece of memory unless a signal comes between."""
        parts: list[bytes] = []
        missing = size
        while missing:
            part = self._socket.recv(missing, socket.MSG_WAITALL)
            if not part:
                raise EOFError("the other end is closed")
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
