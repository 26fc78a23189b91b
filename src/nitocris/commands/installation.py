"""What is installed: versions, page and runtimes, folders."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import platformdirs
from packaging.requirements import Requirement

from .. import environment
from ..packages import WHEELS_VARIABLE, folders_from_environment
from ..worker.processes import cores
from .finding import Finding

_BUILD = "install Nitocris from a wheel, or run make page in its folder, which needs Node 20"


def check_versions() -> Iterator[Finding]:
    """Are the versions of all dependencies such as this version needs?"""
    found = [f"nitocris {version('nitocris')}"]
    for line in requires("nitocris") or ():
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            there = version(needed.name)
        except PackageNotFoundError:
            there = "nothing"
        if there == "nothing" or not needed.specifier.contains(there, prereleases=True):
            yield Finding(
                needed.name,
                "error",
                f"{there} is installed, {needed} is needed",
                f"{sys.executable} -m pip install '{needed}'",
            )
        found.append(f"{needed.name} {there}")
    yield Finding("versions", "ok", ", ".join(found))


def check_python(
    minor: str = environment.python_version(), runtimes: Mapping[str, Any] | None = None
) -> Finding:
    """Is there a Pyodide release with this Python, so that browsers can take part?"""
    runtimes = environment.runtimes() if runtimes is None else runtimes
    if minor in runtimes:
        release = runtimes[minor]["version"]
        return Finding("Python", "ok", f"{minor}; browsers get Pyodide {release}, which has it too")
    if not runtimes:
        return Finding("Python", "error", f"{minor}; no runtime for browsers is built", _BUILD)
    return Finding(
        "Python",
        "error",
        f"{minor}; browsers have {', '.join(sorted(runtimes))}",
        "run your script with one of these; with this Python only native workers can take part",
    )


def check_browsers(page: Path = environment.PAGE) -> Finding:
    """Is the page there that browsers open?"""
    if not (page / "index.html").is_file():
        return Finding("page", "error", f"{page} has no index.html", _BUILD)
    return Finding(
        "page",
        "ok",
        "built; it needs a current browser with WebAssembly (Chrome, Edge, Firefox, Safari) and "
        "some hundred MB of memory for each of its workers",
    )


def check_folders() -> Iterator[Finding]:
    """Can links be remembered and wheels be kept, and are the owner's folders there?"""
    for about, path, without in (
        ("links", platformdirs.user_state_path("nitocris"), "each run has another link"),
        ("cache", platformdirs.user_cache_path("nitocris"), "packages cannot be kept"),
    ):
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            remedy = f"make {path} a folder that you may write to"
            yield Finding(about, "warning", f"{error}, so {without}", remedy)
        else:
            yield Finding(about, "ok", f"kept in {path}")
    for folder in folders_from_environment():
        if not folder.is_dir():
            yield Finding(
                WHEELS_VARIABLE, "warning", f"{folder} is no folder", "make it, or take it out"
            )


def check_processes() -> Finding:
    """How do workers on this machine start their processes?"""
    return Finding(
        "processes",
        "ok",
        f"{cores()} cores; native workers start processes by spawn, whatever "
        f"multiprocessing does here ({multiprocessing.get_start_method()})",
    )
