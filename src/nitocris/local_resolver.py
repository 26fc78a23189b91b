"""Chooses packages from what this machine knows: files, folders, Pyodide's lock, cached wheels.

    requirement -> the first place with a fitting version -> its dependencies, depth first

The first choice stays: there is one version of nearly everything to choose.  Where that is not
enough, or a place is missing, `packages` asks pip.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import TypeAlias

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from .downloads import release_file
from .errors import PackageError
from .index_wheels import IndexWheels
from .pyodide_lock import Lock, LockedPackage
from .wheel_folders import FolderWheel, requirements

Choice: TypeAlias = FolderWheel | LockedPackage
"""Where a package comes from."""

BUNDLED = ("cloudpickle", "nitocris")
"""What every worker has anyway; a second copy of another version would only break it."""

_log = logging.getLogger("nitocris.packages")


class UnresolvedError(PackageError):
    """What this machine knows is not enough, or contradicts itself; an index may know more."""


class LocalResolver:
    """Chooses for some requirements.

    Args:
        lock: What the release offers.
        given: Wheels that the owner named, by normalised name; nothing else does for these names.
        folders: Wheels of the owner's folders, the best of each name first.
        index: What came from an index earlier.
        cached: The wheels of `index`, as `folders`.
        looked: Where wheels were looked for, for messages.
    """

    def __init__(
        self,
        lock: Lock,
        given: Mapping[str, FolderWheel],
        folders: Mapping[str, list[FolderWheel]],
        index: IndexWheels,
        cached: Mapping[str, list[FolderWheel]],
        looked: Sequence[str] = (),
    ) -> None:
        self._lock = lock
        self._given = given
        self._folders = folders
        self._index = index
        self._cached = cached
        self._looked = looked
        self.asked: dict[str, SpecifierSet] = {}
        """What the owner asked for by normalised name, which binds dependencies as well."""
        self.chosen: dict[str, Choice] = {}
        """By normalised name, dependencies first."""
        self._decided: dict[str, Choice] = {}
        self._extras: dict[str, set[str]] = {}

    def resolve(self, wanted: Iterable[Requirement]) -> dict[str, Choice]:
        """Returns all that is needed by normalised name, dependencies first.

        Raises:
            UnresolvedError: A package is not to be had here, or not in one version for all.
            PackageError: A wheel of the owner's cannot be read.
        """
        wanted = [each for each in wanted if self.applies(each)]
        for requirement in wanted:
            name = canonicalize_name(requirement.name)
            self.asked[name] = self._bound(name, requirement)
        for requirement in wanted:
            self._add(requirement)
        return self.chosen

    def applies(self, requirement: Requirement, extras: Iterable[str] = ()) -> bool:
        """Whether a requirement's marker holds on a worker in a browser."""
        marker, environment = requirement.marker, self._lock.markers()
        return marker is None or any(
            marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras)
        )

    def versions(self, name: str) -> list[str]:
        """Returns the versions that are to be had here, the preferred place first."""
        return [str(choice.version) for choice in self._candidates(name)]

    def in_folders(self, name: str) -> list[str]:
        """Returns the versions that fit in the owner's folders."""
        return [str(wheel.version) for wheel in self._folders.get(name, []) if wheel.fits]

    def _add(self, requirement: Requirement, needed_by: str = "") -> None:
        """Chooses a package for a requirement, after all that it depends on."""
        name = canonicalize_name(requirement.name)
        if self.is_there_anyway(name):
            return
        if name in self._decided:  # Also ends circles.
            self._check_decided(requirement, needed_by)
            if requirement.extras <= self._extras[name]:
                return
        else:
            self._decided[name] = self._decide(name, requirement, needed_by)
        choice = self._decided[name]
        extras = self._extras.setdefault(name, set())
        extras |= requirement.extras
        for each in self._needs(choice, extras):
            if self.applies(each, extras):
                self._add(each, f"{name} {choice.version}")
        self.chosen.setdefault(name, choice)

    def _decide(self, name: str, requirement: Requirement, needed_by: str) -> Choice:
        specifier = self._bound(name, requirement)
        for choice in self._candidates(name):
            if meets(str(choice.version), specifier) and self._is_whole(choice):
                return choice
        raise self._nothing(requirement, needed_by)

    def _candidates(self, name: str) -> Iterator[Choice]:
        if name in self._given:
            yield self._given[name]
            return
        yield from (wheel for wheel in self._folders.get(name, []) if wheel.fits)
        cached = [wheel for wheel in self._cached.get(name, []) if wheel.fits]
        if locked := self._lock.packages.get(name):
            if not release_file(self._index.cache, locked).exists():
                # It came from the index when the release's own place could not be reached.
                yield from (wheel for wheel in cached if str(wheel.version) == locked.version)
            yield locked
        yield from cached

    def _is_whole(self, choice: Choice) -> bool:
        if isinstance(choice, LockedPackage) or not self._index.holds(choice.path):
            return True
        return self._index.is_whole(choice.path)

    def _needs(self, choice: Choice, extras: Iterable[str]) -> list[Requirement]:
        if isinstance(choice, FolderWheel):
            return requirements(choice, self._lock.python)
        needs = [Requirement(each) for each in choice.depends]
        return needs + (self._extra_needs(choice) if extras else [])

    def _extra_needs(self, locked: LockedPackage) -> list[Requirement]:
        known = extras_here(locked.name)
        if known is None:
            raise UnresolvedError(
                f"extras of {locked.name} are not in the list of Pyodide {self._lock.version}; "
                f"name the packages that they stand for, or install {locked.name} here, which says"
            )
        return known

    def _bound(self, name: str, requirement: Requirement) -> SpecifierSet:
        return requirement.specifier & self.asked.get(name, SpecifierSet())

    def _check_decided(self, requirement: Requirement, needed_by: str) -> None:
        name = canonicalize_name(requirement.name)
        version = str(self._decided[name].version)
        if not meets(version, requirement.specifier):
            raise UnresolvedError(
                f"{needed_by or 'packages=[…]'} needs {str(requirement)!r}, but {name} "
                f"{version} was chosen for another package; add "
                f"'{name}{requirement.specifier}' to packages=[…], so that it is chosen for all"
            )

    def is_there_anyway(self, name: str) -> bool:
        """Whether every worker has what is named, so that there is nothing to install."""
        if name in BUNDLED:
            _log.debug("%s: every worker has it", name)
            return True
        # Some parts of the standard library are packages of Pyodide's, such as ssl and sqlite3.
        known = name in self._lock.packages or name in self._folders or name in self._given
        if not known and name.replace("-", "_") in sys.stdlib_module_names:
            _log.debug("%s: part of Python's standard library, nothing to install", name)
            return True
        return False

    def _nothing(self, requirement: Requirement, needed_by: str) -> UnresolvedError:
        """Says what was looked for, where, what was there instead, and what to do."""
        lock, name = self._lock, canonicalize_name(requirement.name)
        wanted = f"{requirement.name}{self._bound(name, requirement)}"
        what = f"{wanted!r}, which {needed_by} needs," if needed_by else f"{wanted!r}"
        python = "{}.{}".format(*lock.minor)
        offers = [
            f"{wheel.path} has {wheel.version}"
            if wheel.fits
            else f"{wheel.path} is not for Python {python} in browsers, which need {lock.tags}"
            for wheel in self._folders.get(name, [])
        ]
        if locked := lock.packages.get(name):
            offers.append(f"Pyodide {lock.version} has {locked.version}")
        offers.extend(f"the cache has {wheel.version}" for wheel in self._cached.get(name, []))
        if offers:
            return UnresolvedError(
                f"no fitting version of {what.rstrip(',')}: {'; '.join(offers)}; ask for one of "
                "these, or put a wheel that is pure Python or built for Pyodide into a folder of "
                "wheels=[…]"
            )
        guesses = lock.suggestions(requirement.name, (*self._folders, *self._cached))
        meant = f" did you mean {' or '.join(map(repr, guesses))}?" if guesses else ""
        places = " or ".join((*self._looked, f"Pyodide {lock.version}"))
        return UnresolvedError(
            f"no package {what} in {places};{meant} "
            "otherwise put a wheel that is pure Python or built for Pyodide into a folder and name "
            "that in wheels=[…]"
        )


def extras_here(name: str) -> list[Requirement] | None:
    """Returns what a package's extras need, as the same package on this machine says; else None."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return None
    return [Requirement(line) for line in lines if "extra" in line.partition(";")[2]]


def meets(version: str, specifier: SpecifierSet) -> bool:
    """Whether a version is one of these; one that is none by the standard only meets no bounds."""
    if not specifier:
        return True
    try:
        return specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:  # Such as OpenSSL's 1.1.1w, which is a package of Pyodide's.
        return False
