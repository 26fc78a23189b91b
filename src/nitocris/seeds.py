"""`seed=`: checked where the owner wrote it, and turned into what workers make generators of."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .errors import ConfigurationError
from .worker.seeded import NumpySeed, Seed, Seeded, StandardSeed

if TYPE_CHECKING:
    from numpy.random import SeedSequence

SeedKind: TypeAlias = Literal["numpy", "random"]

NAME = "rng"
"""What functions call their generator, as SciPy does (SPEC 7)."""


def seeded(
    function: Callable[..., Any], seed: int | SeedSequence, kind: SeedKind | None = None
) -> Seeded:
    """Returns a function that takes the index of its item first and gives itself a generator.

    Args:
        function: What the owner maps; it must take `rng`.
        seed: A whole number, or a `SeedSequence` of NumPy.
        kind: Whose generators: NumPy's (the default) or the standard library's.

    Raises:
        ConfigurationError: The seed is none, NumPy is not there, or the function takes no `rng`.
    """
    if kind not in (None, "numpy", "random"):
        raise ConfigurationError(f"seed_kind={kind!r} is not known; use 'numpy' or 'random'")
    _check_takes_generator(function)
    return Seeded(function, _standard(seed) if kind == "random" else _numpy(seed))


def _numpy(seed: int | SeedSequence) -> Seed:
    try:
        from numpy.random import SeedSequence
    except ImportError:
        raise ConfigurationError(
            "seed= hands out generators of NumPy, which is not installed here; install it, or "
            "take those of the standard library with seed_kind='random'"
        ) from None
    if isinstance(seed, SeedSequence):
        return NumpySeed(SeedSequence, seed.entropy, seed.spawn_key, seed.pool_size)
    return NumpySeed(SeedSequence, _number(seed, "or a numpy.random.SeedSequence"))


def _standard(seed: object) -> Seed:
    return StandardSeed(_number(seed, "with seed_kind='random'"))


def _number(seed: Any, otherwise: str) -> int:
    try:
        number = -1 if isinstance(seed, bool) else int(seed.__index__())
    except AttributeError:
        number = -1
    if number < 0:
        raise ConfigurationError(
            f"seed must be a whole number of at least 0 {otherwise}, not {seed!r:.80}"
        )
    return number


def _check_takes_generator(function: Callable[..., Any]) -> None:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C: the call will tell
        return
    named = parameters.get(NAME)
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    if named is not None and named.kind in by_name:
        return
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return
    name = getattr(function, "__qualname__", repr(function))
    raise ConfigurationError(
        f"with seed=, each call gets a random generator by the name {NAME}, but {name} has no such "
        f"parameter; write def {name.rpartition('.')[2]}(item, {NAME})"
    )
