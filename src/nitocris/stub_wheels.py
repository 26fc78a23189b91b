"""Wheels without files that stand for the packages of a Pyodide release while pip resolves.

A stub has name, version and dependencies of the release's lock file, and the highest build number,
so it wins over an equal version from elsewhere.  Libraries and parts of the standard library, which
no index has, get none: they go with the packages that need them, and pip never hears of them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version

from .local_resolver import extras_here
from .pyodide_lock import Lock, LockedPackage

_BUILD = "99999pyodide"


def write_stubs(
    lock: Lock, folder: Path, extras: Mapping[str, Collection[str]], without: Collection[str]
) -> dict[str, LockedPackage]:
    """Writes a stub for each package of the release; returns which package stands behind a name.

    Args:
        lock: The release.
        folder: Where to write them; it is made.
        extras: What is asked for of packages, by normalised name.
        without: Names that get none.
    """
    folder.mkdir()
    stubs = {}
    tag = f"cp{lock.minor[0]}{lock.minor[1]}-cp{lock.minor[0]}{lock.minor[1]}-{lock.platforms[-1]}"
    for locked in lock.packages.values():
        if not is_candidate(locked) or locked.name in without:
            continue
        version = str(Version(locked.version))
        stem = f"{locked.name.replace('-', '_')}-{version}"
        needs = [each for each in locked.depends if is_candidate(lock.packages[each])]
        needs += map(str, extras_here(locked.name) or []) if extras.get(locked.name) else []
        head = f"Metadata-Version: 2.1\nName: {locked.name}\nVersion: {version}\n"
        described = head + "".join(f"Requires-Dist: {each}\n" for each in needs)
        described += "".join(f"Provides-Extra: {each}\n" for each in extras.get(locked.name, ()))
        name = f"{stem}-{_BUILD}-{tag}.whl"
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr(f"{stem}.dist-info/METADATA", f"{described}\n")
            archive.writestr(
                f"{stem}.dist-info/WHEEL",
                f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
            )
        stubs[name] = locked
    return stubs


def is_candidate(locked: LockedPackage) -> bool:
    """Whether this is a package as an index has them; what else a release has goes with these."""
    return (
        locked.install_dir == "site"
        and locked.filename.partition("?")[0].endswith(".whl")
        and is_version(locked.version)
    )


def is_version(text: str) -> bool:
    """Whether a version is one by the standard."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
