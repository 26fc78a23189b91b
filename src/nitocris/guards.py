"""What stands in front of every route: web pages attack servers on their readers' machines.

A foreign `Host` (DNS rebinding) is answered 421 and a foreign `Origin` 403, for every method and
before routing.  There are no cookies and no CORS headers, so a page of another origin can neither
read an answer nor carry an identity.  Tokens come in headers or in the first WebSocket message,
never in a path or a query, and are compared in constant time.
"""

from __future__ import annotations

import hmac
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .addresses import Proxies, is_forwarded, is_this_machine
from .door import Door
from .server_limits import ServerLimits

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guards:
    """Decides whose requests are heard.

    Args:
        names: The host names, besides the address that a request came in on, that are ours.
        public_url: The origin that a proxy or tunnel shows to the world, if there is one.
        door: Is told which connections have sent a whole request.
        proxies: Whose word about addresses counts.
    """

    def __init__(
        self,
        names: Collection[str],
        public_url: str | None,
        door: Door | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self._names = {"localhost", *(name.lower() for name in names)}
        self._proxies = proxies or Proxies()
        self._door = door or Door(ServerLimits(), self._proxies)
        self._public = urlsplit(public_url).netloc.lower() if public_url else None

    def middleware(self) -> Middleware:
        """Returns the aiohttp middleware."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._door.heard(request.transport)
            try:
                return await answer(request, handler)
            finally:
                self._door.answered(request.transport)

        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self._is_ours(request):
                raise web.HTTPMisdirectedRequest(
                    text="This server does not answer for that host name.\n"
                )
            if not self._same_origin(request):
                raise web.HTTPForbidden(text="Requests from other origins are refused.\n")
            client = self._proxies.client(request.remote, request.headers)
            if client is not None and client != request.remote:
                request = request.clone(remote=client)
            return await handler(request)

        return guard

    def is_here(self, request: web.Request) -> bool:
        """Whether a request certainly comes from this machine, not through a tunnel or a proxy."""
        transport = request.transport
        peer = transport.get_extra_info("peername") if transport else None
        local = transport.get_extra_info("sockname") if transport else None
        if self._public or not peer or not local or self._proxies.trusts(request.remote):
            return False
        if is_forwarded(request.headers) and not self._proxies.trusts(peer[0]):
            return False
        return is_this_machine(request.remote, local[0])

    def _is_ours(self, request: web.Request) -> bool:
        host = request.headers.get("Host", "").lower()
        if host and host == self._public:
            return True
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname, parts.port
        except ValueError:
            return False
        here = request.transport.get_extra_info("sockname") if request.transport else None
        if not here or parts.username is not None or parts.path:
            return False
        if (port or _default_port(request)) != here[1]:
            return False
        return name in self._names or name == here[0]

    def _same_origin(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        if origin is None:
            return True
        parts = urlsplit(origin.lower())
        allowed = {request.headers["Host"].lower(), self._public}
        return parts.scheme in ("http", "https") and parts.netloc in allowed


def _default_port(request: web.Request) -> int:
    return 443 if request.transport and request.transport.get_extra_info("sslcontext") else 80


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Sets the headers that every answer has."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def same_token(given: str, wanted: str) -> bool:
    """Compares in constant time, whatever a stranger has sent."""
    # Header bytes that are no UTF-8 come as lone surrogates, and JSON may hold such.
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


def too_many_tokens() -> web.HTTPTooManyRequests:
    """Returns the answer to one who guesses."""
    return web.HTTPTooManyRequests(
        text="Too many wrong tokens came from here; try again in a minute.\n",
        headers={"Retry-After": "60", "Cache-Control": "no-store"},
    )


def bearer(request: web.Request) -> str:
    """Returns the token of a request, or an empty text."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def machine_names() -> set[str]:
    """Returns the names under which the local network may know this machine."""
    name = socket.gethostname().lower()
    return {name, f"{name.partition('.')[0]}.local"}
