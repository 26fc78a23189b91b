"""Small wheels, locks and a small CDN for tests of packages."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from nitocris.pyodide_lock import Lock, read_lock


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    requires_python: str = "",
    extras: Sequence[str] = (),
    source: str = "",
) -> Path:
    """Writes a wheel with one module, by default an empty one, and returns its path."""
    escaped = name.replace("-", "_")
    path = folder / f"{escaped}-{version}-{tag}.whl"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    if requires_python:
        metadata.append(f"Requires-Python: {requires_python}")
    metadata.extend(f"Requires-Dist: {each}" for each in requires)
    metadata.extend(f"Provides-Extra: {each}" for each in extras)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{escaped}.py", source)
        archive.writestr(f"{escaped}-{version}.dist-info/METADATA", "\n".join([*metadata, "", ""]))
        archive.writestr(f"{escaped}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    return path


def install(
    site: Path, name: str, version: str, module: str, source: str = "", origin: str = ""
) -> None:
    """Installs a distribution with one module, as pip leaves it, into a `site-packages`."""
    (site / f"{module}.py").write_text(source)
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "top_level.txt").write_text(f"{module}\n")
    (info / "RECORD").write_text(f"{module}.py,,\n")
    if origin:
        (info / "direct_url.json").write_text(origin)


@dataclass(slots=True)
class Release:
    """A Pyodide release in the making: packages with the content of their files."""

    version: str = "0.27.8"
    python: str = "3.12.7"
    entries: dict[str, object] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def add(
        self,
        name: str,
        version: str = "1.0",
        depends: Sequence[str] = (),
        imports: Sequence[str] = (),
        filename: str = "",
        install_dir: str = "site",
    ) -> None:
        """Adds a package, whose file has some content of its own."""
        filename = filename or f"{name}-{version}-cp312-cp312-pyodide_2024_0_wasm32.whl"
        content = f"the file of {name} {version}".encode()
        self.files[filename] = content
        self.entries[name] = {
            "name": name,
            "version": version,
            "file_name": filename,
            "sha256": hashlib.sha256(content).hexdigest(),
            "depends": list(depends),
            "imports": list(imports),
            "install_dir": install_dir,
        }

    def write_lock(self, runtimes: Path) -> Path:
        """Writes the lock as the page's build does."""
        folder = runtimes / self.version
        folder.mkdir(parents=True)
        info = {
            "arch": "wasm32",
            "platform": "emscripten_3_1_58",
            "abi_version": "2024_0",
            "python": self.python,
        }
        path = folder / "packages.json.gz"
        path.write_bytes(
            gzip.compress(json.dumps({"info": info, "packages": self.entries}).encode())
        )
        return path

    def lock(self, runtimes: Path, base_url: str = "https://cdn.invalid/") -> Lock:
        """Returns the lock, read back from its file."""
        return replace(read_lock(self.write_lock(runtimes)), base_url=base_url)


@contextmanager
def served(files: Mapping[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """Serves files on loopback; gives the base address and the list of what was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            asked.append(self.path)
            content = files.get(self.path.removeprefix("/full/"))
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            if self.path.endswith("/"):  # a page of a package index
                self.send_header("Content-Type", "text/html")
            # The server breaks off early when tests ask for the file named "cut".
            self.send_header("Content-Length", str(len(content) + self.path.endswith("/cut")))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet: tests look at `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/full/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
