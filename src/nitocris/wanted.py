"""What the owner may write in `packages=[…]`: as for pip.

    "numpy", "scikit-learn>=1.5", "uvicorn[standard]", "tzdata; sys_platform == 'emscripten'"
    "./mywheel.whl", "./mywheel.whl[extra]", a Path, "https://…/mywheel.whl", "mywheel @ https://…/mywheel.whl"

A wheel by path or address becomes a requirement of exactly its version and the file itself.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from .downloads import MAX_FILE_BYTES, Fetch, store
from .errors import PackageError
from .pyodide_lock import Lock
from .wheel_folders import FolderWheel, read_name

_SOURCES = (".tar.gz", ".tar.bz2", ".tgz", ".zip")


@dataclass(slots=True)
class Wanted:
    """Requirements, and the wheels that were given for some of them by normalised name."""

    requirements: list[Requirement] = field(default_factory=list)
    given: dict[str, FolderWheel] = field(default_factory=dict)


def read(
    packages: Iterable[str | os.PathLike[str]], lock: Lock, cache: Path, fetch: Fetch
) -> Wanted:
    """Reads what the owner wrote; relative paths are relative to the current folder.

    Args:
        packages: What was written.
        lock: What the wheels are for.
        cache: Where wheels given by address are kept.
        fetch: Gets an address.

    Raises:
        PackageError: Something is no requirement, a wheel that is not there or cannot be used, or
            an address that cannot be fetched.
    """
    wanted = Wanted()
    for each in packages:
        text = os.fspath(each) if isinstance(each, os.PathLike) else each
        if isinstance(text, str) and (isinstance(each, os.PathLike) or _is_file(text)):
            _add(wanted, text, text, lock, cache, fetch)
            continue
        requirement = _parse(text)
        if requirement.url is None:
            wanted.requirements.append(requirement)
        else:
            name = _add(wanted, text, requirement.url, lock, cache, fetch)
            if name != canonicalize_name(requirement.name):
                raise PackageError(f"{text!r}: the address leads to a wheel of {name!r}")
    return wanted


def _is_file(text: str) -> bool:
    ending = text.partition("#")[0].partition(" ")[0].partition("[")[0]
    return ending.endswith((".whl", *_SOURCES)) or text.startswith(("./", "../", "/", "~"))


def _add(wanted: Wanted, text: str, place: str, lock: Lock, cache: Path, fetch: Fetch) -> str:
    """Adds one wheel; returns the normalised name of its package."""
    extras = re.search(r"(?<=\.whl)\[[^\]]*\]$", place)
    place = place.removesuffix(extras[0]) if extras else place
    parts = urlsplit(place)
    is_address = parts.scheme in ("http", "https", "file")
    filename = Path(unquote(parts.path) if is_address else place).name
    if filename.endswith(_SOURCES):
        raise PackageError(
            f"{text!r} is a source archive, which workers cannot build; make a wheel of it first "
            f"('python -m pip wheel --no-deps {filename}') and give that"
        )
    try:
        wheel = read_name(Path(filename), lock.minor, lock.platforms)
    except InvalidWheelFilename:
        raise PackageError(
            f"{text!r} is no wheel: its file would be named NAME-VERSION-TAGS.whl"
        ) from None
    if not wheel.fits:
        tags = sorted(map(str, parse_wheel_filename(filename)[3]))
        raise PackageError(
            f"the wheel {text!r} is for {' and '.join(tags)}, but browsers with Python "
            f"{lock.minor[0]}.{lock.minor[1]} need {lock.tags}"
        )
    path = _fetched(place, filename, cache, fetch) if is_address else Path(place).expanduser()
    if not path.is_file():
        raise PackageError(f"the wheel {text!r} is not there (looked for {path.absolute()})")
    wanted.given[wheel.name] = FolderWheel(
        wheel.name, wheel.version, wheel.build, path.absolute(), wheel.fits, wheel.exact
    )
    wanted.requirements.append(
        Requirement(f"{wheel.name}{extras[0] if extras else ''}=={wheel.version}")
    )
    return wheel.name


def _fetched(url: str, filename: str, cache: Path, fetch: Fetch) -> Path:
    """Returns where the file of an address lies; it is fetched once, whatever changes there."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    folder = cache / "addresses" / hashlib.sha256(url.encode()).hexdigest()
    path = folder / filename
    expected = dict(
        pair.partition("=")[::2] for pair in parts.fragment.split("&") if "=" in pair
    ).get("sha256")
    if not _is_whole(path):
        try:
            content = fetch(url.partition("#")[0], MAX_FILE_BYTES)
        except OSError as error:
            raise PackageError(
                f"{url} cannot be fetched ({error}), and is not in {cache}"
            ) from error
        actual = hashlib.sha256(content).hexdigest()
        if expected not in (None, actual):
            raise PackageError(f"{url} has the SHA-256 {actual} instead of the one that you name")
        store(path.with_name(f"{filename}.sha256"), actual.encode())
        store(path, content)
    return path


def _is_whole(path: Path) -> bool:
    try:
        expected = path.with_name(f"{path.name}.sha256").read_text()
        return hashlib.sha256(path.read_bytes()).hexdigest() == expected
    except (OSError, ValueError):
        return False


def _parse(text: object) -> Requirement:
    try:
        return Requirement(text)  # type: ignore[arg-type]  # owners write anything
    except (InvalidRequirement, TypeError) as error:
        raise PackageError(
            f"{text!r} is no name of a package ({str(error).splitlines()[0]}); write it as for "
            "pip, such as 'numpy' or 'pandas>=2', or './file.whl'"
        ) from None
