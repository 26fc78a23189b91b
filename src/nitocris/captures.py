"""What a function takes along by value: globals, closures, defaults, attributes of `self`.

    function --> functions pickled by value, one after another --> captures, each with its size

Modules, functions and classes that travel by name are no captures.  What cannot be sent is named
with the way to it, such as `settings['log']`, since pickle's own message names a type only.
"""

from __future__ import annotations

import dis
import functools
import io
import os
import re
import socket
import threading
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from . import own_modules
from .imports import imports_of_function
from .own_modules import OwnModule
from .pickling import pickled, travels_by_name

LARGE_BYTES = 1_000_000
"""From here on a capture is pointed out: every device downloads it."""

_SECRET = re.compile(
    r"(?i)(^|_)(password|passwd|pwd|passphrase|secrets?|tokens?|api_?keys?|credentials?|private_?key)"
    r"($|_)"
)
_MAX_PARTS = 1_000
"""Of a container or an object, so many are looked at by name."""
_MAX_DEPTH = 6
_ENVIRONMENT_ENTRIES = 5
"""A mapping with so many of this process's variables is a copy of the environment."""

_LOCKS = (
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Condition,
    threading.Semaphore,
    threading.Event,
    threading.Barrier,
)


@dataclass(frozen=True, slots=True)
class Capture:
    """Something that travels with a function.

    Attributes:
        name: As the function calls it.
        kind: `"global"`, `"closure"`, `"default"`, `"attribute"` or `"argument"` (of a partial).
        bytes: How much travels; 0 for what cannot be sent.
        warning: What the owner should know of it, as a sentence.
        sendable: Whether it can be sent.
    """

    name: str
    kind: str
    bytes: int
    warning: str | None = None
    sendable: bool = True


@dataclass(frozen=True, slots=True)
class Examination:
    """What goes along when a function travels.

    Attributes:
        modules: The owner's own modules.
        imports: Top-level names of other modules that it needs, but for the standard library.
        captures: What it takes along by value, the largest first.
        warnings: Sentences about the own modules.
    """

    modules: tuple[OwnModule, ...]
    imports: frozenset[str]
    captures: tuple[Capture, ...]
    warnings: tuple[str, ...] = ()


def examine(function: object) -> Examination:
    """Looks at what a function takes along, without calling it.

    Args:
        function: What would be mapped: a function, a method, a partial, any callable.

    Raises:
        NotSendableError: An own module cannot travel.
    """
    walk = _Walk(function)
    found = sorted((_capture(*each) for each in walk.captures), key=lambda each: -each.bytes)
    try:
        parts = pickled(function)
    except Exception:  # a capture says which part cannot be sent
        needed = own_modules.needs(walk.referenced)
    else:
        needed = own_modules.needs(parts.referenced, parts.mentioned)
    return Examination(needed.modules, needed.imports, tuple(found), needed.warnings)


def reason_not_sendable(function: object) -> str | None:
    """Returns which capture of a function cannot be sent and what to do, or None if all can."""
    for name, kind, value in _Walk(function).captures:
        if problem := _problem(name, value):
            return f"its {kind} {problem}"
    return None


class _Walk:
    """Goes through functions that are pickled by value, and notes what they refer to."""

    def __init__(self, function: object) -> None:
        self.captures: list[tuple[str, str, Any]] = []
        self.referenced: set[str] = set()
        self._seen: set[int] = set()
        self._waiting: deque[object] = deque([function])
        while self._waiting:
            self._look_at(self._waiting.popleft())

    def _look_at(self, value: object) -> None:
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, functools.partial):
            for index, each in enumerate(value.args):
                self._note(f"argument {index}", "argument", each)
            for name, each in value.keywords.items():
                self._note(name, "argument", each)
            self._waiting.append(value.func)
        elif isinstance(value, MethodType):
            self._attributes(value.__self__)
            self._waiting.append(value.__func__)
        elif isinstance(value, FunctionType):
            if not travels_by_name(value):
                self._function(value)
            else:
                self.referenced.add(value.__module__)
        elif isinstance(value, type):
            if not travels_by_name(value):
                self._class(value)
            else:
                self.referenced.add(value.__module__)
        elif not isinstance(value, BuiltinFunctionType) and callable(value):
            self._attributes(value)
            self._waiting.append(getattr(value, "__wrapped__", None))

    def _function(self, function: FunctionType) -> None:
        self.referenced.update(imports_of_function(function))
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            try:
                self._note(name, "closure", cell.cell_contents)
            except ValueError:  # not filled yet
                continue
        space = function.__globals__
        for name in sorted(_globals_of(function.__code__) & space.keys()):
            self._note(name, "global", space[name])
        arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
        defaults = function.__defaults__ or ()
        for name, value in zip(arguments[-len(defaults) :], defaults, strict=False):
            self._note(name, "default", value)
        for name, value in (function.__kwdefaults__ or {}).items():
            self._note(name, "default", value)

    def _class(self, cls: type) -> None:
        self._waiting.extend(cls.__bases__)
        for name, value in vars(cls).items():
            inner = getattr(value, "__func__", value)
            if isinstance(inner, FunctionType | type):
                self._waiting.append(inner)
            elif not name.startswith("__"):
                self._note(f"{cls.__name__}.{name}", "attribute", value)

    def _attributes(self, instance: object) -> None:
        if isinstance(instance, type | ModuleType):
            self._waiting.append(instance)
            return
        self._waiting.append(type(instance))
        for name, value in _named_parts(instance):
            self._note(f"self.{name}", "attribute", value)

    def _note(self, name: str, kind: str, value: Any) -> None:
        if isinstance(value, FunctionType | MethodType | type | functools.partial):
            self._waiting.append(value)
        elif isinstance(value, ModuleType):
            self.referenced.add(value.__name__)
        elif not (
            isinstance(value, BuiltinFunctionType) or _is_constant(value) or id(value) in self._seen
        ):
            self._seen.add(id(value))
            self.captures.append((name, kind, value))


