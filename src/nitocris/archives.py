"""Own modules as archives: which files of a package travel, and the zip that they make.

The same files give the same bytes, so that a device that has them does not fetch them again.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from .errors import NotSendableError

MAX_FILE_BYTES = 8 * 1024 * 1024
"""A larger file beside the modules of a package stays behind: it is data, not a part of them."""
MAX_TREE_BYTES = 64 * 1024 * 1024
MAX_TREE_FILES = 5_000
"""A package with more than this is most likely a whole project with data in it."""

_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})
_SKIPPED_SUFFIXES = (".pyc", ".pyo", ".swp", "~")
_SECRET_SUFFIXES = (".pem", ".key", ".p12", ".pfx")
"""Private keys, which volunteers must not get because they lie beside a module."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest moment that a zip can name, for all files: what counts is their content."""
_MAX_NAMED = 3


State: TypeAlias = tuple[int, int]
"""Time of the last change, in nanoseconds, and size."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip, the names in it, and sentences about what is not.

    Attributes:
        files: What is in it, by name.
        content: The zip.
        states: The state of each file and folder that was looked at, by path.
        warnings: What the owner should know.
    """

    files: tuple[str, ...]
    content: bytes
    states: dict[str, State]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    path: str
    state: State

    @property
    def size(self) -> int:
        return self.state[1]


def state_of(path: str) -> State | None:
    """Returns what changes with a file or folder, None if it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def archive_of(module: str, roots: Iterable[tuple[str, Path]]) -> Archive:
    """Returns the archive of a module.

    Args:
        module: Its name, for messages.
        roots: Names inside the archive, and the files, or folders with all that is in them.

    Raises:
        NotSendableError: It is too large.
    """
    files: dict[str, _File] = {}
    states: dict[str, State] = {}
    for name, root in roots:
        for file in _files(name, str(root), states):
            files.setdefault(file.name, file)  # as for Python, the first folder counts
    large = [each for each in files.values() if each.size > MAX_FILE_BYTES]
    secret = [each for each in files.values() if each.name.endswith(_SECRET_SUFFIXES)]
    left_out = {each.name for each in (*large, *secret)}
    kept = tuple(sorted((f for f in files.values() if f.name not in left_out), key=_by_name))
    _check(module, kept)
    warnings = []
    if large:
        warnings.append(
            f"the own module {module} travels without {_listed(large)}: files of more than "
            f"{MAX_FILE_BYTES >> 20} MB stay here; pass what is in them as an item or by share"
        )
    if secret:
        warnings.append(
            f"the own module {module} travels without {_listed(secret)}, which looks like a key"
        )
    return Archive(tuple(each.name for each in kept), _zipped(kept), states, tuple(warnings))


def _files(name: str, root: str, states: dict[str, State]) -> Iterator[_File]:
    if not os.path.isdir(root):
        if (state := state_of(root)) is not None:
            states[root] = state
            yield _File(name, root, state)
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if _travels(folder, each))
        states[folder] = state_of(folder) or (0, 0)
        inside = folder[len(root) :].strip(os.sep).replace(os.sep, "/")
        for each in names:
            path = os.path.join(folder, each)
            if each.startswith(".") or each.endswith(_SKIPPED_SUFFIXES):
                continue
            state = state_of(path)
            if state is not None and os.path.isfile(path):
                states[path] = state
                yield _File(f"{name}{inside}/{each}" if inside else f"{name}{each}", path, state)


def _travels(parent: str, name: str) -> bool:
    return not (
        name.startswith(".")
        or name in _SKIPPED_FOLDERS
        or name.endswith(".egg-info")
        or os.path.exists(os.path.join(parent, name, "pyvenv.cfg"))
    )


def _check(module: str, files: tuple[_File, ...]) -> None:
    size = sum(each.size for each in files)
    if size > MAX_TREE_BYTES or len(files) > MAX_TREE_FILES:
        raise NotSendableError(
            f"the own module {module} has {len(files):,} files with {size / 2**20:.0f} MB, and at "
            f"most {MAX_TREE_FILES:,} with {MAX_TREE_BYTES >> 20} MB travel; move the data out of "
            "the package and pass it as an item or by share"
        )


@lru_cache(maxsize=16)
def _zipped(files: tuple[_File, ...]) -> bytes:
    """Kept by name, size and time: a map over unchanged modules reads no file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, Path(file.path).read_bytes(), zipfile.ZIP_DEFLATED, 6)
    return buffer.getvalue()


def _by_name(file: _File) -> str:
    return file.name


def _listed(files: list[_File]) -> str:
    named = [f"{each.name} ({each.size / 2**20:.1f} MB)" for each in files[:_MAX_NAMED]]
    more = len(files) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
