"""What the devices of one execution need, as it grows from map to map.

    packages=[...] ------------------> resolve --> Environment --> Coordinator: set_environment
    modules that a function uses ----> match, resolve --> a larger one --> ...

Packages that the owner names must be had; for those that were found by looking at the function,
native workers may do without, so a failure only keeps browsers at what they have.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING

from .environment import Environment
from .errors import ClosedError, PackageError, UnreachableError

if TYPE_CHECKING:
    from .matching import Match

RETRY = 60.0
"""Seconds for which modules whose packages could not be had are not looked for again."""

logger = logging.getLogger("nitocris.provision")


class Provision:
    """Resolves packages off the loop, and says when the environment changes.

    Args:
        packages: What the owner named.
        match: Finds what browsers get for modules, in a thread; None if browsers cannot take part.
        prepare: Makes the environment of some packages; runs in a thread.
        announce: Called with the environment's hash, or None while it is unknown.
    """

    def __init__(
        self,
        packages: Sequence[str | PathLike[str]],
        match: Callable[[Collection[str]], Sequence[Match]] | None,
        prepare: Callable[[Sequence[str | PathLike[str]]], Environment],
        announce: Callable[[str | None], None],
    ) -> None:
        self._named = tuple(packages)
        self._match = match
        self._prepare = prepare
        self._announce = announce
        self._found: dict[str, Match] = {}
        self._settled: set[str] = set()
        self._told: set[str] = set()
        self._failed: dict[frozenset[str], tuple[float, PackageError]] = {}
        self._turn = asyncio.Lock()
        self._current: asyncio.Future[Environment] = asyncio.ensure_future(self._grow(self._named))
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
        """Adds the packages that bring these modules, at the version that is installed here.

        Until they are there, browsers are lent nothing; if they cannot be had, until another map
        needs no more than what is there.

        Args:
            modules: Top-level names of modules.
            warn: Called with a sentence when they cannot be had, or differ.
        """
        if self._match is None:
            return
        new = {*modules} - self._settled
        if new:
            self._announce(None)
        task = asyncio.ensure_future(self._add(self._match, new, warn))
        self._growing.add(task)
        task.add_done_callback(self._growing.discard)

    async def _add(
        self,
        match: Callable[[Collection[str]], Sequence[Match]],
        modules: set[str],
        warn: Callable[[str], None],
    ) -> None:
        async with self._turn:
            await asyncio.shield(self._current)
            key, now = frozenset(modules), asyncio.get_running_loop().time()
            failed_at, failure = self._failed.get(key, (0.0, None))
            try:
                if failure and now < failed_at + RETRY:
                    raise failure
                matches = await asyncio.to_thread(match, modules) if modules else []
                grown = await self._grown(matches, warn)
            except PackageError as error:
                if error is not failure:
                    self._failed[key] = now, error
                # Browsers stay without chunks until a map comes that they can compute.
                warn(f"browsers cannot take part in this map: {error}")
                return
            except ClosedError:
                return
            self._settled |= modules
            self._current = asyncio.get_running_loop().create_future()
            self._current.set_result(grown)

    async def _grown(self, matches: Sequence[Match], warn: Callable[[str], None]) -> Environment:
        """Returns an environment with these packages besides, the same if they are there."""
        if lacking := [each.difference for each in matches if each.problem]:
            raise PackageError("; ".join(lacking))
        found = self._found | {each.name: each for each in matches}
        if found == self._found:
            environment = await self.ready()
            self._announce(environment.sha256)
            return environment
        try:
            names = [each.requirement for each in found.values()]
            environment = await self._grow((*self._named, *names))
        except UnreachableError:
            raise
        except PackageError as error:
            # Versions that are installed together here may be impossible together there.
            logger.info("without the versions that are installed here: %s", error)
            environment = await self._grow((*self._named, *found))
            versions = {wheel.name: wheel.version for wheel in environment.wheels}
            found = {
                name: replace(each, there=versions.get(name, each.there))
                for name, each in found.items()
            }
        self._found = found
        for each in found.values():
            if each.difference and each.difference not in self._told:
                self._told.add(each.difference)
                warn(each.difference)
        return environment

    async def _grow(self, names: Sequence[str | PathLike[str]]) -> Environment:
        environment = await asyncio.to_thread(self._prepare, names)
        self._announce(environment.sha256)
        return environment
