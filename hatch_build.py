"""Builds the page into the package before hatchling packs it.

    page is there and newer than web/   nothing to do: also the case of an sdist, which contains it
    Node is there                       npm ci && npm run build
    page is there, but older            packed as it is, with a warning
    otherwise                           an error that says what to install

`NITOCRIS_PAGE=skip` leaves the page alone; the Makefile builds it by itself, at the same time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_OUTPUT = Path("src/nitocris/_page")
_NOT_SOURCES = {"node_modules", "test", "e2e"}


class PageBuildHook(BuildHookInterface[Any]):
    """Sees to it that wheels, sdists and editable installs have the page."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Runs before each build."""
        if os.environ.get("NITOCRIS_PAGE") == "skip":
            return
        root = Path(self.root)
        if is_current(root):
            return
        npm = shutil.which("npm")
        if npm is not None:
            self.app.display_info("building the page with Node")
            for command in (("ci",), ("run", "build")):
                subprocess.run([npm, *command], cwd=root / "web", check=True)  # noqa: S603  # fixed words
        elif is_built(root):
            self.app.display_warning(f"{_OUTPUT} is older than web/ and there is no npm: kept")
        else:
            raise RuntimeError(
                f"the page is not built ({root / _OUTPUT} is missing) and there is no npm to build "
                "it: install Node 20 or later, or install Nitocris from a wheel or an sdist, which "
                "contain the page"
            )


def is_built(root: Path) -> bool:
    """Whether there is a whole page, of whatever age."""
    index = root / _OUTPUT / "runtime" / "index.json"  # Written last.
    return index.is_file() and (root / _OUTPUT / "index.html").is_file()


def is_current(root: Path) -> bool:
    """Whether there is a whole page that is not older than its sources."""
    if not is_built(root):
        return False
    built = (root / _OUTPUT / "index.html").stat().st_mtime
    return all(path.stat().st_mtime <= built for path in _sources(root / "web"))


def _sources(web: Path) -> Iterator[Path]:
    if not web.is_dir():
        return
    for path in web.iterdir():
        if path.name in _NOT_SOURCES:
            continue
        yield from (path.rglob("*") if path.is_dir() else (path,))
