"""The server: one port for the page, what it needs, and the WebSocket (docs/protocol.md).

Reading order: `Server.start` opens the ports, `_routes` lists what they answer, `_socket` is the
life of one device.
"""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
import logging
import re
import ssl
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import WSCloseCode, web

from . import protocol
from .addresses import Proxies
from .admission import REVOKED, no_place, read_hello, refusal, revoked
from .bundle import worker_bundle
from .connection import DRAIN_SECONDS, Connection
from .coordinator import Coordinator
from .dashboard import Dashboard
from .door import Door
from .environment import PAGE, Environment, runtimes
from .errors import ConfigurationError, PackageError, PortInUseError, ProtocolError
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
from .server_limits import ServerLimits
from .wrong_tokens import WrongTokens

logger = logging.getLogger("nitocris.server")

DEFAULT_MAX_DEVICES = 10_000
"""Connections that one process can look after."""

KEEPALIVE_SECONDS = 15.0
"""How long a connection is kept for another request."""

_FOREVER = "public, max-age=31536000, immutable"
_PRIVATE_FOREVER = "private, max-age=31536000, immutable"
_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_CONTENT_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".zip": "application/zip",
}


class Server:
    """Listens, admits devices, and carries their frames.

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
        self._limits = limits or ServerLimits()
        self._proxies = proxies or Proxies()
        self._door = Door(self._limits, self._proxies, tls)
        self._wrong_tokens = WrongTokens(self._limits.wrong_tokens, time.monotonic)
        self._dashboard = Dashboard(coordinator, access, link, self._wrong_tokens)
        self._max_devices = max_devices
        self._volunteers = volunteers
        self._coordinator = coordinator
        self._access = access
        self._environment = environment
        self._job = job
        self._guards = Guards(machine_names(), public_url, self._door, self._proxies)
        self._bundle = worker_bundle()
        self._bundle_sha256 = hashlib.sha256(self._bundle).hexdigest()
        self._runner: web.AppRunner | None = None
        self._listeners: list[asyncio.Server] = []
        self._connections: dict[Connection, str] = {}
        """With the token of those that were admitted."""
        self._former: list[str] = []

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
        await asyncio.gather(*(connection.drain() for connection in list(self._connections)))
        if self._runner:
            await self._runner.cleanup()

    def replace_links(self, access: Access) -> None:
        """Accepts other tokens from now on, and sends those away who came with the ones of before.

        They have a second to hear why.
        """
        former, self._access = self._access, access
        self._dashboard.access = access
        self._former += [former.volunteer, former.worker]
        loop = asyncio.get_running_loop()
        for connection, token in self._connections.items():
            if token in (former.volunteer, former.worker):
                self._refuse(connection, REVOKED)
                loop.call_later(DRAIN_SECONDS, connection.abort)

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
            web.get("/", self._page),
            web.get("/worker", self._worker_hint),
            web.get("/owner", self._owner_page),
            web.get("/assets/{name}", self._asset),
            web.get("/sandbox", self._sandbox),
            web.get("/runtime/{version}/{name}", self._runtime),
            web.get("/bundle/{sha256}", self._bundle_file),
            web.get("/api/environment", self._environment_text),
            web.get("/api/job", self._job_text),
            web.get("/wheels/{sha256}", self._wheel),
            web.get("/blobs/{sha256}", self._blob),
            web.get("/socket", self._socket),
            *self._dashboard.routes(),
        ]

    async def _page(self, request: web.Request) -> web.StreamResponse:
        response = _static(PAGE / "index.html", "no-cache")
        response.headers["Content-Security-Policy"] = _page_policy(request)
        return response

    async def _owner_page(self, _request: web.Request) -> web.StreamResponse:
        response = _static(PAGE / "owner.html", "no-cache")
        response.headers["Content-Security-Policy"] = _OWNER_POLICY
        return response

    async def _worker_hint(self, _request: web.Request) -> web.Response:
        return web.Response(
            text="This link is for native workers. In a terminal, run\n\n"
            "    nitocris worker 'LINK'\n\nwith the whole link in place of LINK.\n"
        )

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        response = _static(_inside(PAGE / "assets", request.match_info["name"]), _FOREVER)
        response.enable_compression()
        # A worker has the policy of its own script's answer, not that of the page.
        response.headers["Content-Security-Policy"] = _page_policy(request)
        return response

    async def _sandbox(self, _request: web.Request) -> web.StreamResponse:
        response = _static(PAGE / "sandbox.html", "no-cache")
        assert isinstance(response.body, bytes)
        scripts = _SCRIPT.findall(response.body)
        hashes = " ".join(
            f"'sha256-{b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts
        )
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src {hashes} blob: 'wasm-unsafe-eval'; worker-src blob:; "
            "connect-src 'none'; webrtc 'block'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'self'; sandbox allow-scripts"
        )
        response.headers["Permissions-Policy"] = _NO_PERMISSIONS
        return response

    async def _runtime(self, request: web.Request) -> web.StreamResponse:
        version, name = request.match_info["version"], request.match_info["name"]
        known = {runtime["version"] for runtime in runtimes().values()}
        if version not in known:
            raise web.HTTPNotFound
        path = _inside(PAGE / "runtime" / version, f"{name}.gz")
        if "gzip" not in request.headers.get("Accept-Encoding", ""):
            body = await asyncio.to_thread(lambda: gzip.decompress(path.read_bytes()))
            return web.Response(body=body, headers=_type(Path(name)))
        headers = {"Content-Encoding": "gzip", "Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
        return web.Response(body=path.read_bytes(), headers=headers | _type(Path(name)))

    async def _bundle_file(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["sha256"] != self._bundle_sha256:
            raise web.HTTPNotFound
        headers = {"Content-Type": "application/zip", "Cache-Control": _FOREVER}
        return web.Response(body=self._bundle, headers=headers)

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
        connection = Connection(socket, self._coordinator.count_sent, transport.abort, self._limits)
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
        if refused := no_place(hello, coordinator.devices, self._max_devices):
            self._refuse(connection, refused)
            return
        number = coordinator.join(
            connection,
            is_browser=hello.kind == "browser",
            name=hello.name,
            address=address,
            is_here=here,
        )
        connection.is_browser = hello.kind == "browser"
        try:
            connection.send(protocol.Welcome(protocol.PROTOCOL_VERSION, number, environment.sha256))
            coordinator.inform(number)
            coordinator.announce(number, hello.capacity)
            async for frame in connection.frames(hurried=hello.kind == "native"):
                await coordinator.receive(number, frame)
        finally:
            coordinator.leave(number)

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


def _page_policy(request: web.Request) -> str:
    host = request.headers["Host"]
    return (
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "
        f"img-src 'self' data:; connect-src 'self' ws://{host} wss://{host}; "
        "frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


_OWNER_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def _static(path: Path, cache_control: str) -> web.Response:
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        if not (PAGE / "index.html").exists():
            raise web.HTTPServiceUnavailable(
                text="The page has not been built; run `make page`.\n"
            ) from None
        raise web.HTTPNotFound from None
    return web.Response(body=body, headers={"Cache-Control": cache_control} | _type(path))


def _inside(folder: Path, name: str) -> Path:
    """Returns a file of the folder; nothing else can be named."""
    path = folder / name
    if path.parent != folder or name.startswith(".") or not path.is_file():
        raise web.HTTPNotFound
    return path


def _type(path: Path) -> dict[str, str]:
    return {"Content-Type": _CONTENT_TYPES.get(path.suffix, "application/octet-stream")}


_FEATURES = """
accelerometer autoplay bluetooth camera display-capture encrypted-media fullscreen gamepad
geolocation gyroscope hid idle-detection local-fonts magnetometer microphone midi payment
picture-in-picture publickey-credentials-get screen-wake-lock serial storage-access usb
window-management xr-spatial-tracking
"""
_NO_PERMISSIONS = ", ".join(f"{feature}=()" for feature in _FEATURES.split())
