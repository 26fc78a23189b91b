"""Installed distributions and what browsers can have of them: the owner's version, or the nearest.

    installed 2.5.1 -> in a folder? -> in the Pyodide release or the cache? -> on the index?
                                                  └ nothing has it: the nearest that one of them has

What the index was found not to have is remembered, so that the same function asks once.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from .downloads import store
from .errors import PackageError
from .installed import Installed, distributions_of
from .packages import Places
from .pip_resolver import Pip, PipError

_LACKING = "lacking"
_log = logging.getLogger("nitocris.packages")


@dataclass(frozen=True, slots=True)
class Match:
    """What browsers get for one package that is installed here.

    Attributes:
        name: Its normalised name.
        here: The version that is installed, or None for a package that is not.
        there: The version for browsers, or None if there is none.
        module: The module that the function uses.
        problem: Why there is none.
    """

    name: str
    here: str | None
    there: str | None
    module: str
    problem: str = ""

    @property
    def requirement(self) -> str:
        """What to ask for."""
        return f"{self.name}=={self.there}" if self.there and _parsed(self.there) else self.name

    @property
    def difference(self) -> str:
        """A sentence on what differs, or nothing."""
        if self.problem:
            return (
                f"{self.name} cannot be had for browsers ({self.problem}); native workers that "
                "have it can compute this"
            )
        if self.here is None or self.there is None or _same(self.here, self.there):
            return ""
        return f"{self.name} {self.here} is installed here, browsers get {self.there}"


def match_modules(modules: Collection[str], places: Places) -> list[Match]:
    """Returns what browsers get for the installed distributions that bring these modules.

    Modules of the Pyodide release that nothing here brings are taken from it; the owner's own
    modules bring nothing.  Blocks while an index is asked.

    Raises:
        PackageError: A folder cannot be read, or the cache cannot be written.
    """
    installed, missing = distributions_of(modules)
    matches = match_installed(installed, places)
    for module in missing:
        matches += [
            Match(locked.name, None, locked.version, module)
            for locked in places.lock.packages.values()
            if module in locked.imports and not locked.name.endswith("-tests")
        ]
    return matches


def match_installed(installed: Iterable[Installed], places: Places) -> list[Match]:
    """Returns what browsers get for these, as `match_modules`."""
    return [_match(each, places) for each in installed]


def forget_lacking(places: Places) -> None:
    """Has the index asked again for what it did not have."""
    shutil.rmtree(places.cache / _LACKING, ignore_errors=True)


def _match(installed: Installed, places: Places) -> Match:
    name, here = installed.name, installed.version
    resolver = places.resolver()
    if in_folders := resolver.in_folders(name):
        return Match(name, here, _nearest(in_folders, here), installed.module)
    versions = resolver.versions(name)
    exactly = next((each for each in versions if _same(each, here)), None)
    if exactly is not None:
        return Match(name, here, exactly, installed.module)
    problem = "no wheel of it is pure Python or built for Pyodide"
    if places.pip is not None:
        listed, problem = _ask(places.pip, installed, places, problem)
        versions += listed
    there = _nearest(versions, here)
    return Match(name, here, there, installed.module, "" if there else problem)


def _ask(pip: Pip, installed: Installed, places: Places, problem: str) -> tuple[Sequence[str], str]:
    """Has the installed version downloaded, or returns which there are, and what speaks against."""
    exactly = f"{installed.name}=={installed.version.partition('+')[0]}"
    remembered = places.cache / _LACKING / f"{exactly}.txt"
    try:
        return remembered.read_text().split(), problem
    except OSError:
        pass
    _log.info("asking the package index for %s", exactly)
    try:
        with places.index.scratch() as scratch:
            found = pip.download([exactly], places.lock, scratch, dependencies=False)
            for each in found:
                if isinstance(each, Path):
                    places.index.keep(each)
        return [installed.version.partition("+")[0]], problem
    except PipError as error:
        if error.network:
            return [], "your package index cannot be reached, and nothing here has it"
        if error.requirement is None:
            return [], str(error)
        if error.constrained:
            return [], f"{problem}, within the constraints of your pip"
        store(remembered, " ".join(error.versions).encode())
        return error.versions, problem
    except PackageError as error:
        return [], str(error)


def _nearest(versions: Collection[str], here: str) -> str | None:
    """Returns the newest version that is not newer than here, else the oldest there is."""
    known = {parsed: text for text in versions if (parsed := _parsed(text))}
    own = _parsed(here)
    if not known or own is None:
        return next(iter(versions), None)
    older = [each for each in known if each <= own]
    finals = [each for each in known if not each.is_prerelease] or list(known)
    return known[max(older)] if older else known[min(finals)]


def _same(one: str, other: str) -> bool:
    left, right = _parsed(one), _parsed(other)
    return (
        one == other
        if left is None or right is None
        else Version(left.public) == Version(right.public)
    )


def _parsed(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
