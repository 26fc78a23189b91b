"""What the owner wants of one map, checked before anything starts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from operator import length_hint
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from .display import Display
from .errors import ConfigurationError
from .replay import Kept
from .seeds import SeedKind, seeded
from .verify import Verify, VerifyOption, chosen
from .worker.rules import Rules

if TYPE_CHECKING:
    from numpy.random import SeedSequence

Errors: TypeAlias = Literal["raise", "return", "skip"]

DEFAULT_TIMEOUT = 300.0
"""Seconds without a result before a chunk is given to another worker; a long item on a slow phone
still fits."""


class MapOptions(TypedDict, total=False):
    """What maps and streams take by name; None is the same as leaving it out.

    Attributes:
        errors: What becomes of items that fail: the first one is raised ("raise", the default),
            its exception stands in the result's place ("return"), or it is left out ("skip").
        chunk_size: Items per chunk; by default learnt from each worker's speed.
        chunksize: The same, by the name in `concurrent.futures`.
        timeout: Seconds for the whole call, then `TimeoutError`.
        timeout_in_seconds: After so long without any result from a chunk, it is given to another
            worker.
        item_timeout: Seconds that the function may take for one item.
        retries: How often an item is computed again that raised one of `retry_on`.
        retry_on: Types of exceptions.
        buffersize: How many items at most are taken from the iterables and not yet handed over.
        seed: Gives each call a random generator of its own as `rng=`, which depends on this number
            (or NumPy `SeedSequence`) and the index of the item, and on nothing else.
        seed_kind: Whose generators: "numpy" (the default), `numpy.random.Generator`, or "random",
            `random.Random`.
        verify: How results of volunteers come to be believed: "outside", "auto", a `Verify`, or
            False for as they come.
    """

    errors: Errors | None
    chunk_size: int | None
    chunksize: int | None
    timeout: float | None
    timeout_in_seconds: float | None
    item_timeout: float | None
    retries: int | None
    retry_on: type[Exception] | tuple[type[Exception], ...] | None
    buffersize: int | None
    seed: int | SeedSequence | None
    seed_kind: SeedKind | None
    verify: VerifyOption


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an execution sets for all its calls, and each call may override."""

    timeout_in_seconds: float = DEFAULT_TIMEOUT
    chunk_size: int | None = None
    item_timeout: float | None = None
    retries: int = 0
    retry_on: type[Exception] | tuple[type[Exception], ...] = (OSError,)

    def __post_init__(self) -> None:
        check_seconds("timeout_in_seconds", self.timeout_in_seconds)
        if self.chunk_size is not None:
            check_count("chunk_size", self.chunk_size, low=1)
        if self.item_timeout is not None:
            check_seconds("item_timeout", self.item_timeout)
            if not isfinite(self.item_timeout):  # no clock of an operating system takes it
                raise ConfigurationError("item_timeout must be finite; None is no limit")
        check_count("retries", self.retries, low=0)
        _check_exceptions("retry_on", self.retry_on)

    def overridden(self, options: MapOptions) -> Limits:
        """Returns these limits with those that a call gives in their place."""
        names = {each.name for each in fields(self)}
        given: dict[str, Any] = {
            name: value for name, value in options.items() if name in names and value is not None
        }
        return replace(self, **given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One map, as the owner wants it.

    Attributes:
        function: What to map.
        items: Where the tuples of its arguments come from.
        total: How many there are, None if unknown.
        limits: Chunks, times and retries.
        errors: What becomes of items that fail.
        keep_going: Whether the workers go on after an item that failed.
        timeout: Seconds for the whole call, None for no limit.
        deadline: When they are over, by `time.monotonic`.
        buffersize: How many items may be taken and not yet handed over, None for no limit.
        classes: What results may be made of, besides the classes that the function mentions;
            None to have them pickled.
        examine: Whether to look at the function and the first items for packages they need.
        display: What the owner sees.
        wrapper: What is sent in the function's place, if something is.
        kept: How much of the items is kept for errors.
        check: Whether to look at it before others compute.
        verify: How results of volunteers come to be believed, None for as they come.
        hidden: How many leading arguments of each item the owner did not give.
    """

    function: Callable[..., Any]
    items: Iterator[tuple[Any, ...]]
    total: int | None
    limits: Limits
    errors: Errors = "raise"
    keep_going: bool = False
    timeout: float | None = None
    deadline: float | None = None
    buffersize: int | None = None
    classes: tuple[type, ...] | None
    examine: bool
    display: Display
    wrapper: Callable[..., Any] | None = None
    kept: Kept = field(default_factory=Kept)
    check: bool = False
    verify: Verify | None = None
    hidden: int = 0

    @property
    def callee(self) -> Callable[..., Any]:
        """What takes the arguments of an item."""
        return self.wrapper or self.function

    @property
    def rules(self) -> Rules:
        """What the workers must know of it."""
        retry_on = self.limits.retry_on if self.limits.retries else ()
        if isinstance(retry_on, type):
            retry_on = (retry_on,)
        return Rules(self.keep_going, retry_on, self.limits.item_timeout)

    def with_options(self, options: MapOptions) -> Call:
        """Returns this call with what the owner gave by name.

        Raises:
            ConfigurationError: An option cannot work.
            TypeError: An option is none of these.
        """
        _check_names(options)
        timeout, buffersize = options.get("timeout"), options.get("buffersize")
        if timeout is not None:
            check_seconds("timeout", timeout)
        if buffersize is not None:
            check_count("buffersize", buffersize, low=1)
        seed, seed_kind = options.get("seed"), options.get("seed_kind")
        if seed is None and seed_kind is not None:
            raise ConfigurationError(f"seed_kind={seed_kind!r} needs a seed, such as seed=42")
        errors = options.get("errors") or "raise"
        if errors not in ("raise", "return", "skip"):
            raise ConfigurationError(
                f"errors={errors!r} is not known; use 'raise', 'return' or 'skip'"
            )
        function, items = self.function, self.items
        if seed is not None:
            function = seeded(function, seed, seed_kind)
            items = ((index, *arguments) for index, arguments in enumerate(items))
        given = options.get("verify")
        verify = self.verify if given is None else chosen(given)
        if verify and verify.known and seed is not None:
            raise ConfigurationError(
                "known has no results for seed=, with which they depend on the index of the item"
            )
        return replace(
            self,
            verify=verify,
            hidden=int(seed is not None),
            function=function,
            items=items,
            limits=self.limits.overridden(_one_chunk_size(options)),
            errors=errors,
            keep_going=self.keep_going or errors != "raise",
            timeout=timeout,
            deadline=None if timeout is None else time.monotonic() + timeout,
            buffersize=self.buffersize if buffersize is None else buffersize,
        )


def in_step(
    name: str, function: object, iterables: tuple[Iterable[Any], ...]
) -> tuple[Iterator[tuple[Any, ...]], int | None]:
    """Returns the argument tuples of several iterables, and their number if it is known.

    Raises:
        ConfigurationError: One cannot be iterated over, or the function is none.
    """
    check_function(name, function)
    if not iterables:
        raise ConfigurationError(f"{name} needs at least one iterable after the function")
    for iterable in iterables:
        _check_iterable(name, iterable)
    lengths = [length_hint(iterable, -1) for iterable in iterables]
    return zip(*iterables, strict=False), None if -1 in lengths else min(lengths)


def starred(
    function: object, iterable: Iterable[Iterable[Any]]
) -> tuple[Iterator[tuple[Any, ...]], int | None]:
    """Returns the argument tuples that an iterable holds ready, and their number if it is known.

    Raises:
        ConfigurationError: It cannot be iterated over, or the function is none; while iterating,
            an item is no sequence of arguments.
    """
    check_function("starmap", function)
    _check_iterable("starmap", iterable)
    total = length_hint(iterable, -1)
    return _tuples(iterable), None if total == -1 else total


def check_function(name: str, function: object) -> None:
    """Raises a readable error unless this is a function.

    Raises:
        ConfigurationError: It is not.
    """
    if not callable(function):
        raise ConfigurationError(f"{name} needs a function first, not {function!r:.80}")


def check_count(name: str, value: int, *, low: int) -> int:
    """Returns a whole number that is large enough.

    Raises:
        ConfigurationError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigurationError(f"{name} must be a whole number of at least {low}, not {value!r}")
    return value


def check_seconds(name: str, value: float) -> float:
    """Returns a number above 0.

    Raises:
        ConfigurationError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ConfigurationError(f"{name} must be a number of seconds above 0, not {value!r}")
    return value


def check_text(name: str, value: str, *, longest: int) -> str:
    """Returns a text that is neither empty nor too long.

    Raises:
        ConfigurationError: It is not.
    """
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} must be a text that says something, not {value!r:.80}")
    if len(value) > longest:
        raise ConfigurationError(
            f"{name} must have at most {longest:,} characters, not {len(value):,}"
        )
    return value


def _check_iterable(name: str, iterable: object) -> None:
    if isinstance(iterable, AsyncIterable) and not isinstance(iterable, Iterable):
        raise ConfigurationError(f"{name} cannot iterate over {iterable!r:.80}; amap can")
    if not isinstance(iterable, Iterable) and not hasattr(iterable, "__getitem__"):
        raise ConfigurationError(f"{name} cannot iterate over {iterable!r:.80}")


def _tuples(iterable: Iterable[Iterable[Any]]) -> Iterator[tuple[Any, ...]]:
    for index, arguments in enumerate(iterable):
        try:
            yield tuple(arguments)
        except TypeError:
            raise ConfigurationError(
                f"starmap needs the arguments of each item as a tuple, "
                f"but item {index} is {arguments!r:.80}"
            ) from None


def _check_names(options: MapOptions) -> None:
    known = MapOptions.__annotations__
    for name in options:
        if name not in known:
            # As Python itself says it of a wrong name.
            raise TypeError(f"there is no option {name!r}; there are {', '.join(known)}")


def _one_chunk_size(options: MapOptions) -> MapOptions:
    ours, standard = options.get("chunk_size"), options.get("chunksize")
    if ours is not None and standard is not None and ours != standard:
        raise ConfigurationError(
            f"chunk_size={ours!r} and chunksize={standard!r} are two names of one option"
        )
    return {**options, "chunk_size": standard if ours is None else ours}


def _check_exceptions(name: str, value: object) -> None:
    types = value if isinstance(value, tuple) else (value,)
    for each in types:
        if not (isinstance(each, type) and issubclass(each, Exception)):
            raise ConfigurationError(
                f"{name} must be a type of exception or a tuple of them, not {value!r:.80}"
            )
