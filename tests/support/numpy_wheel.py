"""A real NumPy for the browser tests, made at test set-up.

    npm pack @emscripten-forge/numpy -> tgz -> pkg/*.tar.gz -> lib/python3.X/site-packages -> wheel

The package is a conda build inside an npm package.  What a wheel needs besides the files is a WHEEL
file with the right tags and a RECORD; what only developers of NumPy need is left out, which halves
the download of a volunteer.  The same input gives the same bytes, so tests may compare hashes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CACHE = Path(__file__).parents[2] / ".build" / "wheels"

_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = ("tests", "f2py", "_pyinstaller", "include")
_LEFT_OUT_ENDINGS = (".pyi", ".a", ".pc", ".h", ".c", ".build")


@dataclass(frozen=True, slots=True)
class Build:
    """One build of NumPy on npm, and the platform of the Pyodide release that it runs on."""

    version: str
    npm: str
    platform: str


BUILDS = {
    (3, 11): Build("2.1.1", "2.1.1-py311hc8e14bb-0", "emscripten_3_1_46_wasm32"),
    (3, 12): Build("2.0.1", "2.0.1-py312h4e66579-0", "pyodide_2024_0_wasm32"),
}
"""By Python version; npm has no build for 3.13."""


def numpy_wheel(python: tuple[int, int] = sys.version_info[:2], cache: Path = CACHE) -> Path:
    """Returns a wheel of NumPy for Pyodide, from the cache or made now.

    Args:
        python: The minor version of Python, one of `BUILDS`.
        cache: The folder that keeps the wheels.

    Raises:
        LookupError: npm has no NumPy for this Python.
        subprocess.CalledProcessError: npm could not fetch it; its words are on stderr.
    """
    if python not in BUILDS:
        raise LookupError(f"there is no NumPy for Python {python[0]}.{python[1]} in WebAssembly")
    build = BUILDS[python]
    abi = f"cp{python[0]}{python[1]}"
    tag = f"{abi}-{abi}-{build.platform}"
    wheel = cache / f"numpy-{build.version}-{tag}.whl"
    if not wheel.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            archive = _npm_pack(f"@emscripten-forge/numpy@{build.npm}", Path(scratch))
            made = Path(scratch) / "made.whl"
            _write_wheel(made, dict(_site_packages(archive)), f"numpy-{build.version}", tag)
            os.replace(made, wheel)
    return wheel


def _npm_pack(package: str, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is needed to fetch NumPy for the browser tests")
    subprocess.run(
        [npm, "pack", "--silent", "--pack-destination", str(folder), package],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )
    (archive,) = folder.glob("*.tgz")
    return archive


def _site_packages(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yields the files of the package by their path under `site-packages`."""
    with tarfile.open(archive) as npm:
        (inner,) = (member for member in npm if member.name.endswith(".tar.gz"))
        packed = npm.extractfile(inner)
        assert packed is not None
        content = packed.read()
    with tarfile.open(fileobj=io.BytesIO(content)) as conda:
        for member in conda:
            path = PurePosixPath(member.name)
            if not member.isfile() or path.parts[2:3] != ("site-packages",):
                continue
            name = PurePosixPath(*path.parts[3:])
            file = conda.extractfile(member)
            if file is not None and _is_needed(name):
                yield str(name), file.read()


def _is_needed(path: PurePosixPath) -> bool:
    if path.parts[0].endswith(".dist-info"):
        return path.name in ("METADATA", "LICENSE.txt", "entry_points.txt")
    # `_simd` is for NumPy's own tests; `_multiarray_tests` looks the same, but `import numpy`
    # needs it.
    return (
        not any(part in _LEFT_OUT for part in path.parts)
        and path.suffix not in _LEFT_OUT_ENDINGS
        and not path.name.startswith("_simd.")
    )


def _write_wheel(wheel: Path, files: dict[str, bytes], dist: str, tag: str) -> None:
    files[f"{dist}.dist-info/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: nitocris-tests\nRoot-Is-Purelib: false\nTag: {tag}\n"
    ).encode()
    record = f"{dist}.dist-info/RECORD"
    lines = [f"{name},{_record_hash(data)},{len(data)}" for name, data in sorted(files.items())]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)


def _record_hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.decode().rstrip('=')}"


if __name__ == "__main__":
    for each in BUILDS:
        print(numpy_wheel(each))
