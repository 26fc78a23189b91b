"""Which wheels the workers need for `packages=[…]`, and where they come from.

    names -> requirements -> a wheel each -> its dependencies, depth first -> flat list to install

A wheel comes, in this order, from the owner's folders (`wheels=`, `NITOCRIS_WHEELS`), the cache, or
the Pyodide release's CDN.  What comes from the last two always has the SHA-256 of the release's
lock file.  Workers only unpack the list in order: nothing is resolved in a browser.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from .downloads import Downloads, Fetch, download, wheel_cache
from .errors import PackageError
from .pyodide_lock import Lock, LockedPackage
from .wheel_folders import FolderWheel, checked_sha256, requirements, scan

WHEELS_VARIABLE = "NITOCRIS_WHEELS"
"""Names folders with wheels, separated as in `PATH`."""

_BUNDLED = ("cloudpickle", "nitocris")
"""What every worker has anyway; a second copy of another version would only break it."""

_log = logging.getLogger("nitocris.packages")


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file for the workers, present and checked.

    Attributes:
        name: The normalised name of the package.
        version: Its version.
        filename: The name under which it is served; its tags are part of it.
        path: Where it is on this machine.
        size: In bytes.
        sha256: In hex.
        install_dir: Where a worker unpacks it: `"site"`, or for some files of Pyodide `"stdlib"`
            or `"dynlib"` (see `pyodide_lock.LockedPackage`).
    """

    name: str
    version: str
    filename: str
    path: Path
    size: int
    sha256: str
    install_dir: str = "site"


def resolve(
    packages: Sequence[str],
    *,
    lock: Lock,
    folders: Sequence[Path] = (),
    cache: Path | None = None,
    fetch: Fetch = download,
) -> list[Wheel]:
    """Returns everything that workers must install for `packages`, dependencies first.

    Blocks while it downloads: call it in a thread.

    Args:
        packages: Names as for pip, with a version if need be: `"numpy"`, `"pandas>=2"`.
        lock: What the Pyodide release of the workers offers.
        folders: Where to look first.
        cache: Where downloads are kept, by default `wheel_cache(lock)`.
        fetch: Gets an address; tests give another.

    Raises:
        PackageError: A package cannot be had; the message says which, why, and what would help.
    """
    if isinstance(packages, str):
        raise PackageError(f"packages must be a list of names, so write packages=[{packages!r}]")
    if cache is None:
        cache = wheel_cache(lock)
    resolver = _Resolver(lock, folders, Downloads(lock, cache, fetch))
    wanted = [each for each in map(_parse, packages) if resolver.applies(each)]
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        before = resolver.asked.get(name, SpecifierSet())
        resolver.asked[name] = before & requirement.specifier
    for requirement in wanted:
        resolver.add(requirement)
    return list(resolver.chosen.values())


