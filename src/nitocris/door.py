"""The door: counts connections, and shows those out that do not say what they want.

    accepted -> handshake of TLS, if it is used: waiting as well
             -> waiting --whole request--> heard --answered--> idle --first byte--> waiting
                waiting <--WebSocket opened-- heard <--hello-- waiting

It stands between asyncio's transports and aiohttp, which looks after whole requests only: who opens
a connection and is silent, or sends a byte a second, or never reads, is met here.
"""

from __future__ import annotations

import asyncio
import math
import ssl
import sys
from collections import Counter

from .addresses import Proxies, neighbourhood
from .server_limits import ServerLimits

SPARE_FILES = 64
"""Open files that are left to the rest of the process."""
_SLACK_BYTES = 1024
"""Of a WebSocket frame around a hello, and of pings before it."""
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class Door:
    """All connections of a server.

    Args:
        limits: How many, how long, how large.
        proxies: Through them many people come, so their addresses are not counted.
        tls: What to agree on with each connection first.
    """

    def __init__(
        self, limits: ServerLimits, proxies: Proxies, tls: ssl.SSLContext | None = None
    ) -> None:
        self.limits = limits
        self._proxies = proxies
        self._tls = tls
        self._visitors: dict[asyncio.BaseTransport, _Connection] = {}
        self._addresses: Counter[str] = Counter()
        self._waiting: dict[_Connection, None] = {}
        self._connections = min(limits.connections, _spare_files())

    def visitor(self, inner: asyncio.Protocol) -> asyncio.Protocol:
        """Returns the protocol of a new connection, in front of the server's own."""
        visitor = _Visitor(self, inner)
        return visitor if self._tls is None else _Handshake(self, visitor, self._tls)

    def stop(self) -> None:
        """Ends those that wait."""
        for visitor in list(self._waiting):
            visitor.end()

    def heard(self, transport: asyncio.BaseTransport | None) -> None:
        """Notes that a request or a hello is complete, and is being dealt with."""
        if visitor := self._find(transport):
            visitor.is_heard = True
            self.forget_waiting(visitor)

    def answered(self, transport: asyncio.BaseTransport | None) -> None:
        """Notes that a request has its answer: what comes now is another one."""
        if visitor := self._find(transport):
            visitor.is_heard = False

    def expect_hello(self, transport: asyncio.BaseTransport | None) -> None:
        """Notes that a WebSocket was opened, and waits again."""
        if visitor := self._find(transport):
            visitor.is_heard = False
            visitor.wait(self.limits.hello_bytes + _SLACK_BYTES, is_http=False)

    def enter(self, address: str | None) -> bool:
        """Counts somebody behind an address; returns whether there is room."""
        place = neighbourhood(address)
        if self._addresses[place] >= self.limits.connections_per_address:
            return False
        self._addresses[place] += 1
        return True

    def leave(self, address: str | None) -> None:
        """Counts them no more."""
        place = neighbourhood(address)
        self._addresses[place] -= 1
        if not self._addresses[place]:
            del self._addresses[place]

    def open(self, transport: asyncio.Transport, visitor: _Connection) -> bool:
        """Lets a connection in, if there is room."""
        if len(self._visitors) >= self._connections:
            return False
        address = _peer(transport)
        if not self._proxies.trusts(address):
            if not self.enter(address):
                return False
            visitor.counted = (address,)
        self._visitors[transport] = visitor
        return True

    def close(self, transport: asyncio.Transport, visitor: _Connection) -> None:
        """Forgets a connection that has ended."""
        if self._visitors.pop(transport, None):
            for address in visitor.counted:
                self.leave(address)
            self.forget_waiting(visitor)

    def note_waiting(self, visitor: _Connection) -> None:
        """Has a connection wait as the newest; the oldest one goes if they are too many."""
        self._waiting[visitor] = None
        if len(self._waiting) > self.limits.waiting:
            next(iter(self._waiting)).end()

    def forget_waiting(self, visitor: _Connection) -> None:
        """Has it wait no more."""
        self._waiting.pop(visitor, None)
        visitor.stop_waiting()

    def _find(self, transport: asyncio.BaseTransport | None) -> _Visitor | None:
        visitor = self._visitors.get(transport) if transport else None
        return visitor if isinstance(visitor, _Visitor) else None


