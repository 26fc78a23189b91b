"""What pip chooses, in the terms of `local_resolver`, and its refusals in the owner's words.

Pip is asked first with the versions that the owner's folders and the Pyodide release have, which
are known to work together, and only if that is impossible without this preference.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from .errors import PackageError
from .index_wheels import IndexWheels
from .local_resolver import BUNDLED, Choice, extras_here, meets
from .pip_resolver import NoPipError, Pip, PipError
from .pyodide_lock import Lock, LockedPackage
from .stub_wheels import is_candidate
from .wheel_folders import FolderWheel, read_name

_log = logging.getLogger("nitocris.packages")


def choose_with_pip(
    pip: Pip,
    wanted: Sequence[Requirement],
    lock: Lock,
    given: Mapping[str, FolderWheel],
    folders: Mapping[str, list[FolderWheel]],
    index: IndexWheels,
    known: PackageError,
) -> dict[str, Choice]:
    """Returns all that is needed by normalised name; what was downloaded is in the cache.

    Args:
        pip: Who is asked.
        wanted: What the owner asks for; markers are not looked at.
        lock: The release of the workers.
        given: Wheels that the owner named.
        folders: Wheels of the owner's folders, the best of each name first.
        index: What came from the index earlier, offered again.
        known: Why this machine does not know; for messages.

    Raises:
        PackageError: Pip finds nothing that fits; the message says why.
    """
    asked: dict[str, SpecifierSet] = {}
    extras: dict[str, set[str]] = {}
    libraries = []
    texts = []
    for each in wanted:
        name = canonicalize_name(each.name)
        locked = lock.packages.get(name)
        if locked is not None and not is_candidate(locked):
            libraries.append(name)
            continue
        asked[name] = asked.get(name, SpecifierSet()) & each.specifier
        extras.setdefault(name, set()).update(each.extras)
        path = given[name].path if name in given else None
        bracket = f"[{','.join(sorted(each.extras))}]" if each.extras else ""
        texts.append(f"{path}{bracket}" if path else f"{each.name}{bracket}{each.specifier}")
    files = {wheel.path.name: wheel for wheels in folders.values() for wheel in wheels}
    files |= {wheel.path.name: wheel for wheel in given.values()}
    own = {name: str(wheel.version) for name, wheel in given.items()}
    preferred = _preferred(lock, folders, asked) | own
    unknown = {name for name, each in extras.items() if each and extras_here(name) is None}
    _log.info("asking the package index for %s", ", ".join(texts))
    failure: PipError | None = None
    with index.scratch() as scratch:
        for attempt, bounds in enumerate((preferred, own)):
            folder = scratch / str(attempt)
            folder.mkdir()
            try:
                found = pip.download(
                    texts,
                    lock,
                    folder,
                    offers=[*(wheel.path for wheel in files.values()), *index.paths()],
                    constraints=bounds,
                    extras=extras,
                    without=unknown,
                )
            except PipError as error:
                failure = error
                lacking = _name(error.requirement or "")
                if lacking in asked and lacking not in preferred:
                    break  # It is not the preference that is in the way.
                continue
            return _choices(found, libraries, lock, files, index)
    assert failure is not None
    raise _refusal(pip, failure, wanted, lock, known)


def same_from_index(
    pip: Pip,
    missing: Sequence[LockedPackage],
    lock: Lock,
    index: IndexWheels,
    known: PackageError,
) -> dict[str, Choice]:
    """Returns wheels of the index with the versions of these packages of the release.

    Raises:
        PackageError: `known`, as the index does not have all of them.
    """
    wanted = {each.name: f"{each.name}=={each.version}" for each in missing}
    if not all(map(is_candidate, missing)):
        raise known
    try:
        with index.scratch() as scratch:
            found = pip.download(
                [*wanted.values()],
                lock,
                scratch,
                offers=index.paths(),
                without=wanted,
                dependencies=False,
            )
            return _choices(found, (), lock, {}, index)
    except PipError:
        raise known from None


def _preferred(
    lock: Lock, folders: Mapping[str, list[FolderWheel]], asked: Mapping[str, SpecifierSet]
) -> dict[str, str]:
    """Returns the versions that are taken where nothing speaks against it."""
    offers: dict[str, list[str]] = {
        name: [str(wheel.version) for wheel in wheels if wheel.fits]
        for name, wheels in folders.items()
    }
    for name, locked in lock.packages.items():
        if is_candidate(locked):
            offers.setdefault(name, []).append(str(Version(locked.version)))
    preferred = {}
    for name, versions in offers.items():
        bounds = asked.get(name, SpecifierSet())
        fitting = next((each for each in versions if meets(each, bounds)), None)
        if fitting is not None:
            preferred[name] = fitting
    return preferred


def _choices(
    found: Sequence[Path | LockedPackage],
    libraries: Sequence[str],
    lock: Lock,
    files: Mapping[str, FolderWheel],
    index: IndexWheels,
) -> dict[str, Choice]:
    choices: dict[str, Choice] = {}

    def add_libraries(names: Sequence[str]) -> None:
        for name in names:
            locked = lock.packages.get(name)
            if locked is not None and not is_candidate(locked) and name not in choices:
                add_libraries(locked.depends)
                choices[name] = locked

    add_libraries(libraries)
    for each in found:
        if isinstance(each, LockedPackage):
            add_libraries(each.depends)
            choices[each.name] = each
            continue
        wheel = files.get(each.name) or read_name(index.keep(each), lock.minor, lock.platforms)
        choices[wheel.name] = wheel
    for name in BUNDLED:
        choices.pop(name, None)
    return choices


def _refusal(
    pip: Pip, failure: PipError, wanted: Sequence[Requirement], lock: Lock, known: PackageError
) -> PackageError:
    if isinstance(failure, NoPipError):
        return PackageError(f"{known}; {failure}")
    if failure.network:
        return PackageError(
            f"{known}; your package index cannot be reached either ({failure.network}): connect "
            "this machine once, or run 'nitocris cache fetch' with these names where there is "
            "internet"
        )
    if "OSError" in str(failure):
        return PackageError(f"pip could not fetch {', '.join(map(str, wanted))}: {failure}")
    if failure.requirement is None:
        return PackageError(
            f"pip finds no wheels for {', '.join(map(str, wanted))} that go together and run in "
            f"browsers: {failure}"
        )
    name = _name(failure.requirement)
    if failure.versions:
        shown = ", ".join(failure.versions[-5:])
        return PackageError(
            f"no fitting version of {failure.requirement!r}: for browsers there is {shown}; ask "
            "for one of these"
        )
    limits = " within the constraints of your pip" if failure.constrained else ""
    if pip.has(name, lock):
        return PackageError(
            f"{failure.requirement!r} has no wheel for browsers{limits}: your package index has "
            f"it only as source or for other machines, and browsers need {lock.tags}; if it is "
            f"pure Python, 'pip wheel --no-deps {name}' makes a wheel to name in packages=[…], "
            "otherwise native workers can use it, browsers cannot"
        )
    return PackageError(f"{known}; your package index does not have {name!r} either")


def _name(requirement: str) -> str:
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return requirement
