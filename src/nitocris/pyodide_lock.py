"""The lock file of a Pyodide release: which packages exist for it, and their hashes.

Every release ships a `pyodide-lock.json`.  The page's build puts it, gzipped, beside the runtime,
under another name because browsers get a lock without packages:

    _page/runtime/<version>/packages.json.gz

What is in it: file name, SHA-256, dependencies and importable modules of some 300 packages.  What
is not: sizes, and the version of the release itself, which is the folder's name.
"""

from __future__ import annotations

import difflib
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from .errors import PackageError

RUNTIMES = Path(__file__).parent / "_page" / "runtime"

_CDN = "https://cdn.jsdelivr.net/pyodide/v{version}/full/"
"""Where the Pyodide project publishes the wheels of a release."""


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package of a release.

    Attributes:
        name: The normalised name.
        version: The version, as written in the lock.
        filename: A file beside the release's other files; rarely an absolute URL.
        sha256: Of the file, in hex.
        depends: Normalised names of the packages it needs.
        imports: The modules that it brings.
        install_dir: Where the file is unpacked: `"site"` (site-packages), `"stdlib"` (the
            standard library's folder), or `"dynlib"` (a shared library, for `/usr/lib`).
    """

    name: str
    version: str
    filename: str
    sha256: str
    depends: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    install_dir: str = "site"


@dataclass(frozen=True, slots=True)
class Lock:
    """What one Pyodide release offers.

    Attributes:
        version: The release, such as `"0.27.8"`.
        python: The full version of its Python, such as `"3.12.7"`.
        packages: By normalised name.
        platforms: The platform tags of wheels that are built for exactly this release.
        base_url: Where its files are, with a slash at the end.
    """

    version: str
    python: str
    packages: Mapping[str, LockedPackage]
    platforms: tuple[str, ...] = ()
    base_url: str = ""

    @property
    def minor(self) -> tuple[int, int]:
        """The minor version of Python, such as `(3, 12)`."""
        major, minor = self.python.split(".")[:2]
        return int(major), int(minor)

    @property
    def tags(self) -> str:
        """The tags of wheels that workers can use, in words."""
        exactly = f"cp{self.minor[0]}{self.minor[1]}"
        return " or ".join(("py3-none-any", *(f"{exactly}-{exactly}-{p}" for p in self.platforms)))

    def markers(self) -> dict[str, str]:
        """Returns what PEP 508 markers see on a worker in a browser, with no extra asked for."""
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python,
            "os_name": "posix",
            "platform_machine": "wasm32",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Emscripten",
            "platform_version": "",
            "python_full_version": self.python,
            "python_version": "{}.{}".format(*self.minor),
            "sys_platform": "emscripten",
            "extra": "",
        }

    def suggestions(self, name: str, more: tuple[str, ...] = ()) -> list[str]:
        """Returns names that somebody who wrote `name` may have meant, the best first.

        The name of a module (`sklearn`, `PIL`) is answered by the packages that bring it, a typing
        error by what is spelt alike.

        Args:
            name: What was written.
            more: Names that exist besides the lock's.
        """
        module = name.replace("-", "_").lower()
        bringing = [
            package.name
            for package in self.packages.values()
            if any(module == brought.lower() for brought in package.imports)
        ]
        packages = (each for each in self.packages if not each.endswith("-tests"))
        known = list(dict.fromkeys((*more, *packages)))
        alike = difflib.get_close_matches(canonicalize_name(name), known, n=3, cutoff=0.7)
        return bringing or alike


def find_lock(python: tuple[int, int], runtimes: Path = RUNTIMES) -> Lock:
    """Returns the lock of the bundled Pyodide release with this Python.

    Raises:
        PackageError: No such release is bundled.
    """
    available = []
    for path in sorted(runtimes.glob("*/packages.json.gz")):
        lock = read_lock(path)
        if lock.minor == python:
            return lock
        available.append(f"{lock.minor[0]}.{lock.minor[1]}")
    raise PackageError(
        f"no Pyodide release in {runtimes} has Python {python[0]}.{python[1]}, so workers in "
        f"browsers cannot have packages; there is: {', '.join(available) or 'none'}"
    )


def read_lock(path: Path) -> Lock:
    """Reads `<version>/packages.json.gz`.

    Raises:
        PackageError: It is not readable, or no lock.
    """
    try:
        return parse_lock(json.loads(gzip.decompress(path.read_bytes())), path.parent.name)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PackageError(
            f"{path} is no lock file of a Pyodide release ({error!r}); install Nitocris again"
        ) from error


def parse_lock(content: Mapping[str, Any], version: str) -> Lock:
    """Returns what a lock file's JSON says about the release `version`."""
    info = content["info"]
    abi = info.get("abi_version")
    # Until 3.11 the platform is Emscripten's, in 3.12 Pyodide's, from 3.13 on that of PEP 783.
    names = [info["platform"], *(f"{name}_{abi}" for name in ("pyodide", "pyemscripten") if abi)]
    packages: dict[str, LockedPackage] = {}
    for key, entry in content["packages"].items():
        name = canonicalize_name(key)
        packages[name] = LockedPackage(
            name=name,
            version=entry["version"],
            filename=entry["file_name"],
            sha256=entry["sha256"],
            depends=tuple(canonicalize_name(each) for each in entry["depends"]),
            imports=tuple(entry["imports"]),
            install_dir=entry["install_dir"],
        )
    return Lock(
        version=version,
        python=info["python"],
        packages=packages,
        platforms=tuple(f"{name}_{info['arch']}" for name in names),
        base_url=_CDN.format(version=version),
    )
