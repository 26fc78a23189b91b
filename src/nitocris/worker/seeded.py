"""Random numbers of an item: they depend on the seed and the item's index, and on nothing else.

    (index, *arguments) --> Seeded --> function(*arguments, rng=seed.generator(index))

So they are the same in whatever chunk, order, attempt or kind of worker the item is computed.
NumPy is imported only where the owner asked for its generators.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.random import Generator, SeedSequence


class Seed(Protocol):
    """What all generators of one map come from."""

    def generator(self, index: int) -> Any:
        """Returns a new generator for an item."""
        ...


@dataclass(frozen=True, slots=True)
class NumpySeed:
    """Gives item `i` the generator of `SeedSequence(entropy).spawn(i + 1)[i]`.

    Attributes:
        sequence: NumPy's class itself, so that who looks for the packages of a function sees NumPy.
        entropy: As of `SeedSequence`.
        spawn_key: The key of the parent, to which the index is added.
        pool_size: As of `SeedSequence`.
    """

    sequence: type[SeedSequence]
    entropy: Any
    spawn_key: tuple[int, ...] = ()
    pool_size: int = 4

    def generator(self, index: int) -> Generator:
        """Returns a new generator for an item."""
        from numpy.random import default_rng

        key = (*self.spawn_key, index)
        return default_rng(self.sequence(self.entropy, spawn_key=key, pool_size=self.pool_size))

    def __str__(self) -> str:
        child = f", spawn_key={self.spawn_key}" if self.spawn_key else ""
        return f"numpy.random.SeedSequence({self.entropy}{child})"


@dataclass(frozen=True, slots=True)
class StandardSeed:
    """Gives item `i` the generator `random.Random(f"{number}:{i}")`.

    A text, because Python hashes texts with SHA-512, so that neighbours have nothing in common.
    """

    number: int

    def generator(self, index: int) -> random.Random:
        """Returns a new generator for an item."""
        return random.Random(f"{self.number}:{index}")  # noqa: S311  # not for secrets

    def __str__(self) -> str:
        return f"random.Random, {self.number}"


class Seeded:
    """A function whose items bring their index, and which gives each call its generator.

    Args:
        function: What the owner maps.
        seed: Where the generators come from.
    """

    def __init__(self, function: Callable[..., Any], seed: Seed) -> None:
        self.function = function
        self.seed = seed
        # Messages name the owner's function, and what looks for its classes and source finds it.
        update_wrapper(self, function, ("__name__", "__qualname__"), ())

    def __call__(self, index: int, /, *arguments: Any) -> Any:
        """Calls the function."""
        return self.function(*arguments, rng=self.seed.generator(index))
