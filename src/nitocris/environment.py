"""What a device needs before it can compute: a runtime, the worker's modules, wheels.

The page asks for the description once, then fetches each file that it lists.
Sizes and hashes are of the bytes as they are after HTTP's own decompression; `transfer` is what
travels at most, in bytes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import protocol
from .bundle import worker_bundle
from .bytecode import gzipped

if TYPE_CHECKING:
    from .packages import Wheel

PAGE = Path(__file__).with_name("_page")
"""Where the built page and the runtimes are."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One execution's description of what its devices need."""

    title: str
    wheels: Sequence[Wheel] = ()
    text: bytes = field(init=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        """Writes the description down, once."""
        bundle = worker_bundle()
        digest = hashlib.sha256(bundle).hexdigest()
        described = {
            "protocol": protocol.PROTOCOL_VERSION,
            "title": self.title,
            "python": python_version(),
            "runtime": runtime(),
            "bundle": _file("worker.zip", f"/bundle/{digest}", len(bundle), digest, len(bundle)),
            "wheels": [_wheel(wheel) for wheel in self.wheels],
        }
        text = json.dumps(described).encode()
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "sha256", hashlib.sha256(text).hexdigest())

    def wheel(self, sha256: str) -> Path | None:
        """Returns where the wheel with this hash lies."""
        return next((wheel.path for wheel in self.wheels if wheel.sha256 == sha256), None)


def python_version() -> str:
    """Returns the minor version that owner and workers must share, such as `"3.12"`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@cache
def runtimes() -> dict[str, Any]:
    """Returns the index of the bundled Pyodide releases, by version of Python."""
    try:
        index: dict[str, Any] = json.loads((PAGE / "runtime" / "index.json").read_text())
    except FileNotFoundError:
        return {}
    return index


def runtime() -> dict[str, Any] | None:
    """Returns the Pyodide release for this Python, or None if browsers cannot take part."""
    found = runtimes().get(python_version())
    if found is None:
        return None
    root = f"/runtime/{found['version']}"
    files = [_file(url=f"{root}/{file['name']}", **file) for file in found["files"]]
    return {"version": found["version"], "files": files}


def _wheel(wheel: Wheel) -> dict[str, object]:
    packed = gzipped(wheel.path)
    transfer = packed.stat().st_size if packed.exists() else wheel.size
    url = f"/wheels/{wheel.sha256}"
    described = _file(wheel.filename, url, wheel.size, wheel.sha256, transfer)
    return described | {"install_dir": wheel.install_dir}


def _file(name: str, url: str, size: int, sha256: str, transfer: int) -> dict[str, object]:
    return {"name": name, "url": url, "size": size, "sha256": sha256, "transfer": transfer}