def _capture(name: str, kind: str, value: Any) -> Capture:
    try:
        size = pickled(value).nbytes
    except Exception:
        return Capture(name, kind, 0, _problem(name, value), sendable=False)
    warnings = [
        f"{name} has {size / 1e6:.1f} MB, which each device downloads once"
        if size > LARGE_BYTES
        else None,
        f"{name} is an open file, of which workers get the content as it is now"
        if isinstance(value, io.IOBase)
        else None,
        _about_environment(name, value),
        _about_secrets(name, value),
    ]
    return Capture(name, kind, size, "; ".join(filter(None, warnings)) or None)


def _problem(name: str, value: Any) -> str | None:
    """Returns what in a value cannot be sent and what to do, or None if it can be."""
    try:
        pickled(value)
    except Exception as error:
        path, culprit = _culprit(name, value, _MAX_DEPTH)
        what, remedy = _kind_of(culprit)
        if not what:
            return f"{path} ({type(culprit).__qualname__}) cannot be pickled: {error}"
        return f"{path} is {what}, which cannot be sent; {remedy}"
    return None


def _culprit(name: str, value: Any, depth: int) -> tuple[str, Any]:
    """Follows what cannot be pickled to the innermost part that has a name."""
    if depth and not _kind_of(value)[0]:
        for path, part in _parts(name, value):
            try:
                pickled(part)
            except Exception:
                return _culprit(path, part, depth - 1)
    return name, value


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        parts = ((f"{name}[{key!r}]", each) for key, each in value.items())
    elif isinstance(value, list | tuple):
        parts = ((f"{name}[{index}]", each) for index, each in enumerate(value))
    else:
        parts = ((f"{name}.{key}", each) for key, each in _named_parts(value))
    yield from parts


def _named_parts(value: object) -> list[tuple[str, Any]]:
    found = list(getattr(value, "__dict__", {}).items())
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                found.append((name, getattr(value, name)))
    return [each for each in found if not each[0].startswith("__")][:_MAX_PARTS]


def _kind_of(value: Any) -> tuple[str, str]:
    """Returns what something is that no pickle can hold, and what to do instead."""
    match value:
        case io.IOBase():
            return "an open file", "open it inside the function, or pass its content"
        case socket.socket():
            return "a socket", "connect inside the function, on native workers only"
        case Generator() | Coroutine() | AsyncGenerator():
            return "a generator", "make a list of it, or map over it"
        case threading.Thread() | Executor():
            return "a thread or a pool", "start it inside the function"
    if isinstance(value, _LOCKS):
        return "a lock", "create it inside the function: workers share no memory anyway"
    if callable(getattr(value, "cursor", None)) and callable(getattr(value, "commit", None)):
        return "a database connection", "connect inside the function, or pass what was read"
    if type(value).__module__.startswith("nitocris."):
        return "a part of the execution itself", "map from the owner's process only"
    return "", ""


def _about_environment(name: str, value: Any) -> str | None:
    if value is not os.environ:
        if not isinstance(value, dict) or len(value) < _ENVIRONMENT_ENTRIES:
            return None
        same = sum(
            1
            for key, each in os.environ.items()
            if key in value and isinstance(value[key], str) and value[key] == each
        )
        if same < _ENVIRONMENT_ENTRIES:
            return None
    return (
        f"{name} has the environment variables of this machine, often with secrets; pass the few "
        "values that are needed"
    )


def _about_secrets(name: str, value: Any) -> str | None:
    named = [(name, name.rpartition(".")[2], value)]
    if isinstance(value, dict):
        entries = list(value.items())[:_MAX_PARTS]
        named += [(f"{name}[{k!r}]", k, each) for k, each in entries if isinstance(k, str)]
    else:
        named += [(f"{name}.{key}", key, each) for key, each in _named_parts(value)]
    for path, key, each in named:
        if isinstance(each, str | bytes) and each and _SECRET.search(key):
            return f"{path} looks like a secret, and whoever computes can read it"
    return None


def _globals_of(code: CodeType) -> set[str]:
    names = {each.argval for each in dis.get_instructions(code) if each.opname.endswith("_GLOBAL")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _globals_of(constant)
    return names


def _is_constant(value: object) -> bool:
    """Returns whether something is too plain to be told of."""
    return value is None or isinstance(value, bool | int | float | complex)
