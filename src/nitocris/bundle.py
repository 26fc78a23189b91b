"""The zip that a browser's interpreter imports: the worker's modules and cloudpickle, nothing else.

The same sources give the same bytes, so that a device that has the bundle does not fetch it again.
Each module lies beside its bytecode, which a browser would take a quarter of a second to make.
To make the zip takes the owner a tenth of a second, so it is kept under the hash of the sources.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import platformdirs

from . import bytecode

_WORKER_SIDE = (
    "__init__.py",
    "errors.py",
    "protocol.py",
    "shipment.py",
    "codec/*.py",
    "worker/__init__.py",
    "worker/calls.py",
    "worker/core.py",
    "worker/keywords.py",
    "worker/output.py",
    "worker/results.py",
    "worker/rules.py",
    "worker/seeded.py",
    "worker/shared.py",
    "worker/sources.py",
    "worker/pyodide.py",
)
"""All that `nitocris.worker.pyodide` imports, and what wraps functions; a test proves that it is
enough and not too much."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest moment that a zip can name, for all files: theirs differ between machines."""


@cache
def worker_bundle() -> bytes:
    """Returns the zip; put it on `sys.path` and import `nitocris.worker.pyodide`."""
    sources = [(name, path.read_bytes()) for name, path in sorted(_files())]
    folder = platformdirs.user_cache_path("nitocris") / "bytecode"
    kept = folder / f"{_digest(sources)}.worker.zip"
    with contextlib.suppress(OSError):
        return kept.read_bytes()
    bundle = _zipped(sources)
    with contextlib.suppress(OSError):  # such as a cache that is read-only: it is made again
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            Path(fresh, "bundle").write_bytes(bundle)
            os.replace(Path(fresh, "bundle"), kept)
    return bundle


def _digest(sources: Sequence[tuple[str, bytes]]) -> str:
    """Returns a hash of all that the zip depends on, what makes it included."""
    digest = hashlib.sha256(importlib.util.MAGIC_NUMBER)
    makers = [("", Path(each).read_bytes()) for each in (__file__, bytecode.__file__)]
    for name, source in (*sources, *makers):
        digest.update(f"{name} {len(source)} ".encode() + source)
    return digest.hexdigest()


def _zipped(sources: Sequence[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, source in sources:
            _add(archive, name, source)
            code = bytecode.compiled(source, f"nitocris-worker.zip/{name}")
            if code is not None:
                _add(archive, f"{name}c", code)
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)


def _files() -> Iterator[tuple[str, Path]]:
    for package, patterns in (("nitocris", _WORKER_SIDE), ("cloudpickle", ("*.py",))):
        root = _folder(package)
        for pattern in patterns:
            for path in root.glob(pattern):
                yield f"{package}/{path.relative_to(root).as_posix()}", path


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module named {package!r}", name=package)
    return Path(spec.origin).parent
