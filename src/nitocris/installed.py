"""Which of this machine's distributions bring the modules that a function uses.

The owner's own modules (files outside of what is installed, editable installs) are none of them.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Collection
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

from .local_resolver import BUNDLED


@dataclass(frozen=True, slots=True)
class Installed:
    """A distribution that is installed here, by normalised name, and what it was found for."""

    name: str
    version: str
    module: str


def distributions_of(modules: Collection[str]) -> tuple[list[Installed], list[str]]:
    """Returns the distributions of top-level modules, and the modules that have none.

    Blocks for some tenths of a second in large environments: call it in a thread.
    """
    bringing = metadata.packages_distributions() if modules else {}
    found: dict[str, Installed] = {}
    without = []
    for module in sorted(modules):
        names = [canonicalize_name(each) for each in bringing.get(module, ())]
        if not names:
            without.append(module)
        for name in _used(module, sorted(set(names))):
            distribution = metadata.distribution(name)
            if (
                name not in BUNDLED
                and not _is_editable(distribution)
                and _is_in(distribution, module)
            ):
                found.setdefault(name, Installed(name, distribution.version, module))
    return list(found.values()), without


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


def _is_editable(distribution: metadata.Distribution) -> bool:
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        return bool(origin.get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError):
        return False


def _is_in(distribution: metadata.Distribution, module: str) -> bool:
    """Whether a module is imported from where the distribution is, not from a file of that name."""
    loaded = sys.modules.get(module)
    try:
        spec = getattr(loaded, "__spec__", None) or importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return True
    places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    root = Path(str(distribution.locate_file(""))).resolve()
    known = [Path(each).resolve() for each in places if each and Path(each).is_absolute()]
    return not known or any(each.is_relative_to(root) for each in known)
