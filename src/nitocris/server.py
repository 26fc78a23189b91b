"""The server: one port for the page, what it needs, and the WebSocket (docs/protocol.md).

    connection --> Door --request--> Guards --> PageFiles: no token
                                           '--> Sockets: the token is in the first message
                                           '--> Dashboard: the owner's token
                                           '--> here, what devices fetch: their token

`Server.start` opens the ports, and `_routes` lists what they answer.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from .addresses import Proxies
from .coordinator import Coordinator
from .dashboard import Dashboard
from .door import Door
from .environment import Environment
from .errors import ConfigurationError, PackageError, PortInUseError
from .guards import (
    Guards,
    add_headers,
    bearer,
    machine_names,
    same_token,
    too_many_tokens,
)
from .job import Job
from .links import Access
from .page_files import PageFiles
from .server_limits import DEFAULT_MAX_DEVICES, ServerLimits
from .sockets import Sockets
from .wrong_tokens import WrongTokens

KEEPALIVE_SECONDS = 15.0
"""How long a connection is kept for another request."""

_PRIVATE_FOREVER = "private, max-age=31536000, immutable"


class Server:
    """Listens, and answers those who hold a token that opens what they ask for.

    Args:
        coordinator: Who gets the frames.
        access: The tokens.
        environment: Returns the description of what devices need, as soon as it is known;
            raises PackageError when it never will be.
        job: What volunteers may read about the work.
        public_url: The origin that a proxy or tunnel shows to the world, if there is one.
        volunteers: Whether holders of the volunteers' link are admitted at all.
        max_devices: How many devices may be connected before browsers have to wait.
        link: Returns the link for volunteers, an empty text where none are admitted.
        limits: How much others may take.
        proxies: Whose word about addresses counts.
        tls: What to answer https with.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        access: Access,
        environment: Callable[[], Awaitable[Environment]],
        job: Job,
        public_url: str | None,
        *,
        volunteers: bool = True,
        max_devices: int = DEFAULT_MAX_DEVICES,
        link: Callable[[], str] = lambda: "",
        limits: ServerLimits | None = None,
        proxies: Proxies | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        limits = limits or ServerLimits()
        proxies = proxies or Proxies()
        self._door = Door(limits, proxies, tls)
        self._guards = Guards(machine_names(), public_url, self._door, proxies)
        self._wrong_tokens = WrongTokens(limits.wrong_tokens, time.monotonic)
        self._dashboard = Dashboard(coordinator, access, link, self._wrong_tokens)
        self._sockets = Sockets(
            coordinator,
            access,
            environment,
            self._door,
            self._guards,
            proxies,
            self._wrong_tokens,
            volunteers=volunteers,
            max_devices=max_devices,
        )
        self._volunteers = volunteers
        self._coordinator = coordinator
        self._access = access
        self._environment = environment
        self._job = job
        self._runner: web.AppRunner | None = None
        self._listeners: list[asyncio.Server] = []

    async def start(self, host: str, port: int, further_port: int | None = None) -> int:
        """Opens the ports and returns the first one, chosen by the system where `port` is 0.

        Raises:
            PortInUseError: Somebody else listens there.
            ConfigurationError: This machine does not have that address.
        """
        app = web.Application(middlewares=[self._guards.middleware()])
        app.on_response_prepare.append(add_headers)
        app.add_routes(self._routes())
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=KEEPALIVE_SECONDS
        )
        await self._runner.setup()
        further = [] if further_port is None or further_port == port else [further_port]
        for each in [port, *further]:
            try:
                self._listeners.append(await self._listen(host, each))
            except OSError as error:
                await self.stop()
                raise _explained(error, host, each) from error
        return int(self._listeners[0].sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Closes all connections and ports."""
        for listener in self._listeners:
            listener.close()
        self._door.stop()
        await self._sockets.drain()
        if self._runner:
            await self._runner.cleanup()

    def replace_links(self, access: Access) -> None:
        """Accepts other tokens from now on, and sends those away who came with the ones of before.

        They have a second to hear why.
        """
        self._access = access
        self._dashboard.access = access
        self._sockets.replace_links(access)

    async def _listen(self, host: str, port: int) -> asyncio.Server:
        assert self._runner is not None
        serve = self._runner.server
        assert serve is not None
        return await asyncio.get_running_loop().create_server(
            lambda: self._door.visitor(serve()),
            host,
            port,
            backlog=128,
        )

    def _routes(self) -> list[web.RouteDef]:
        return [
            *PageFiles().routes(),
            web.get("/api/environment", self._environment_text),
            web.get("/api/job", self._job_text),
            web.get("/wheels/{sha256}", self._wheel),
            web.get("/blobs/{sha256}", self._blob),
            *self._sockets.routes(),
            *self._dashboard.routes(),
        ]

    async def _environment_text(self, request: web.Request) -> web.StreamResponse:
        self._require_token(request)
        try:
            environment = await self._environment()
        except PackageError as error:
            return web.json_response({"error": str(error)}, status=503)
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return web.Response(body=environment.text, headers=headers)

    async def _job_text(self, request: web.Request) -> web.StreamResponse:
        self._require_token(request)
        text = self._job.text(self._coordinator.functions(), self._coordinator.progress())
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return web.Response(body=text, headers=headers)

    async def _wheel(self, request: web.Request) -> web.StreamResponse:
        self._require_token(request)
        environment = await self._environment()
        path = environment.wheel(request.match_info["sha256"])
        if path is None:
            raise web.HTTPNotFound
        headers = {"Content-Type": "application/zip", "Cache-Control": _PRIVATE_FOREVER}
        # Where there is a gzipped copy beside it, that is what travels.
        return web.FileResponse(path, headers=headers)

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        self._require_token(request)
        data = self._coordinator.blob(request.match_info["sha256"])
        if data is None:
            raise web.HTTPNotFound
        headers = {"Content-Type": "application/octet-stream", "Cache-Control": _PRIVATE_FOREVER}
        return web.Response(body=data, headers=headers)

    def _require_token(self, request: web.Request) -> None:
        given = bearer(request)
        access = self._access
        tokens = (access.worker, access.local, *([access.volunteer] if self._volunteers else []))
        matches = [same_token(given, token) for token in tokens]  # all of them, to take equal time
        if not any(matches):
            if given and not self._wrong_tokens.note(request.remote):
                raise too_many_tokens()
            raise web.HTTPUnauthorized(text="The token is missing or wrong.\n")


def _explained(error: OSError, host: str, port: int) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return PortInUseError(
            f"port {port} is in use; close the other program or choose another port with "
            "server_port= or websocket_port= (0 takes any free one)"
        )
    return ConfigurationError(
        f"cannot listen on host={host!r}, port {port}: {error.strerror or error}; "
        "host='0.0.0.0' takes all addresses of this machine, '127.0.0.1' none but itself"
    )
