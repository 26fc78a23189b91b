"""What the devices of one execution need, as it grows from map to map.

    packages=[...] ------------------> resolve --> Environment --> Coordinator: set_environment
    modules that a function uses ----> resolve --> a larger one --> ...

Packages that the owner names must be had; for those that were found by looking at the function,
native workers may do without, so a failure only keeps browsers at what they have.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from .bytecode import compiled_wheel
from .environment import Environment, runtime
from .errors import PackageError
from .packages import Wheel, folders_from_environment, resolve
from .pyodide_lock import Lock, find_lock

logger = logging.getLogger("nitocris.provision")


def prepare(title: str, folders: Sequence[Path], names: Sequence[str]) -> Environment:
    """Gets the wheels of these packages, and describes the environment that they make; blocks.

    Args:
        title: What volunteers see.
        folders: Where to look for wheels first.
        names: Packages, with versions if need be.

    Raises:
        PackageError: One of them cannot be had.
    """
    lock = bundled_lock()
    if lock is None or not names:
        return Environment(title)
    every = [*folders, *folders_from_environment()]
    return Environment(title, [_quick(wheel) for wheel in resolve(names, lock=lock, folders=every)])


def _quick(wheel: Wheel) -> Wheel:
    """Returns the wheel as browsers get it: with bytecode where it has modules."""
    if wheel.install_dir != "site":
        return wheel
    path = compiled_wheel(wheel.path, wheel.sha256)
    if path == wheel.path:
        return wheel
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return replace(wheel, path=path, size=path.stat().st_size, sha256=sha256)


def bundled_lock() -> Lock | None:
    """Returns what Pyodide has for this Python, or None if browsers cannot take part."""
    if runtime() is None:
        return None
    return find_lock((sys.version_info.major, sys.version_info.minor))


class Provision:
    """Resolves packages off the loop, and says when the environment changes.

    Args:
        packages: What the owner named.
        lock: What there is for browsers, if they can take part.
        prepare: Makes the environment of some packages; runs in a thread.
        announce: Called with the environment's hash, or None while it is unknown.
    """

    def __init__(
        self,
        packages: Sequence[str],
        lock: Lock | None,
        prepare: Callable[[Sequence[str]], Environment],
        announce: Callable[[str | None], None],
    ) -> None:
        self._names = tuple(packages)
        self._lock = lock
        self._prepare = prepare
        self._announce = announce
        self._turn = asyncio.Lock()
        self._current: asyncio.Future[Environment] = asyncio.ensure_future(self._grow(self._names))
        self._growing: set[asyncio.Task[None]] = set()
        # Who needs the packages asks for them and gets the error; until then it is no news.
        self._current.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def ready(self) -> Environment:
        """Returns the environment as soon as it is known.

        Raises:
            PackageError: A package that the owner named cannot be had.
        """
        return await asyncio.shield(self._current)

    @property
    def known(self) -> Environment | None:
        """The environment, if it is known."""
        done = self._current.done() and not self._current.cancelled()
        return self._current.result() if done and not self._current.exception() else None

    def add_modules(self, modules: Collection[str], warn: Callable[[str], None]) -> None:
        """Adds the packages that bring these modules, as far as Pyodide has them.

        Until they are there, browsers are lent nothing; if they cannot be had, until another map
        needs no more than what is there.

        Args:
            modules: Top-level names of modules.
            warn: Called with a sentence when they cannot be had.
        """
        if self._lock is None:
            return
        missing = _bringing(self._lock, modules) - set(self._names)
        if missing:
            self._announce(None)
        task = asyncio.ensure_future(self._add(sorted(missing), warn))
        self._growing.add(task)
        task.add_done_callback(self._growing.discard)

    async def _add(self, missing: Sequence[str], warn: Callable[[str], None]) -> None:
        async with self._turn:
            await asyncio.shield(self._current)
            names = tuple(dict.fromkeys((*self._names, *missing)))
            if names == self._names:
                self._announce((await self.ready()).sha256)
                return
            try:
                grown = await self._grow(names)
            except PackageError as error:
                # Browsers stay without chunks until a map comes that they can compute.
                warn(f"browsers cannot take part in this map: {error}")
                return
            self._names = names
            self._current = asyncio.get_running_loop().create_future()
            self._current.set_result(grown)

    async def _grow(self, names: Sequence[str]) -> Environment:
        environment = await asyncio.to_thread(self._prepare, names)
        self._announce(environment.sha256)
        return environment


def _bringing(lock: Lock, modules: Collection[str]) -> set[str]:
    return {
        package.name
        for package in lock.packages.values()
        if any(module in package.imports for module in modules)
    }
