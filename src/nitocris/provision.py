"""What the devices of one execution need, as it grows from map to map.

    packages=[...] ------------------> resolve --> Environment --> Coordinator: set_environment
    modules that a function uses ----> resolve --> a larger one --> ...

Packages that the owner names must be had; for those that were found by looking at the function,
native workers may do without, so a failure only keeps browsers at what they have.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from .environment import Environment, runtime
from .errors import PackageError
from .packages import folders_from_environment, resolve
from .pyodide_lock import Lock, find_lock

logger = logging.getLogger("nitocris.provision")


class Provision:
    """Resolves packages off the loop, and says when the environment changes.

    Args:
        title: What volunteers see.
        packages: What the owner named.
        folders: Where to look for wheels first.
        announce: Called with the environment's hash, or None while it is unknown.
    """

    def __init__(
        self,
        title: str,
        packages: Sequence[str],
        folders: Sequence[Path],
        announce: Callable[[str | None], None],
    ) -> None:
        self._title = title
        self._folders = [*folders, *folders_from_environment()]
        self._announce = announce
        self._names = tuple(packages)
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

    def add_modules(self, modules: Collection[str], warn: Callable[[str], None]) -> None:
        """Adds the packages that bring these modules, as far as Pyodide has them.

        Until they are there, browsers are lent nothing.

        Args:
            modules: Top-level names of modules.
            warn: Called with a sentence when they cannot be had.
        """
        lock = _lock()
        if lock is None:
            return
        missing = _bringing(lock, modules) - set(self._names)
        if missing:
            self._announce(None)
            task = asyncio.ensure_future(self._add(sorted(missing), warn))
            self._growing.add(task)
            task.add_done_callback(self._growing.discard)

    async def _add(self, missing: Sequence[str], warn: Callable[[str], None]) -> None:
        async with self._turn:
            before = await asyncio.shield(self._current)
            names = tuple(dict.fromkeys((*self._names, *missing)))
            try:
                grown = await self._grow(names)
            except PackageError as error:
                warn(f"browsers cannot take part in what needs {', '.join(missing)}: {error}")
                self._announce(before.sha256)
                return
            self._names = names
            self._current = asyncio.get_running_loop().create_future()
            self._current.set_result(grown)

    async def _grow(self, names: Sequence[str]) -> Environment:
        environment = await asyncio.to_thread(self._prepare, names)
        self._announce(environment.sha256)
        return environment

    def _prepare(self, names: Sequence[str]) -> Environment:
        """Gets the wheels; blocks."""
        if not names:
            return Environment(self._title)
        lock = _lock()
        if lock is None:
            return Environment(self._title)
        return Environment(self._title, resolve(names, lock=lock, folders=self._folders))


def _bringing(lock: Lock, modules: Collection[str]) -> set[str]:
    return {
        package.name
        for package in lock.packages.values()
        if any(module in package.imports for module in modules)
    }


def _lock() -> Lock | None:
    if runtime() is None:
        return None
    return find_lock((sys.version_info.major, sys.version_info.minor))
