"""The owner's own modules: found by name, with all that they import, and made into archives.

    names --> files (parsed for further names) --> trees: whole packages, single files --> archives

Own is what lies outside the standard library and outside of what was installed: modules beside the
script or notebook, editable installs, folders of `PYTHONPATH`.  Files are read as they are now.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import site
import sys
import sysconfig
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from .archives import Archive, State, archive_of, state_of
from .errors import NotSendableError
from .imports import imports_of_source
from .in_memory import is_in_memory
from .staleness import stale

_EXTENSIONS = tuple(importlib.machinery.EXTENSION_SUFFIXES)
PRESENT = frozenset({"nitocris", "cloudpickle", "distributed_execution"})
"""Every worker has them anyway."""
_INSTALLED = ("site-packages", "dist-packages")


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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a top-level module lies: one file, or the folders of a package."""

    name: str
    file: Path | None
    folders: tuple[Path, ...] = ()


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
    more = {top for name in mentioned if _place(top := name.partition(".")[0]) is None}
    return Needs(
        found.modules,
        found.others | {top for top in more if _is_installed(top)},
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
            and all(_place(top) == place for top, place in self.places.items())
            and all(_place(top) is None for top in self.others)
        )


_MAX_REMEMBERED = 64
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


def _is_installed(top: str) -> bool:
    """Returns whether a module that is not own has to be there besides Python and the library."""
    return top not in sys.stdlib_module_names and top not in PRESENT and top != "__main__"


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
            place = self.places.get(top) or _place(top)
            if place is None:
                self._note_imported(top)
                continue
            _check_name(place)
            self.places[top] = place
            for module, file in _files_of(place, name):
                if module not in self.sources and module not in self.extensions:
                    waiting.extend(sorted(self._look_into(module, file)))

    def _note_imported(self, top: str) -> None:
        if is_in_memory(top):
            raise NotSendableError(
                f"the module {top} was made in memory and has no file, so it cannot be imported on "
                f"a worker; write it into {top}.py, or refer to it as a global, and not by an "
                "import inside the function"
            )
        if _is_installed(top):
            self.others.add(top)

    def _look_into(self, module: str, file: Path) -> frozenset[str]:
        if file.name.endswith(_EXTENSIONS):
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


def _files_of(place: Place, name: str) -> Iterator[tuple[str, Path]]:
    """Yields the modules on the way to a name, with their files."""
    if place.file is not None:
        yield place.name, place.file
        return
    folders, module = place.folders, place.name
    for part in [*name.split(".")[1:], None]:
        for folder in folders:
            if (file := folder / "__init__.py").is_file():
                yield module, file
        if part is None:
            return
        module = f"{module}.{part}"
        inside = tuple(each / part for each in folders if (each / part).is_dir())
        if not inside:
            for folder in folders:
                for suffix in (".py", *_EXTENSIONS):
                    if (file := folder / f"{part}{suffix}").is_file():
                        yield module, file
                        return
            return
        folders = inside


def _place(top: str) -> Place | None:
    """Returns where a top-level module lies if it is the owner's own."""
    if top in PRESENT or top == "__main__" or top in sys.builtin_module_names:
        return None
    return _own_place(top, *_origin(top))


@lru_cache(maxsize=1024)
def _own_place(top: str, file: str | None, folders: tuple[str, ...]) -> Place | None:
    own = tuple(folder for folder in map(Path, folders) if folder.is_dir() and _is_own(folder))
    if own:
        return Place(top, None, own)
    if not folders and file and Path(file).is_file() and _is_own(Path(file)):
        return Place(top, Path(file))
    return None


def _origin(top: str) -> tuple[str | None, tuple[str, ...]]:
    """Returns the file and the folders of a module that is imported, or would be."""
    module = sys.modules.get(top)
    if module is not None:
        return getattr(module, "__file__", None), _folders(getattr(module, "__path__", None))
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None, ()
    if spec is None:
        return None, ()
    return spec.origin, _folders(spec.submodule_search_locations)


def _folders(path: object) -> tuple[str, ...]:
    try:
        return tuple(each for each in path if isinstance(each, str))  # type: ignore[attr-defined]
    except TypeError:
        return ()


def _is_own(path: Path) -> bool:
    resolved = path.resolve()
    return not any(
        part in _INSTALLED for each in (path, resolved) for part in each.parts
    ) and not any(resolved.is_relative_to(root) for root in _roots())


@lru_cache(maxsize=1)
def _roots() -> tuple[Path, ...]:
    """Returns where Python itself and what was installed lie."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    places = [sysconfig.get_path(kind) for kind in kinds]
    places += [*site.getsitepackages(), site.getusersitepackages()]
    return tuple({Path(each).resolve() for each in places if each})
