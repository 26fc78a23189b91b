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


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip, the names in it, and sentences about what is not."""

    files: tuple[str, ...]
    content: bytes
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    path: Path
    size: int
    changed: int


def archive_of(module: str, roots: Iterable[tuple[str, Path]]) -> Archive:
    """Returns the archive of a module.

    Args:
        module: Its name, for messages.
        roots: Names inside the archive, and the files, or folders with all that is in them.

    Raises:
        NotSendableError: It is too large.
    """
    files: dict[str, _File] = {}
    for name, root in roots:
        for file in _files(name, root):
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
    return Archive(tuple(each.name for each in kept), _zipped(kept), tuple(warnings))


def _files(name: str, root: Path) -> Iterator[_File]:
    if not root.is_dir():
        status = root.stat()
        yield _File(name, root, status.st_size, status.st_mtime_ns)
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if _travels(Path(folder, each)))
        for each in names:
            path = Path(folder, each)
            if each.startswith(".") or each.endswith(_SKIPPED_SUFFIXES) or not path.is_file():
                continue
            status = path.stat()
            inside = path.relative_to(root).as_posix()
            yield _File(f"{name}{inside}", path, status.st_size, status.st_mtime_ns)


def _travels(folder: Path) -> bool:
    return not (
        folder.name.startswith(".")
        or folder.name in _SKIPPED_FOLDERS
        or folder.name.endswith(".egg-info")
        or (folder / "pyvenv.cfg").exists()
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
            archive.writestr(entry, file.path.read_bytes(), zipfile.ZIP_DEFLATED, 6)
    return buffer.getvalue()


def _by_name(file: _File) -> str:
    return file.name


def _listed(files: list[_File]) -> str:
    named = [f"{each.name} ({each.size / 2**20:.1f} MB)" for each in files[:_MAX_NAMED]]
    more = len(files) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