class _Connection(asyncio.Protocol):
    """What the door counts, if there was room for it.

    Attributes:
        counted: The address under which it is counted, if any.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._transport: asyncio.Transport | None = None
        self.counted: tuple[str | None, ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if not self._door.open(transport, self):
            transport.abort()
            return
        self._transport = transport
        self._let_in(transport)

    def stop_waiting(self) -> None:
        """Has no deadline of the door's any more."""

    def end(self) -> None:
        """Ends the connection at once."""
        if self._transport:
            self._transport.abort()

    def _let_in(self, transport: asyncio.Transport) -> None:
        """Begins."""
        raise NotImplementedError


class _Handshake(_Connection):
    """A connection on which TLS is being agreed on; afterwards it is a visitor's.

    It has a deadline of its own, which ends with the handshake.
    """

    def __init__(self, door: Door, visitor: _Visitor, tls: ssl.SSLContext) -> None:
        super().__init__(door)
        self._visitor = visitor
        self._tls = tls
        self._task: asyncio.Task[None] | None = None
        self._early: list[bytes] = []
        """What has come before the visitor could take it."""
        self._is_lost = False

    def _let_in(self, transport: asyncio.Transport) -> None:
        self._door.note_waiting(self)
        self._task = asyncio.get_running_loop().create_task(self._agree(transport))

    def data_received(self, data: bytes) -> None:
        self._early.append(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._is_lost = True

    async def _agree(self, transport: asyncio.Transport) -> None:
        seconds = self._door.limits.waiting_seconds
        try:
            if transport.is_closing():
                return
            secured = await asyncio.get_running_loop().start_tls(
                transport, self, self._tls, server_side=True, ssl_handshake_timeout=seconds
            )
        except OSError:  # of a stranger who speaks no TLS, or too slowly, or has left
            return
        finally:
            self._door.close(transport, self)
        if secured is None or self._is_lost:
            return
        secured.set_protocol(self._visitor)
        self._visitor.connection_made(secured)
        for data in self._early:
            self._visitor.data_received(data)


class _Visitor(_Connection):
    """One connection; it hands everything on to the server's own protocol."""

    def __init__(self, door: Door, inner: asyncio.Protocol) -> None:
        super().__init__(door)
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._read = 0
        self._most = 0
        self._is_http = True
        self.is_heard = False

    def _let_in(self, transport: asyncio.Transport) -> None:
        self._inner.connection_made(transport)
        self.wait(self._door.limits.header_bytes, is_http=True)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        if not self.is_heard:
            if self._deadline is None:
                self.wait(self._door.limits.header_bytes, is_http=True)
            self._read += len(data)
            if self._read > self._most:
                self._refuse()
                return
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._transport else None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is None:
            return
        self._door.close(self._transport, self)
        self._transport = None
        self.resume_watching()
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self.resume_watching()
        self._inner.resume_writing()

    def wait(self, most: int, *, is_http: bool) -> None:
        """Gives the other end some bytes and seconds for what it has to say."""
        self._door.forget_waiting(self)
        self._read, self._most, self._is_http = 0, most, is_http
        self._deadline = self._loop.call_later(self._door.limits.waiting_seconds, self._overdue)
        self._door.note_waiting(self)

    def stop_waiting(self) -> None:
        """Has no deadline any more."""
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def end(self) -> None:
        """Ends the connection at once, and its deadline."""
        self._door.forget_waiting(self)
        super().end()

    def resume_watching(self) -> None:
        """Ends the watch over one that does not read."""
        if self._stalled:
            self._stalled.cancel()
            self._stalled = None

    def _overdue(self) -> None:
        if self._is_http:
            self.end()
        else:
            # The server itself says goodbye in words first.
            self._deadline = self._loop.call_later(self._door.limits.waiting_seconds, self.end)

    def _refuse(self) -> None:
        self._door.forget_waiting(self)
        assert self._transport is not None
        if self._is_http:
            self._transport.write(_TOO_LARGE)
            self._transport.close()
        else:
            self._transport.abort()

    def _watch(self) -> None:
        if self._transport is None:
            return
        unread = self._transport.get_write_buffer_size()
        seconds = self._door.limits.stalled_seconds
        self._stalled = self._loop.call_later(seconds, self._check_reader, unread)

    def _check_reader(self, before: int) -> None:
        self._stalled = None
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() >= before:
            self.end()
        else:
            self._watch()


def _spare_files() -> float:
    """Returns for how many connections the system has room."""
    if sys.platform == "win32":
        return math.inf
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return math.inf if files == resource.RLIM_INFINITY else max(1, files - SPARE_FILES)


def _peer(transport: asyncio.Transport) -> str | None:
    name = transport.get_extra_info("peername")
    return name[0] if name else None
