"""Folders with wheels, given by the owner: which wheels fit the workers, and what they need.

A wheel fits when it is pure Python, or built for WebAssembly and the workers' Python.  Everything
here trusts the owner's folders but not their health: a wheel is read, never installed or run.
"""

from __future__ import annotations

import email.parser
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import (
    BuildTag,
    InvalidWheelFilename,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import Version

from .errors import PackageError

_WEB_ASSEMBLY = ("wasm32", "emscripten", "pyodide")


@dataclass(frozen=True, slots=True)
class FolderWheel:
    """A wheel in a folder, known by its name only: nothing of it was read yet."""

    name: str
    version: Version
    build: BuildTag
    path: Path
    fits: bool
    exact: bool
    """Built for exactly the release's platform, or pure."""


def scan(
    folders: Iterable[Path], python: tuple[int, int], platforms: Sequence[str]
) -> dict[str, list[FolderWheel]]:
    """Returns the wheels of all folders by normalised name, the best of each first.

    Best is what is newer, then what was built for exactly `platforms`; among equals the earlier
    folder wins.

    Raises:
        PackageError: A folder is none, or cannot be read.
    """
    paths: list[Path] = []
    for folder in folders:
        try:
            paths += sorted(path for path in folder.iterdir() if path.suffix == ".whl")
        except OSError as error:
            raise PackageError(
                f"the folder for wheels {str(folder)!r} cannot be read ({error.strerror}); "
                "give folders that hold .whl files in wheels= or NITOCRIS_WHEELS"
            ) from error
    return sort(paths, python, platforms)


def sort(
    paths: Iterable[Path], python: tuple[int, int], platforms: Sequence[str]
) -> dict[str, list[FolderWheel]]:
    """Returns these wheels by normalised name, as `scan` does; what is no wheel is left out."""
    found: dict[str, list[FolderWheel]] = {}
    for path in paths:
        try:
            wheel = read_name(path, python, platforms)
        except InvalidWheelFilename:
            continue  # Half a download, or somebody's notes: no wheel by the standard.
        found.setdefault(wheel.name, []).append(wheel)
    for wheels in found.values():
        wheels.sort(key=lambda each: (each.version, each.exact, each.build), reverse=True)
    return found


def read_name(path: Path, python: tuple[int, int], platforms: Sequence[str]) -> FolderWheel:
    """Returns what the name of a wheel's file says.

    Raises:
        InvalidWheelFilename: It is not named as the standard wants.
    """
    name, version, build, tags = parse_wheel_filename(path.name)
    fitting = [tag for tag in tags if _fits(tag, python)]
    exact = any(tag.platform in ("any", *platforms) for tag in fitting)
    return FolderWheel(name, version, build, path, bool(fitting), exact)


def _fits(tag: Tag, python: tuple[int, int]) -> bool:
    major, minor = python
    if tag.abi == "none" and tag.platform == "any":
        return tag.interpreter in (f"py{major}", *(f"py{major}{low}" for low in range(minor + 1)))
    if not any(part in tag.platform for part in _WEB_ASSEMBLY):
        return False
    exactly = f"cp{major}{minor}"
    if tag.abi == "abi3":
        return tag.interpreter in [f"cp{major}{low}" for low in range(2, minor + 1)]
    return tag.interpreter == exactly and tag.abi in (exactly, "none")


def checked_sha256(path: Path) -> str:
    """Returns the SHA-256 of a wheel, which agrees with what its folder says about it.

    A folder may say it in `SHA256SUMS` (as `sha256sum` writes it) or in `<wheel>.sha256`.

    Raises:
        PackageError: It does not agree, or the wheel cannot be read.
    """
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        for source, expected in _expected_hashes(path):
            if actual != expected:
                raise PackageError(
                    f"the wheel {path} has the SHA-256 {actual}, but {source} says {expected}; "
                    "it is damaged or was replaced: fetch it again"
                )
    except OSError as error:
        raise PackageError(f"the wheel {path} cannot be read ({error.strerror})") from error
    return actual


def _expected_hashes(path: Path) -> Iterator[tuple[str, str]]:
    sums = path.with_name("SHA256SUMS")
    if sums.is_file():
        for line in sums.read_text("utf-8", "replace").splitlines():
            # `hash  name` for text mode, `hash *name` for binary mode: the same on POSIX.
            digest, _, name = line.strip().partition(" ")
            if name.lstrip(" *") == path.name:
                yield sums.name, digest.lower()
    own = path.with_name(f"{path.name}.sha256")
    if own.is_file():
        words = own.read_text("utf-8", "replace").split()
        yield own.name, words[0].lower() if words else "nothing"


def requirements(wheel: FolderWheel, python: str) -> list[Requirement]:
    """Returns what a wheel's metadata says it requires, markers not yet evaluated.

    Args:
        wheel: The wheel to read.
        python: The full version of the workers' Python.

    Raises:
        PackageError: It is no zip, has no readable metadata, or is for another Python.
    """
    try:
        with zipfile.ZipFile(wheel.path) as archive:
            names = [each for each in archive.namelist() if _is_metadata(each, wheel.name)]
            if len(names) != 1:
                raise ValueError(f"{len(names)} METADATA files of {wheel.name}")
            text = archive.read(names[0]).decode()
        headers = email.parser.HeaderParser().parsestr(text)
        required = [Requirement(each) for each in headers.get_all("Requires-Dist", [])]
        pythons = SpecifierSet(headers.get("Requires-Python", ""))
    except (*_BAD_ZIP, OSError, ValueError) as error:
        raise PackageError(
            f"the file {wheel.path} is no wheel that can be read ({error}); fetch it again"
        ) from error
    if not pythons.contains(python, prereleases=True):
        raise PackageError(
            f"the wheel {wheel.path} is for Python {pythons}, but the workers have {python}; "
            f"put another version of {wheel.name} into the folder"
        )
    return required


_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
"""What zipfile raises on damaged zips; `RuntimeError` when there is a password."""


def _is_metadata(entry: str, name: str) -> bool:
    match = re.fullmatch(r"([^/]+?)-[^/-]+\.dist-info/METADATA", entry)
    return match is not None and canonicalize_name(match[1]) == name
