"""`nitocris cache list | fetch NAME… | clear`: what is kept of downloads, for offline rooms.

<the user's cache>/nitocris/wheels/<Pyodide release>/…   as downloads and index_wheels keep it
<the user's cache>/nitocris/bytecode/…                   the same with compiled modules
"""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import platformdirs
from packaging.utils import canonicalize_name

from ..errors import PackageError
from ..index_wheels import UNFINISHED
from ..installed import Installed, version_here
from ..matching import forget_lacking, match_installed
from ..packages import Places, folders_from_environment, resolve
from ..pip_resolver import Pip
from ..pyodide_lock import find_lock
from ..wheel_folders import sort

DESCRIPTION = (
    "Packages for browsers are downloaded once and kept. Fetch what a room without the internet "
    "will need while there is some."
)

_MB = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="what is kept: package, version, size, for which Pyodide")
    fetch = actions.add_parser("fetch", help="download packages and what they depend on")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="as for pip: numpy, 'pandas>=2'")
    fetch.add_argument(
        "--wheels",
        action="append",
        default=[],
        metavar="FOLDER",
        type=Path,
        help="a folder with wheels, looked into first",
    )
    actions.add_parser("clear", help="remove everything that is kept")


def run(options: argparse.Namespace) -> int:
    """Does what the arguments say; returns the exit code."""
    try:
        match options.action:
            case "list":
                list_cache()
            case "fetch":
                fetch(options.names, options.wheels)
            case _:
                clear()
    except PackageError as error:
        print(f"nitocris cache: {error}", file=sys.stderr)
        return 1
    return 0


def list_cache() -> None:
    """Prints a line for each package that is kept."""
    root = _root()
    total = 0
    for release in sorted(path for path in (root / "wheels").glob("*") if path.is_dir()):
        files = [path for path in release.rglob("*") if path.suffix in (".whl", ".zip")]
        for path in sorted(files, key=lambda path: path.name.lower()):
            if any(part.startswith(UNFINISHED) for part in path.parts):
                continue
            name, version = _named(path)
            size = path.stat().st_size
            total += size
            print(f"{name:30} {version:12} {size / _MB:8.2f} MB   Pyodide {release.name}")
    print(f"{total / _MB:.1f} MB in {root}" if total else f"nothing is kept in {root}")


def fetch(names: Sequence[str], folders: Sequence[Path] = ()) -> None:
    """Downloads packages for the browsers of owners with this Python, saying what it does.

    Raises:
        PackageError: One of them cannot be had.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("nitocris.packages")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        lock = find_lock((sys.version_info.major, sys.version_info.minor))
        places = Places(lock, [*folders, *folders_from_environment()], pip=Pip())
        forget_lacking(places)
        wheels = {wheel.sha256: wheel for wheel in resolve(names, places)}
        for match in match_installed([*_plain_and_here(names)], places):
            # What a function is found to use comes in the version that is installed here.
            if match.there is not None:
                wheels |= {wheel.sha256: wheel for wheel in resolve([match.requirement], places)}
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    for wheel in wheels.values():
        print(f"{wheel.name:30} {wheel.version:12} {wheel.size / _MB:8.2f} MB   {wheel.source}")
    size = sum(wheel.size for wheel in wheels.values()) / _MB
    print(f"{len(wheels)} packages, {size:.1f} MB, are here for Pyodide {lock.version}")


def clear() -> None:
    """Removes everything that is kept.

    Raises:
        PackageError: Something cannot be removed.
    """
    for folder in (_root() / "wheels", _root() / "bytecode"):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise PackageError(f"{folder} cannot be removed ({error.strerror})") from error
    print(f"nothing is kept in {_root()}")


def _root() -> Path:
    return platformdirs.user_cache_path("nitocris")


def _plain_and_here(names: Sequence[str]) -> Iterator[Installed]:
    """Yields those names without version or extras that are installed on this machine."""
    for name in names:
        if re.fullmatch(r"[\w.-]+", name) and (version := version_here(name)):
            yield Installed(canonicalize_name(name), version, name)


def _named(path: Path) -> tuple[str, str]:
    for name, wheels in sort([path], (3, 0), ()).items():
        return name, str(wheels[0].version)
    name, _, version = path.stem.rpartition("-")
    return name or path.stem, version if name else ""
