"""The environments of browsers as packages make them; only those need this who have packages.

names --resolve--> wheels --compile--> Environment
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from .bytecode import compiled_wheel
from .environment import Environment, runtime
from .packages import Places, Wheel, folders_from_environment, resolve
from .pip_resolver import Pip
from .pyodide_lock import Lock, find_lock


def find_places(folders: Sequence[Path], pip: Pip) -> Places | None:
    """Returns where this execution's packages are looked for, or None without browsers.

    Args:
        folders: Where to look for wheels first.
        pip: Asks the owner's package index.
    """
    lock = bundled_lock()
    if lock is None:
        return None
    return Places(lock, [*folders, *folders_from_environment()], pip=pip)


def prepare(title: str, places: Places | None, names: Sequence[str | PathLike[str]]) -> Environment:
    """Gets the wheels of these packages, and describes the environment that they make; blocks.

    Args:
        title: What volunteers see.
        places: Where to look for wheels.
        names: Packages, as `packages.resolve` takes them.

    Raises:
        PackageError: One of them cannot be had.
    """
    if places is None:
        return Environment(title)
    return Environment(title, [_quick(wheel) for wheel in resolve(names, places)])


def _quick(wheel: Wheel) -> Wheel:
    """Returns the wheel as browsers get it: with bytecode where it has modules."""
    if wheel.install_dir != "site":
        return wheel
    path = compiled_wheel(wheel.path, wheel.sha256)
    if path == wheel.path:
        return wheel
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return replace(wheel, path=path, size=path.stat().st_size, sha256=sha256)


def bundled_lock() -> Lock | None:
    """Returns what Pyodide has for this Python, or None if browsers cannot take part."""
    if runtime() is None:
        return None
    return find_lock((sys.version_info.major, sys.version_info.minor))
