"""A page that has nothing but Pyodide in it: what a page of Nitocris is compared with.

The release's files are those of the built page, except for the standard library, which is as
Pyodide publishes it; all are compressed alike.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from nitocris.environment import PAGE, python_version, runtime
from tests.support.numpy_wheel import numpy_wheel

from .results import ROOT

STANDARD_LIBRARY = "python_stdlib.zip"


class Bare:
    """A server of such a page.

    Args:
        pages: HTML under "", and JavaScript under its file's name.

    Attributes:
        url: Where it is.
        wheel: NumPy, which it serves by its name.
        done: Is called for every request for "done".
    """

    def __init__(self, pages: Mapping[str, str]) -> None:
        described = runtime()
        assert described is not None, "there is no Pyodide for this Python"
        self._pages = pages
        self._folder = PAGE / "runtime" / described["version"]
        # Ours has bytecode in it.
        published = ROOT / "web" / "node_modules" / f"pyodide-{python_version()}"
        self._library = gzip.compress((published / STANDARD_LIBRARY).read_bytes())
        self.wheel = numpy_wheel()
        self.done: Callable[[], None] = lambda: None
        bare = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                bare._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        """Sends a file of the release, the wheel or the page; notes a result."""
        name = request.path.partition("?")[0].rpartition("/")[2]
        kind = {"js": "text/javascript", "wasm": "application/wasm", "json": "application/json"}
        headers = {"Content-Type": kind.get(name.rpartition(".")[2], "application/octet-stream")}
        if name == "done":
            self.done()
            body = b""
        elif name in self._pages:
            body = self._pages[name].encode()
            headers["Content-Type"] = "text/javascript" if name else "text/html"
        elif name.endswith(".whl"):
            body = self.wheel.read_bytes()
            headers["Cache-Control"] = "private, max-age=31536000, immutable"
        elif body := self._runtime_file(name):
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
            headers["Content-Encoding"] = "gzip"
        else:
            request.send_error(404)
            return
        request.send_response(200)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _runtime_file(self, name: str) -> bytes:
        """Returns a file of the release as it was published, gzipped; nothing if there is none."""
        if name == STANDARD_LIBRARY:
            return self._library
        file = self._folder / f"{name}.gz"
        return file.read_bytes() if file.is_file() else b""
