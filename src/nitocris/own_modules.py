"""The owner's own modules: found by name, with all that they import, and made into archives.

    names --> files (parsed for further names) --> trees: whole packages, single files --> archives

Files are read as they are now, and not again as long as none has changed.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .archives import Archive, State, archive_of, state_of
from .errors import NotSendableError
from .imports import imports_of_source
from .in_memory import is_in_memory
from .places import EXTENSIONS, Place, files_on_the_way, is_installed, place_of
from .staleness import stale

_MAX_REMEMBERED = 16
"""Answers, each with its archives."""


@dataclass(frozen=True, slots=True)
class OwnModule:
    """A top-level module or package of the owner's, as it travels.

    Attributes:
        name: Its name.
        files: What travels, by name inside the archive.
        archive: A zip; the same files give the same bytes.
    """

    name: str
    files: tuple[str, ...]
    archive: bytes = field(repr=False)

    @property
    def bytes(self) -> int:
        """How much travels."""
        return len(self.archive)


@dataclass(frozen=True, slots=True)
class Needs:
    """What is needed to import some modules.

    Attributes:
        modules: The owner's own ones.
        imports: Top-level names of all others, but for the standard library.
        warnings: Sentences about what will not be on the worker as it is here.
    """

    modules: tuple[OwnModule, ...] = ()
    imports: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


def needs(names: Iterable[str], mentioned: Iterable[str] = ()) -> Needs:
    """Follows modules to all that they import.

    Args:
        names: What is imported, as the code says it: `a.b.c` may be a module or a name in one.
        mentioned: Modules that are needed only if they are not the owner's own.

    Raises:
        NotSendableError: An own module cannot travel; the message says why.
    """
    wanted = frozenset(names)
    found = _remembered.pop(wanted, None)
    if found is None or not found.is_current():
        found = _found(wanted)
    _remembered[wanted] = found
    while len(_remembered) > _MAX_REMEMBERED:
        _remembered.pop(next(iter(_remembered)), None)
    more = {top for name in mentioned if place_of(top := name.partition(".")[0]) is None}
    return Needs(
        found.modules,
        found.others | {top for top in more if is_installed(top)},
        (*found.warnings, *stale(found.sources)),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found for some names, as long as all files are as they were."""

    modules: tuple[OwnModule, ...]
    others: frozenset[str]
    warnings: tuple[str, ...]
    sources: Mapping[str, Path]
    places: Mapping[str, Place]
    states: Mapping[str, State]

    def is_current(self) -> bool:
        return (
            all(state_of(path) == state for path, state in self.states.items())
            and all(place_of(top) == place for top, place in self.places.items())
            and all(place_of(top) is None for top in self.others)
        )


_remembered: dict[frozenset[str], _Found] = {}
"""Those used last: of a thousand futures only the first one reads files."""


def _found(names: frozenset[str]) -> _Found:
    search = _Search()
    search.follow(names)
    modules: list[OwnModule] = []
    warnings: list[str] = []
    states: dict[str, State] = {}
    for place in search.places.values():
        made = _archive(place)
        modules.append(OwnModule(place.name, made.files, made.content))
        warnings.extend(made.warnings)
        states |= made.states
    for name, path in search.extensions.items():
        warnings.append(
            f"the own module {name} is a C extension ({path.name}): native workers of this "
            "platform can import it, and no browser can; put what is mapped into a module in "
            "Python, or have only native workers compute it"
        )
    return _Found(
        tuple(modules),
        frozenset(search.others),
        tuple(warnings),
        search.sources,
        search.places,
        states,
    )


class _Search:
    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.others: set[str] = set()
        self.extensions: dict[str, Path] = {}
        self.sources: dict[str, Path] = {}
        """The modules that were looked into."""

    def follow(self, names: Iterable[str]) -> None:
        """Looks for modules, and for all that they import."""
        waiting = deque(sorted(names))
        seen: set[str] = set()
        while waiting:
            name = waiting.popleft()
            if name in seen:
                continue
            seen.add(name)
            top = name.partition(".")[0]
            place = self.places.get(top) or place_of(top)
            if place is None:
                self._note_imported(top)
                continue
            _check_name(place)
            self.places[top] = place
            for module, file in files_on_the_way(place, name):
                if module not in self.sources and module not in self.extensions:
                    waiting.extend(sorted(self._look_into(module, file)))

    def _note_imported(self, top: str) -> None:
        if is_in_memory(top):
            raise NotSendableError(
                f"the module {top} was made in memory and has no file, so it cannot be imported on "
                f"a worker; write it into {top}.py, or refer to it as a global, and not by an "
                "import inside the function"
            )
        if is_installed(top):
            self.others.add(top)

    def _look_into(self, module: str, file: Path) -> frozenset[str]:
        if file.name.endswith(EXTENSIONS):
            self.extensions[module] = file
            return frozenset()
        self.sources[module] = file
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        try:
            return imports_of_source(file.read_bytes(), package)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise NotSendableError(
                f"the own module {module} cannot travel: {file}, line {line}: {error}; workers get "
                "the file as it is now, so mend it first"
            ) from None


def _archive(place: Place) -> Archive:
    if place.file is not None:
        return archive_of(place.name, [(place.file.name, place.file)])
    found = [(f"{place.name}/", folder) for folder in place.folders]
    return archive_of(place.name, found)


def _check_name(place: Place) -> None:
    if place.name in sys.stdlib_module_names:
        where = place.file or place.folders[0]
        raise NotSendableError(
            f"the own module {place.name} ({where}) has the name of a module of the standard "
            "library, which workers need themselves; rename it"
        )
