"""The page and its parts over HTTP: the same files for everybody, each with its policy.

    browser --/, /owner, /assets--> a page that may talk to this server alone
            --/sandbox------------> the frame in which the owner's code runs: it may talk to nobody
            --/runtime, /bundle---> Pyodide and the worker's modules, which browsers keep for ever

None of it is secret: what an execution is about comes with a token, from elsewhere.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from base64 import b64encode
from pathlib import Path

from aiohttp import web

from .bundle import worker_bundle
from .environment import PAGE, runtimes

_FOREVER = "public, max-age=31536000, immutable"
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


class PageFiles:
    """The routes that need no token."""

    def __init__(self) -> None:
        self._bundle = worker_bundle()
        self._bundle_sha256 = hashlib.sha256(self._bundle).hexdigest()

    def routes(self) -> list[web.RouteDef]:
        """Returns what is answered."""
        return [
            web.get("/", self._page),
            web.get("/worker", self._worker_hint),
            web.get("/owner", self._owner_page),
            web.get("/assets/{name}", self._asset),
            web.get("/sandbox", self._sandbox),
            web.get("/runtime/{version}/{name}", self._runtime),
            web.get("/bundle/{sha256}", self._bundle_file),
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
