"""Which wheels the workers need for `packages=[…]`, and where they come from.

    what the owner wrote -> requirements -> a choice each, from this machine or by pip -> files

A package comes, in this order, from a file that the owner names, the owner's folders (`wheels=`,
`NITOCRIS_WHEELS`), the Pyodide release, or the owner's package index; from the last two it is kept
in a cache.  Only what this machine does not know is asked of pip, which then decides on everything
at once.  Workers only unpack the list in order: nothing is resolved in a browser.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from .downloads import Downloads, Fetch, download, wheel_cache
from .errors import PackageError, UnreachableError
from .index_wheels import IndexWheels
from .local_resolver import Choice, LocalResolver, UnresolvedError
from .pip_choice import choose_with_pip, same_from_index
from .pip_resolver import Pip
from .pyodide_lock import Lock, LockedPackage
from .wanted import read
from .wheel_folders import FolderWheel, checked_sha256, scan, sort

WHEELS_VARIABLE = "NITOCRIS_WHEELS"
"""Names folders with wheels, separated as in `PATH`."""


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
        source: Where it came from, in words.
    """

    name: str
    version: str
    filename: str
    path: Path
    size: int
    sha256: str
    install_dir: str = "site"
    source: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Places:
    """Where packages are looked for.

    Attributes:
        lock: What the Pyodide release of the workers offers.
        folders: Where to look first.
        cache: Where downloads are kept.
        fetch: Gets an address; tests give another.
        pip: Asks the owner's package index; None leaves it out.
    """

    lock: Lock
    folders: Sequence[Path] = ()
    cache: Path = field(default=Path())
    fetch: Fetch = download
    pip: Pip | None = None

    def __post_init__(self) -> None:
        if self.cache == Path():
            object.__setattr__(self, "cache", wheel_cache(self.lock))

    @property
    def index(self) -> IndexWheels:
        """What came from an index earlier."""
        return IndexWheels(self.cache)

    def resolver(self, given: Mapping[str, FolderWheel] | None = None) -> LocalResolver:
        """Returns a resolver for what this machine knows.

        Raises:
            PackageError: A folder cannot be read.
        """
        return LocalResolver(
            self.lock,
            given or {},
            scan(self.folders, self.lock.minor, self.lock.platforms),
            self.index,
            sort(self.index.paths(), self.lock.minor, self.lock.platforms),
            [str(folder) for folder in self.folders],
        )


def resolve(packages: Sequence[str | os.PathLike[str]], places: Places) -> list[Wheel]:
    """Returns everything that workers must install for `packages`, dependencies first.

    Blocks while it downloads: call it in a thread.

    Args:
        packages: As for pip: names with versions and extras, wheels by path or address.
        places: Where to look.

    Raises:
        PackageError: A package cannot be had; the message says which, why, and what would help.
    """
    if isinstance(packages, str):
        raise PackageError(f"packages must be a list of names, so write packages=[{packages!r}]")
    wanted = read(packages, places.lock, places.cache, places.fetch)
    resolver = places.resolver(wanted.given)
    try:
        choices = resolver.resolve(wanted.requirements)
    except UnresolvedError as error:
        if places.pip is None:
            raise
        requirements = [
            each
            for each in wanted.requirements
            if resolver.applies(each) and not resolver.is_there_anyway(canonicalize_name(each.name))
        ]
        folders = scan(places.folders, places.lock.minor, places.lock.platforms)
        choices = choose_with_pip(
            places.pip, requirements, places.lock, wanted.given, folders, places.index, error
        )
    return _files(choices, places)


def folders_from_environment(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Returns the folders that `NITOCRIS_WHEELS` names."""
    return [Path(each) for each in environ.get(WHEELS_VARIABLE, "").split(os.pathsep) if each]


def _files(choices: Mapping[str, Choice], places: Places) -> list[Wheel]:
    """Fetches what is not there yet; what the release's CDN withholds, the index may have."""
    downloads = Downloads(places.lock, places.cache, places.fetch)
    try:
        return [_file(name, choice, downloads, places.index) for name, choice in choices.items()]
    except UnreachableError as error:
        if places.pip is None:
            raise
        missing = [
            choice
            for choice in choices.values()
            if isinstance(choice, LockedPackage) and not downloads.has(choice)
        ]
        found = same_from_index(places.pip, missing, places.lock, places.index, error)
        mixed = {**choices, **found}
    return [_file(name, choice, downloads, places.index) for name, choice in mixed.items()]


def _file(name: str, choice: Choice, downloads: Downloads, index: IndexWheels) -> Wheel:
    if isinstance(choice, LockedPackage):
        path, sha256, install_dir = downloads.get(choice), choice.sha256, choice.install_dir
        source = f"Pyodide {downloads.lock.version}"
    else:
        path, sha256, install_dir = choice.path, checked_sha256(choice.path), "site"
        source = "package index" if index.holds(path) else str(path)
    return Wheel(
        name=name,
        version=str(choice.version),
        filename=path.name,
        path=path,
        size=path.stat().st_size,
        sha256=sha256,
        install_dir=install_dir,
        source=source,
    )
