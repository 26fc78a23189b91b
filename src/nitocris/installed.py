"""Which of this machine's distributions bring the modules that a function uses.

The owner's own modules (files outside of what is installed, editable installs) are none of them.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

from .local_resolver import BUNDLED

_INSTALLED = {"site-packages", "dist-packages"}
"""Folders of what is installed; the second is Debian's."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A distribution that is installed here, by normalised name, and what it was found for."""

    name: str
    version: str
    module: str


def distributions_of(modules: Collection[str]) -> tuple[list[Installed], list[str]]:
    """Returns the distributions of top-level modules, and the modules that are not here at all.

    Blocks for some tenths of a second where a distribution is named otherwise than its module:
    call it in a thread.
    """
    found: dict[str, Installed] = {}
    missing = []
    everything: Mapping[str, Sequence[str]] | None = None
    for module in sorted(modules):
        places = _places(module)
        if not places:
            missing.append(module)
        if not any({*place.parts} & _INSTALLED for place in places):
            continue
        names = [module] if _is_of_this_name(module, places) else None
        if names is None:
            everything = everything or metadata.packages_distributions()
            names = _used(module, sorted(set(everything.get(module, ()))))
        for each in names:
            name, version = canonicalize_name(each), version_here(each)
            if name not in BUNDLED and version is not None and not _is_editable(each):
                found.setdefault(name, Installed(name, version, module))
    return list(found.values()), missing


def version_here(name: str) -> str | None:
    """Returns which version of a package is installed on this machine."""
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def _used(module: str, names: list[str]) -> list[str]:
    """Returns those distributions of a shared name, such as `google`, whose modules are loaded."""
    if len(names) < 2:
        return names
    loaded = {
        str(Path(path).resolve())
        for name, each in list(sys.modules.items())
        if name.startswith(f"{module}.") and (path := getattr(each, "__file__", None))
    }
    used = [name for name in names if _files(name) & loaded]
    return used or names


def _files(name: str) -> set[str]:
    distribution = metadata.distribution(name)
    return {str(Path(str(each.locate())).resolve()) for each in distribution.files or ()}


def _is_editable(name: str) -> bool:
    try:
        origin = json.loads(metadata.distribution(name).read_text("direct_url.json") or "{}")
        return bool(origin.get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError):
        return False


def _is_of_this_name(module: str, places: Collection[Path]) -> bool:
    """Whether a distribution has the module's own name, and the module is from where it is."""
    try:
        root = metadata.distribution(module)
    except (metadata.PackageNotFoundError, ValueError):
        return False
    starts = [Path(str(root.locate_file(f"{module}{end}"))) for end in (".py", "/__init__.py")]
    return any(start.resolve() in places for start in starts)


def _places(module: str) -> list[Path]:
    """Returns where a module is imported from; nothing if it is not here, or part of Python."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    try:
        spec = spec or importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return []
    places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    return [Path(each).resolve() for each in places if each and Path(each).is_absolute()]
