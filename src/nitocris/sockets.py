"""The WebSockets of devices, each from its opening to its end.

    opened --hello--> admitted: the coordinator gets its frames until it leaves
                 '--> refused, and told why

Until it has said hello, the door counts it among those that wait.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, web

from . import protocol
from .addresses import Proxies
from .admission import REVOKED, no_place, read_hello, refusal, revoked
from .connection import DRAIN_SECONDS, Connection
from .coordinator import Coordinator
from .door import Door
from .environment import Environment
from .errors import PackageError, ProtocolError
from .guards import Guards
from .links import Access
from .wrong_tokens import WrongTokens

logger = logging.getLogger("nitocris.server")


class Sockets:
    """All connections of devices.

    Args:
        coordinator: Who gets the frames.
        access: The tokens.
        environment: Returns what devices need, as soon as it is known; raises PackageError when
            it never will be.
        door: Is told who has said hello; its limits hold here as well.
        guards: Know which requests come from this machine.
        proxies: Whose word about addresses counts.
        wrong_tokens: Counts them.
        volunteers: Whether holders of the volunteers' link are admitted at all.
        max_devices: How many devices may be connected before browsers have to wait.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        access: Access,
        environment: Callable[[], Awaitable[Environment]],
        door: Door,
        guards: Guards,
        proxies: Proxies,
        wrong_tokens: WrongTokens,
        *,
        volunteers: bool,
        max_devices: int,
    ) -> None:
        self._coordinator = coordinator
        self._access = access
        self._environment = environment
        self._door = door
        self._limits = door.limits
        self._guards = guards
        self._proxies = proxies
        self._wrong_tokens = wrong_tokens
        self._volunteers = volunteers
        self._max_devices = max_devices
        self._connections: dict[Connection, str] = {}
        """With the token of those that were admitted."""
        self._former: list[str] = []

    def routes(self) -> list[web.RouteDef]:
        """Returns what is answered."""
        return [web.get("/socket", self._socket)]

    def replace_links(self, access: Access) -> None:
        """Accepts other tokens from now on, and sends those away who came with the ones of before.

        They have a second to hear why.
        """
        former, self._access = self._access, access
        self._former += [former.volunteer, former.worker]
        loop = asyncio.get_running_loop()
        for connection, token in self._connections.items():
            if token in (former.volunteer, former.worker):
                self._refuse(connection, REVOKED)
                loop.call_later(DRAIN_SECONDS, connection.abort)

    async def drain(self) -> None:
        """Closes all connections after what is queued."""
        await asyncio.gather(*(connection.drain() for connection in list(self._connections)))

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        if not peer or not self._proxies.trusts(peer[0]):
            return await self._serve_socket(request)
        # The door has seen the proxy's address only.
        if not self._door.enter(request.remote):
            raise web.HTTPTooManyRequests(text="There are too many connections from here.\n")
        try:
            return await self._serve_socket(request)
        finally:
            self._door.leave(request.remote)

    async def _serve_socket(self, request: web.Request) -> web.StreamResponse:
        # No per-message compression: a few bytes may inflate to gigabytes.
        socket = web.WebSocketResponse(
            max_msg_size=self._limits.result_bytes + protocol.MAX_HEADER_BYTES,
            heartbeat=self._limits.silence_seconds,
            compress=False,
        )
        try:
            await socket.prepare(request)
        except ConnectionError:
            return web.Response()  # the device has left before it was in; nobody reads this
        transport = request.transport
        if transport is None:
            return socket  # it has left meanwhile
        self._door.expect_hello(transport)
        connection = Connection(
            socket, self._coordinator.devices.count_sent, transport.abort, self._limits
        )
        self._connections[connection] = ""
        try:
            hello = await self._admit(connection, request.remote, transport.abort)
            self._door.heard(transport)
            if hello:
                self._connections[connection] = hello.token
                await self._converse(
                    connection, hello, request.remote, self._guards.is_here(request)
                )
        except ProtocolError as error:
            logger.warning("a device broke the protocol: %s", error)
            connection.close(WSCloseCode.POLICY_VIOLATION, str(error))
        except PackageError:
            connection.close(protocol.CLOSE_GOING_AWAY, "the packages cannot be had")
        finally:
            await connection.drain()
            del self._connections[connection]
        return socket

    async def _converse(
        self, connection: Connection, hello: protocol.Hello, address: str | None, here: bool
    ) -> None:
        """The life of one device."""
        environment = await self._environment()
        coordinator = self._coordinator
        if refused := no_place(hello, len(coordinator.devices), self._max_devices):
            self._refuse(connection, refused)
            return
        number = coordinator.devices.join(
            connection,
            is_browser=hello.kind == "browser",
            name=hello.name,
            address=address,
            is_here=here,
        )
        connection.is_browser = hello.kind == "browser"
        try:
            connection.send(protocol.Welcome(protocol.PROTOCOL_VERSION, number, environment.sha256))
            coordinator.devices.inform(number)
            coordinator.devices.announce(number, hello.capacity)
            async for frame in connection.frames(hurried=hello.kind == "native"):
                await coordinator.devices.receive(number, frame)
        finally:
            coordinator.devices.leave(number)

    async def _admit(
        self, connection: Connection, address: str | None, abort: Callable[[], None]
    ) -> protocol.Hello | None:
        seconds, most = self._limits.waiting_seconds, self._limits.hello_bytes
        frame = await connection.receive(seconds)
        refused: protocol.Refused | None
        if frame is None:
            refused = protocol.Refused("late", f"No hello came within {seconds:g} seconds.")
        elif len(frame) > most:
            refused = protocol.Refused(
                "malformed", f"The first message had {len(frame)} bytes; {most} are allowed."
            )
        else:
            hello = read_hello(frame)
            if isinstance(hello, protocol.Refused):
                refused = hello
            else:
                refused = refusal(hello, self._access, volunteers=self._volunteers)
                if refused and revoked(hello, self._former):
                    refused = REVOKED
                if refused is None:
                    return hello
                if refused.code == "token" and not self._wrong_tokens.note(address):
                    abort()
                    return None
        self._refuse(connection, refused)
        return None

    def _refuse(self, connection: Connection, refused: protocol.Refused) -> None:
        connection.send(refused)
        connection.close(protocol.CLOSE_REFUSED, refused.code)
