"""Which of the owner's classes a mapped function can return, found by looking, not by running.

The search follows what the function's code refers to: globals by name, closure cells, defaults,
annotations, the parts of partials and bound methods, other plain functions, and the fields of the
classes found.  What it misses, `DistributedExecution.register` adds.  It runs on the owner only.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import types
import typing
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from nitocris.codec.registry import is_registrable

_MAX_OBJECTS = 20_000
"""Enough for any function; the search must not walk through a whole program."""
_MAX_PARTS = 100
"""Of a long list, the first items tell what the others are."""


def classes_reachable_from(function: Callable[..., Any]) -> tuple[type, ...]:
    """Answer the dataclasses, enums and named tuples that a function can be seen to use.

    Never raises; what cannot be looked into is skipped.
    """
    seen: set[int] = set()
    keep_alive: list[object] = []
    found: dict[type, None] = {}
    # First in, first out: what the function itself uses comes before the depths of its data.
    waiting: deque[object] = deque([function])
    while waiting and len(seen) < _MAX_OBJECTS:
        thing = waiting.popleft()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        # An id is only unique among living objects.
        keep_alive.append(thing)
        try:
            if is_registrable(thing):
                found[thing] = None  # type: ignore[index]
            waiting.extend(_parts(thing))
            # Of functools.wraps, lru_cache and their like.
            waiting.append(getattr(thing, "__wrapped__", None))
        except Exception:  # noqa: S112 - a strange object ends its own branch of the search only
            continue
    return tuple(found)


def _parts(thing: object) -> Iterator[object]:
    if isinstance(thing, types.FunctionType):
        yield from _function_parts(thing)
    elif isinstance(thing, functools.partial):
        yield thing.func
        yield from thing.args
        yield from thing.keywords.values()
    elif isinstance(thing, types.MethodType):
        yield thing.__func__
        yield thing.__self__
    elif isinstance(thing, (staticmethod, classmethod)):
        yield thing.__func__
    elif isinstance(thing, property):
        yield from (part for part in (thing.fget, thing.fset) if part is not None)
    elif isinstance(thing, type):
        yield from _class_parts(thing)
    elif typing.get_origin(thing) is not None or isinstance(thing, types.UnionType):
        yield typing.get_origin(thing)
        yield from typing.get_args(thing)
    elif isinstance(thing, (list, tuple, set, frozenset)):
        yield type(thing)
        yield from list(thing)[:_MAX_PARTS]
    elif isinstance(thing, dict):
        yield from list(thing.values())[:_MAX_PARTS]
    else:
        yield from _instance_parts(thing)


def _function_parts(function: types.FunctionType) -> Iterator[object]:
    if not _is_foreign(function.__module__):
        names = _names_in(function.__code__)
        for name in names:
            if name in function.__globals__:
                yield from _global_parts(function.__globals__[name], names)
        yield from _annotations(function, function.__globals__)
    # Also of a foreign function, which may be a decorator's.
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()


def _global_parts(value: object, names: set[str]) -> Iterator[object]:
    yield value
    if isinstance(value, types.ModuleType) and not _is_foreign(value.__name__):
        # `shapes.Circle` in the code: both names are in co_names.
        members = vars(value)
        yield from (members[name] for name in names if name in members)


def _names_in(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_in(constant)
    return names


def _class_parts(cls: type) -> Iterator[object]:
    if _is_foreign(cls.__module__):
        return
    yield from cls.__bases__
    scope = vars(sys.modules.get(cls.__module__, types.SimpleNamespace()))
    yield from _annotations(cls, scope)
    if dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            yield field.default_factory
    for member in list(vars(cls).values()):
        if isinstance(member, (types.FunctionType, staticmethod, classmethod, property, type)):
            yield member


def _instance_parts(thing: object) -> Iterator[object]:
    cls = type(thing)
    if cls.__module__ == "builtins" or isinstance(thing, types.ModuleType):
        return
    yield cls
    if not _is_foreign(cls.__module__):
        yield from list(getattr(thing, "__dict__", {}).values())[:_MAX_PARTS]


def _annotations(thing: Any, scope: dict[str, Any]) -> Iterator[object]:
    """Answer what annotations mean, as far as their names can be resolved."""
    for annotation in list(getattr(thing, "__annotations__", {}).values()):
        if not isinstance(annotation, str):
            yield annotation
            continue
        for name in _identifiers(annotation):
            if name in scope:
                yield scope[name]


def _identifiers(annotation: str) -> set[str]:
    # Compiled, not evaluated: names are all that is wanted, and evaluating can fail half-way.
    try:
        code = compile(annotation, "<annotation>", "eval")
    except (SyntaxError, ValueError):
        return set()
    return _names_in(code)


def _is_foreign(module: str | None) -> bool:
    """Answer whether a module belongs to the standard library or a large package."""
    top = (module or "").partition(".")[0]
    return (top in sys.stdlib_module_names and top != "__main__") or top in ("numpy", "pandas")
