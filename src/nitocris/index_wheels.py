"""The wheels that came from the owner's package index, kept for the next execution.

    <cache>/index/<SHA-256>/<name of the wheel>

The hash is part of the path, so two processes that keep the same file do no harm to each other,
equal names from two indexes are two files, and damage shows.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import PackageError

UNFINISHED = "fetching-"
"""How folders begin whose process is at work, or was interrupted."""

_log = logging.getLogger("nitocris.packages")


@dataclass(frozen=True, slots=True)
class IndexWheels:
    """The part of a release's cache that holds what is not of the release."""

    cache: Path

    @property
    def folder(self) -> Path:
        """Where the wheels are."""
        return self.cache / "index"

    def paths(self) -> list[Path]:
        """Returns all wheels, unchecked."""
        return sorted(self.folder.glob("*/*.whl"))

    def holds(self, path: Path) -> bool:
        """Whether a path is one of this cache's."""
        return path.is_relative_to(self.folder)

    def is_whole(self, path: Path) -> bool:
        """Whether a wheel is what was kept; what is not is removed."""
        try:
            if _sha256(path) == path.parent.name:
                return True
            _log.warning("%s is damaged: fetched again", path)
            path.unlink(missing_ok=True)
        except OSError:
            pass  # Cleared meanwhile, or nothing readable.
        return False

    def keep(self, path: Path) -> Path:
        """Moves a wheel into the cache, from `scratch`; returns where it is.

        Raises:
            PackageError: The cache cannot be written.
        """
        try:
            kept = self.folder / _sha256(path) / path.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, kept)
        except OSError as error:
            raise self._unwritable(error) from error
        return kept

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Gives a folder beside the wheels, which is removed afterwards.

        Raises:
            PackageError: The cache cannot be written; also for what is done within.
        """
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                dir=self.cache, prefix=UNFINISHED, ignore_cleanup_errors=True
            ) as name:
                yield Path(name)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> PackageError:
        return PackageError(
            f"the cache {self.cache} cannot be written ({error.strerror}); make it writable and "
            "make room, or give the wheels in a folder of wheels=[…]"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
