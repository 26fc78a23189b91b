"""Files of a Pyodide release: from the cache, else from its CDN, always with the lock's SHA-256."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

import platformdirs

from .errors import PackageError, UnreachableError
from .pyodide_lock import Lock, LockedPackage

Fetch: TypeAlias = Callable[[str, int], bytes]
"""`(address, most bytes) -> content`; raises `OSError`."""

MAX_FILE_BYTES = 512 * 1024 * 1024
"""The largest file of a release has about 40 MB; a browser's interpreter holds 4 GiB at most."""
SILENCE = 30.0
"""Seconds without a byte after which a download has failed."""
DEADLINE = 600.0
"""Seconds for a whole file: 40 MB on a slow line."""

_PIECE = 256 * 1024
_log = logging.getLogger("nitocris.packages")


def wheel_cache(lock: Lock) -> Path:
    """Returns the folder that keeps what was downloaded for this release."""
    return platformdirs.user_cache_path("nitocris") / "wheels" / lock.version


def release_file(cache: Path, locked: LockedPackage) -> Path:
    """Returns where a package's file is kept."""
    return cache / Path(urlsplit(locked.filename).path).name


@dataclass(frozen=True, slots=True)
class Downloads:
    """The files of one release, and the folder that keeps them."""

    lock: Lock
    cache: Path
    fetch: Fetch

    def get(self, locked: LockedPackage) -> Path:
        """Returns a package's file, present and checked.

        Raises:
            UnreachableError: It cannot be fetched.
            PackageError: It is another file than the lock says, or cannot be kept.
        """
        url = urljoin(self.lock.base_url, locked.filename)
        path = release_file(self.cache, locked)
        if not self._is_cached(path, locked):
            store(path, self._fetched(url, locked))
        return path

    def has(self, locked: LockedPackage) -> bool:
        """Whether a package's file is in the cache, and whole."""
        return self._is_cached(release_file(self.cache, locked), locked)

    def _is_cached(self, path: Path, locked: LockedPackage) -> bool:
        try:
            with path.open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
            if actual == locked.sha256:
                return True
            _log.warning("%s has a wrong SHA-256 (%s): fetched again", path, actual)
            path.unlink(missing_ok=True)
        except OSError:
            pass  # Nothing there, or nothing readable; the download goes on to say what is wrong.
        return False

    def _fetched(self, url: str, locked: LockedPackage) -> bytes:
        _log.info("fetching %s %s from %s", locked.name, locked.version, url)
        try:
            content = self.fetch(url, MAX_FILE_BYTES)
        except OSError as error:
            raise UnreachableError(
                f"the package {locked.name!r} is neither in a folder of wheels=[…] nor in the "
                f"cache {self.cache}, and {url} cannot be fetched ({error}); connect this machine "
                "to the internet once, or put the file into one of these folders"
            ) from error
        actual = hashlib.sha256(content).hexdigest()
        if actual != locked.sha256:
            raise PackageError(
                f"{url} has the SHA-256 {actual}, but Pyodide {self.lock.version} says "
                f"{locked.sha256}; something on the way replaces downloads: try another network"
            )
        return content


def store(path: Path, content: bytes) -> None:
    """Writes a file of the cache, all of it or nothing.

    Raises:
        PackageError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two coordinators may fetch the same wheel at once: each writes a file of its own.
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            try:
                file.write(content)
                file.close()
                os.replace(file.name, path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise PackageError(
            f"the cache {path.parent} cannot be written ({error.strerror}); make it writable and "
            "make room, or give the wheels in a folder of wheels=[…]"
        ) from error


def download(url: str, limit: int, silence: float = SILENCE, deadline: float = DEADLINE) -> bytes:
    """Returns what `url` answers.

    Args:
        url: An `http` or `https` address.
        limit: Most bytes that are accepted.
        silence: Seconds without a byte before this gives up.
        deadline: Seconds for everything.

    Raises:
        OSError: It cannot be had; the message says why.
    """
    if not url.startswith(("https://", "http://")):
        raise OSError(f"only http and https can be fetched, not {url!r}")
    end = time.monotonic() + deadline
    pieces = []
    received = 0
    try:
        with urllib.request.urlopen(url, timeout=silence) as response:  # noqa: S310  # checked above
            expected = response.length
            while piece := response.read1(_PIECE):
                pieces.append(piece)
                received += len(piece)
                if received > limit:
                    raise OSError(f"it has more than {limit} bytes")
                if time.monotonic() > end:
                    raise TimeoutError(f"it took more than {deadline:.0f} seconds")
    except HTTPException as error:
        raise OSError(f"the server breaks HTTP: {error!r}") from error
    # `read1` takes a connection that was cut for the ordinary end.
    if expected is not None and received != expected:
        raise OSError(f"it ended after {received} of {expected} bytes")
    return b"".join(pieces)
