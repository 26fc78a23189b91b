"""What browsers would get for some packages and modules, as rows of a table; nothing is an error.

packages named by the owner ─┐
                             ├─> resolved together -> a row for each file, and for what is lacking
modules that a function uses ┘
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from .errors import PackageError
from .installed import version_here
from .matching import Match, match_modules
from .packages import Places, Wheel, resolve


@dataclass(frozen=True, slots=True)
class PlannedPackage:
    """One package of the table.

    Attributes:
        name: Its normalised name, or what the owner wrote if it cannot be had.
        here: The version on this machine; None if it is not installed.
        there: The version for browsers; None if it cannot be had.
        bytes: What each device downloads, before compression; None if it cannot be had.
        source: Where it comes from: `"Pyodide 0.27.8"`, `"package index"`, or the path of a file.
        note: What differs, or why it cannot be had; else empty.
    """

    name: str
    here: str | None
    there: str | None
    bytes: int | None
    source: str
    note: str


def plan(
    packages: Sequence[str | os.PathLike[str]], modules: Collection[str], places: Places
) -> tuple[PlannedPackage, ...]:
    """Returns a row for each package that browsers get or lack, dependencies first.

    Blocks while it downloads what browsers will need anyway; sizes are known only then.

    Args:
        packages: What the owner named, as for `resolve`.
        modules: Top-level names of modules, as from `function.modules_used_by`.
        places: Where to look.
    """
    try:
        matches = match_modules(modules, places)
    except PackageError as error:
        return (_lacking(", ".join(sorted(modules)), None, str(error)),)
    lacking = [
        _lacking(match.name, match.here, match.difference) for match in matches if match.problem
    ]
    wanted = [*packages, *(match.requirement for match in matches if not match.problem)]
    wheels, refused = _resolve_what_can_be(wanted, places)
    found = {match.name: match for match in matches}
    rows = [_row(wheel, found.get(wheel.name)) for wheel in wheels]
    return (*rows, *lacking, *refused)


def _resolve_what_can_be(
    wanted: Sequence[str | os.PathLike[str]], places: Places
) -> tuple[list[Wheel], list[PlannedPackage]]:
    """Resolves all at once; where that fails, finds out who is to blame."""
    try:
        return resolve(wanted, places), []
    except PackageError as error:
        if len(wanted) == 1:
            return [], [_lacking(_name(wanted[0]), None, str(error))]
        together = error
    good, refused = [], []
    for each in wanted:
        try:
            resolve([each], places)
            good.append(each)
        except PackageError as error:
            refused.append(_lacking(_name(each), None, str(error)))
    if not refused:
        return [], [_lacking(", ".join(map(str, wanted)), None, str(together))]
    wheels, contradicting = _resolve_what_can_be(good, places) if good else ([], [])
    return wheels, refused + contradicting


def _row(wheel: Wheel, match: Match | None) -> PlannedPackage:
    here = match.here if match else version_here(wheel.name)
    note = match.difference if match else Match(wheel.name, here, wheel.version, "").difference
    return PlannedPackage(wheel.name, here, wheel.version, wheel.size, wheel.source, note)


def _lacking(name: str, here: str | None, note: str) -> PlannedPackage:
    return PlannedPackage(name, here or version_here(name), None, None, "", note)


def _name(wanted: str | os.PathLike[str]) -> str:
    try:
        return canonicalize_name(Requirement(os.fspath(wanted)).name)
    except InvalidRequirement:
        return str(wanted)
