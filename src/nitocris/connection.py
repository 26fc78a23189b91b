"""A device's socket with a queue before it, so that sending never waits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from aiohttp import WebSocketError, WSMessage, WSMsgType, web

from . import protocol
from .errors import ProtocolError
from .pace import Pace
from .server_limits import ServerLimits

logger = logging.getLogger("nitocris.server")

_ENDS = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)
"""What aiohttp gives in a frame's place when the device, or this side, has closed the socket, and
when the device fell silent."""
_DEFAULTS = ServerLimits()
DRAIN_SECONDS = 1.0
"""How long a device may take to read what was queued before it was sent away."""


class Connection:
    """One open WebSocket.

    Args:
        socket: The WebSocket.
        count: Is told how many bytes each frame has that leaves.
        abort: Ends the connection without a goodbye.
        limits: How much of it there may be.

    Attributes:
        abort: As given.
        is_browser: Whether large frames leave in parts.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        count: Callable[[int], None] = lambda _: None,
        abort: Callable[[], None] = lambda: None,
        limits: ServerLimits = _DEFAULTS,
    ) -> None:
        self._socket = socket
        self._count = count
        self.abort = abort
        self._most_waiting = limits.send_buffer_messages
        self._pace = Pace(limits.messages_per_second)
        self._queue: asyncio.Queue[Callable[[], bytes] | None] = asyncio.Queue()
        self._posted: bytes | None = None
        self.is_browser = False
        self._close = (protocol.CLOSE_GOING_AWAY, "")
        self._writer = asyncio.create_task(self._write())

    def send(self, message: protocol.FromCoordinator, payload: bytes = b"") -> None:
        """Queues a frame; it is put together only when it leaves.

        A device for which too much waits is not served any more.
        """
        if self._queue.qsize() >= self._most_waiting:
            logger.info("a device reads too slowly and was disconnected")
            self.abort()
            return
        self._queue.put_nowait(lambda: protocol.encode(message, payload))

    def post(self, frame: bytes) -> None:
        """Queues a frame in the place of the last one posted, if that has not left yet.

        So at most one waits for a device that reads slowly, and it is the newest.
        """
        if self._posted is None:
            self._queue.put_nowait(self._take_posted)
        self._posted = frame

    def close(self, code: int, reason: str) -> None:
        """Closes the socket after what is queued."""
        self._close = (code, reason)
        self._queue.put_nowait(None)

    async def receive(self, timeout: float) -> bytes | None:
        """Returns the next frame, or None when none came within `timeout` seconds, or will come.

        Raises:
            ProtocolError: It was no binary message.
        """
        try:
            message = await self._socket.receive(timeout)
        except TimeoutError:
            return None
        return _frame(message)

    async def frames(self, *, hurried: bool = False) -> AsyncIterator[bytes]:
        """Yields frames until the device leaves, and lets others have their turn between them.

        Args:
            hurried: Whether to yield them as fast as they come.

        Raises:
            ProtocolError: It sent something else than binary messages.
        """
        time = asyncio.get_running_loop().time
        while (frame := _frame(await self._socket.receive())) is not None:
            await asyncio.sleep(0 if hurried else self._pace.take(time()))
            yield frame

    async def drain(self) -> None:
        """Waits until everything is sent and the socket closed, at most `DRAIN_SECONDS`."""
        self._queue.put_nowait(None)
        await asyncio.wait([self._writer], timeout=DRAIN_SECONDS)
        self._writer.cancel()

    def _take_posted(self) -> bytes:
        frame, self._posted = self._posted, None
        assert frame is not None
        return frame

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while make := await self._queue.get():
                frame = make()
                self._count(len(frame))
                for message in protocol.in_parts(frame) if self.is_browser else (frame,):
                    await self._socket.send_bytes(message)
                frame = message = b""  # the next one may be long in coming
            code, reason = self._close
            await self._socket.close(code=code, message=reason.encode()[:120])


def _frame(message: WSMessage) -> bytes | None:
    """Returns the frame in a message, or None where the connection is over.

    Raises:
        ProtocolError: It was no binary message.
    """
    if message.type is WSMsgType.BINARY:
        frame: bytes = message.data
        return frame
    if message.type is WSMsgType.ERROR and isinstance(message.data, WebSocketError):
        raise ProtocolError(str(message.data))
    if message.type in _ENDS:
        return None
    raise ProtocolError("only binary messages are understood")
