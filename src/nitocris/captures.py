"""What a function takes along by value: globals, closures, defaults, attributes of `self`.

    function --> functions pickled by value, one after another --> captures, each with its size

Modules, functions and classes that travel by name are no captures.  What cannot be sent is named
with the way to it, such as `settings['log']`, since pickle's own message names a type only.
"""

from __future__ import annotations

import dis
import functools
from collections import deque
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from . import own_modules
from .imports import imports_of_function
from .own_modules import OwnModule
from .pickling import pickled, travels_by_name
from .remarks import named_parts, problem_with, remarks_on


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
        if problem := problem_with(name, value):
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
        for name in sorted(globals_of(function.__code__) & space.keys()):
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
        for name, value in named_parts(instance):
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
        return Capture(name, kind, 0, problem_with(name, value), sendable=False)
    return Capture(name, kind, size, remarks_on(name, value, size))


def globals_of(code: CodeType) -> set[str]:
    """Returns the names of globals that code uses, also in functions inside it."""
    names = {each.argval for each in dis.get_instructions(code) if each.opname.endswith("_GLOBAL")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= globals_of(constant)
    return names


def _is_constant(value: object) -> bool:
    """Returns whether something is too plain to be told of."""
    return value is None or isinstance(value, bool | int | float | complex)