def folders_from_environment(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Returns the folders that `NITOCRIS_WHEELS` names."""
    return [Path(each) for each in environ.get(WHEELS_VARIABLE, "").split(os.pathsep) if each]


def _parse(text: str) -> Requirement:
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, TypeError) as error:
        raise PackageError(
            f"{text!r} is no name of a package ({str(error).splitlines()[0]}); write it as for "
            "pip, such as 'numpy' or 'pandas>=2', and give files by their folder in wheels=[…]"
        ) from None
    if requirement.url is not None:
        raise PackageError(
            f"{text!r}: packages cannot be given by address; download the wheel and give its "
            "folder in wheels=[…]"
        )
    if requirement.extras:
        raise PackageError(
            f"{text!r}: extras are not looked up; name the packages that the extra stands for"
        )
    return requirement


@dataclass(slots=True)
class _Resolver:
    """Depth first, the first choice stays: there is one version of nearly everything to choose."""

    lock: Lock
    folders: Sequence[Path]
    downloads: Downloads
    asked: dict[str, SpecifierSet] = field(default_factory=dict)
    """What the owner asked for by normalised name, which binds dependencies as well."""
    chosen: dict[str, Wheel] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)
    """Of everything decided so far, whether or not it is looked at to the end."""
    _found: dict[str, list[FolderWheel]] = field(init=False)

    def __post_init__(self) -> None:
        self._found = scan(self.folders, self.lock.minor, self.lock.platforms)

    def add(self, requirement: Requirement, needed_by: str = "") -> None:
        """Chooses a wheel for a requirement, after wheels for all that it depends on."""
        name = canonicalize_name(requirement.name)
        if not self.applies(requirement) or self._is_there_anyway(name):
            return
        specifier = requirement.specifier & self.asked.get(name, SpecifierSet())
        if name in self._versions:  # Also ends circles.
            self._check_decided(requirement, needed_by)
            return
        for wheel in self._found.get(name, []):
            if wheel.fits and _meets(str(wheel.version), specifier):
                self._add_from_folder(wheel)
                return
        locked = self.lock.packages.get(name)
        if locked is None or not _meets(locked.version, specifier):
            raise self._nothing(requirement, needed_by)
        self._add_locked(locked)

    def _add_from_folder(self, wheel: FolderWheel) -> None:
        self._versions[wheel.name] = str(wheel.version)
        sha256 = checked_sha256(wheel.path)
        for each in requirements(wheel, self.lock.python):
            if each.extras:
                _log.warning("%s needs %s: extras are not looked up", wheel.name, each)
            self.add(each, f"{wheel.name} {wheel.version}")
        self._choose(wheel.name, wheel.path, sha256)

    def _add_locked(self, locked: LockedPackage) -> None:
        self._versions[locked.name] = locked.version
        for each in locked.depends:
            self.add(Requirement(each), f"{locked.name} {locked.version}")
        self._choose(locked.name, self.downloads.get(locked), locked.sha256, locked.install_dir)

    def _choose(self, name: str, path: Path, sha256: str, install_dir: str = "site") -> None:
        self.chosen[name] = Wheel(
            name=name,
            version=self._versions[name],
            filename=path.name,
            path=path,
            size=path.stat().st_size,
            sha256=sha256,
            install_dir=install_dir,
        )

    def _check_decided(self, requirement: Requirement, needed_by: str) -> None:
        name = canonicalize_name(requirement.name)
        if not _meets(self._versions[name], requirement.specifier):
            raise PackageError(
                f"{needed_by or 'packages=[…]'} needs {str(requirement)!r}, but {name} "
                f"{self._versions[name]} was chosen for another package; add "
                f"'{name}{requirement.specifier}' to packages=[…], so that it is chosen for all"
            )

    def applies(self, requirement: Requirement) -> bool:
        """Whether a requirement's marker holds on a worker in a browser."""
        if requirement.marker is None:
            return True
        return requirement.marker.evaluate(_marker_environment(self.lock))

    def _is_there_anyway(self, name: str) -> bool:
        if name in _BUNDLED:
            _log.debug("%s: every worker has it", name)
            return True
        # Some parts of the standard library are packages of Pyodide's, such as ssl and sqlite3.
        known = name in self.lock.packages or name in self._found
        if not known and name.replace("-", "_") in sys.stdlib_module_names:
            _log.debug("%s: part of Python's standard library, nothing to install", name)
            return True
        return False

    def _nothing(self, requirement: Requirement, needed_by: str) -> PackageError:
        """Says what was looked for, where, what was there instead, and what to do."""
        name = canonicalize_name(requirement.name)
        asked = self.asked.get(name, SpecifierSet()) & requirement.specifier
        wanted = f"{requirement.name}{asked}"
        what = f"{wanted!r}, which {needed_by} needs," if needed_by else f"{wanted!r}"
        offers = [
            f"{wheel.path} has {wheel.version}"
            if wheel.fits
            else f"{wheel.path} is not for Python {_dotted(self.lock.minor)} in browsers"
            for wheel in self._found.get(name, [])
        ]
        if locked := self.lock.packages.get(name):
            offers.append(f"Pyodide {self.lock.version} has {locked.version}")
        if offers:
            return PackageError(
                f"no fitting version of {what.rstrip(',')}: {'; '.join(offers)}; ask for one of "
                "these, or put a wheel that is pure Python or built for Pyodide into a folder of "
                "wheels=[…]"
            )
        looked = [*(str(folder) for folder in self.folders), f"Pyodide {self.lock.version}"]
        guesses = self.lock.suggestions(requirement.name, tuple(self._found))
        meant = f" did you mean {' or '.join(map(repr, guesses))}?" if guesses else ""
        return PackageError(
            f"no package {what} in {' or '.join(looked)};{meant} otherwise put a wheel that is "
            "pure Python or built for Pyodide into a folder and name that in wheels=[…]"
        )


def _meets(version: str, specifier: SpecifierSet) -> bool:
    if not specifier:
        return True
    try:
        return specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:  # Such as OpenSSL's 1.1.1w, which is a package of Pyodide's.
        return False


def _dotted(python: tuple[int, int]) -> str:
    return "{}.{}".format(*python)


def _marker_environment(lock: Lock) -> dict[str, str]:
    """Returns what PEP 508 markers see on a worker in a browser; no extra is ever asked for."""
    return {
        "implementation_name": "cpython",
        "implementation_version": lock.python,
        "os_name": "posix",
        "platform_machine": "wasm32",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Emscripten",
        "platform_version": "",
        "python_full_version": lock.python,
        "python_version": _dotted(lock.minor),
        "sys_platform": "emscripten",
        "extra": "",
    }
