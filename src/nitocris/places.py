"""Where a top-level module lies, and whether it is the owner's own.

Own is what lies outside the standard library and outside of what was installed: modules beside the
script or notebook, editable installs, folders of `PYTHONPATH`.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

EXTENSIONS = tuple(importlib.machinery.EXTENSION_SUFFIXES)
"""How files of C extensions end on this platform."""
PRESENT = frozenset({"nitocris", "cloudpickle", "distributed_execution"})
"""Every worker has them anyway."""
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a top-level module lies: one file, or the folders of a package."""

    name: str
    file: Path | None
    folders: tuple[Path, ...] = ()


def place_of(top: str) -> Place | None:
    """Returns where a top-level module lies if it is the owner's own."""
    if top in PRESENT or top == "__main__" or top in sys.builtin_module_names:
        return None
    return _own_place(top, *_origin(top))


def is_installed(top: str) -> bool:
    """Returns whether a module that is not own has to be there besides Python and the library."""
    return top not in sys.stdlib_module_names and top not in PRESENT and top != "__main__"


def files_on_the_way(place: Place, name: str) -> Iterator[tuple[str, Path]]:
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
                for suffix in (".py", *EXTENSIONS):
                    if (file := folder / f"{part}{suffix}").is_file():
                        yield module, file
                        return
            return
        folders = inside


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
