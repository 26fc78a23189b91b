"""Fingerprints of functions and items that are the same in every process that runs the same script.

    value --parts, in an order of their own--> SHA-256

A pickle will not do: the order of sets depends on the process, dynamic classes get random names,
and equal texts are written once or twice, as they happen to be one object or two.  Here equal
values have equal fingerprints; what cannot be told for certain has none.  Files and line numbers
do not count, so a function may be moved.
"""

from __future__ import annotations

import copyreg
import hashlib
import pickle
import struct
from collections.abc import Callable, Iterable
from functools import partial
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
)
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import cloudpickle

from . import own_modules, shipment
from .captures import globals_of
from .imports import imports_of_function
from .pickling import pickled, travels_by_name
from .worker.shared import Shared

_OF_THE_PROCESS = frozenset(
    (
        "__dict__",
        "__weakref__",
        "__module__",
        "__firstlineno__",
        "__static_attributes__",
        "_abc_impl",
    )
)
"""What a class has besides what its author wrote."""


_HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: the class was made by a class statement, or may have been."""


_shared: WeakKeyDictionary[Shared[Any], bytes] = WeakKeyDictionary()


class UnstableError(TypeError):
    """A value that cannot be recognised in another process."""


def fingerprint_of_function(function: Callable[..., Any]) -> bytes:
    """Returns what a function has in common with itself in another process.

    What it refers to and the files of own modules that it needs count as well.

    Raises:
        UnstableError: It cannot be told.
    """
    try:
        parts = pickled(function)
        needed = own_modules.needs(parts.referenced).modules
        archives = [hashlib.sha256(each.archive).digest() for each in needed]
        return hashlib.sha256(b"".join([_Walk().of(function), *archives])).digest()
    except UnstableError:
        raise
    except Exception as error:  # whatever the owner's objects say of themselves
        raise UnstableError(str(error)) from error


class ItemFingerprints:
    """Fingerprints of the items of one map.

    Args:
        carried: The own modules that the function's fingerprint has in it.
    """

    def __init__(self, carried: Iterable[str] = ()) -> None:
        self._carried = frozenset(carried)
        self._known: dict[frozenset[str], bytes] = {}

    def of(self, arguments: tuple[Any, ...]) -> bytes | None:
        """Returns the fingerprint of an item's arguments, None if it cannot be told."""
        walk = _Walk()
        try:
            found = walk.of(arguments)
            names = frozenset(
                name for name in walk.referenced if name.partition(".")[0] not in self._carried
            )
            return hashlib.sha256(found + self._own(names)).digest()
        except Exception:  # whatever the owner's objects say of themselves
            return None

    def _own(self, names: frozenset[str]) -> bytes:
        if not names:
            return b""
        known = self._known.get(names)
        if known is None:
            modules = own_modules.needs(names).modules
            known = b"".join(hashlib.sha256(each.archive).digest() for each in modules)
            self._known[names] = known
        return known


class _Walk:
    """Goes through a value and all its parts.

    Attributes:
        referenced: Modules of what is known by name.
    """

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        """What is being gone through, with its depth: it may contain itself."""
        self._done: dict[int, bytes] = {}
        self._alive: list[object] = []
        """So that no id of these is used a second time."""
        self.referenced: set[str] = set()

    def of(self, value: Any) -> bytes:
        """Returns a text of bytes that only equal values have."""
        plain = _PLAIN.get(type(value))
        if plain is not None:
            return plain(value)
        key = id(value)
        if key in self._done:
            return self._done[key]
        if key in self._open:
            return b"^%d" % self._open[key]
        self._open[key] = len(self._open)
        try:
            found = b"#" + hashlib.sha256(self._compound(value)).digest()
        finally:
            del self._open[key]
        self._done[key] = found
        self._alive.append(value)
        return found

    def _compound(self, value: Any) -> bytes:
        kind = type(value)
        if kind is tuple or kind is list:
            return self._row(kind.__name__, *value)
        if kind is dict:
            return self._row("dict", *(each for pair in value.items() for each in pair))
        if isinstance(value, set | frozenset):
            elements = sorted(map(self.of, value))
            own = getattr(value, "__dict__", None)
            return b"".join([self._row("set", kind, own), *elements])
        if kind is CodeType:
            return self._code(value)
        if kind is FunctionType:
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if kind is BuiltinFunctionType and isinstance(value.__self__, ModuleType | None):
            return self._name(value)
        if issubclass(kind, ModuleType):
            self.referenced.add(value.__name__)
            return self._row("module", value.__name__)
        if kind is Shared:
            return self._shared(value)
        if kind is pickle.PickleBuffer:
            return b"buffer" + hashlib.sha256(value.raw()).digest()
        if kind is TypeVar:
            return self._row("typevar", value.__name__, value.__bound__, value.__constraints__)
        return self._reduced(value)

    def _shared(self, value: Shared[Any]) -> bytes:
        """Goes through what travels, which the owner cannot change any more, once per handle."""
        if value not in _shared:
            content = shipment.unpack(memoryview(value.payload), {})
            _shared[value] = _Walk()._row("shared", content)
        self.referenced.update(value.modules)
        return _shared[value]

    def _row(self, name: str, *parts: Any) -> bytes:
        found = [self.of(part) for part in parts]
        return b"".join([name.encode(), b":%d:" % len(found), *found])

    def _name(self, value: Any) -> bytes:
        self.referenced.add(value.__module__ or "")
        return self._row("name", value.__module__, value.__qualname__)

    def _code(self, code: CodeType) -> bytes:
        return self._row(
            "code",
            code.co_code,
            code.co_consts,
            code.co_names,
            code.co_varnames,
            code.co_freevars,
            code.co_cellvars,
            (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
            code.co_exceptiontable,
        )

    def _function(self, function: FunctionType) -> bytes:
        if travels_by_name(function):
            return self._name(function)
        self.referenced.update(imports_of_function(function))
        space = function.__globals__
        used = {name: space[name] for name in sorted(globals_of(function.__code__) & space.keys())}
        return self._row(
            "function",
            function.__code__,
            used,
            function.__defaults__,
            function.__kwdefaults__,
            function.__closure__,
            function.__dict__,
        )

    def _class(self, cls: type) -> bytes:
        if not cls.__flags__ & _HEAP_TYPE or travels_by_name(cls):
            return self._name(cls)
        written = {
            name: value
            for name, value in sorted(vars(cls).items())
            if name not in _OF_THE_PROCESS
            and not isinstance(value, GetSetDescriptorType | MemberDescriptorType)
        }
        return self._row("class", type(cls), cls.__qualname__, cls.__bases__, written)

    def _reduced(self, value: Any) -> bytes:
        kind = type(value)
        reduce = copyreg.dispatch_table.get(kind) or cloudpickle.CloudPickler.dispatch_table.get(
            kind
        )
        reduced: Any = reduce(value) if reduce else value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        if isinstance(reduced, str):
            if value.__module__ == "__main__":
                raise UnstableError(f"{value!r:.80} is known by its name only")
            self.referenced.add(value.__module__)
            return self._row("named", value.__module__, reduced)
        parts = [list(part) if hasattr(part, "__next__") else part for part in reduced]
        self._alive.append(parts)
        return self._row("object", *parts)


def _sized(tag: bytes, data: bytes) -> bytes:
    return b"%s%d:%s" % (tag, len(data), data)


def _constant(tag: bytes, _: object) -> bytes:
    return tag


_PLAIN: dict[type, Callable[[Any], bytes]] = {
    type(None): partial(_constant, b"N"),
    type(...): partial(_constant, b"E"),
    type(NotImplemented): partial(_constant, b"I"),
    bool: lambda value: b"T" if value else b"F",
    int: lambda value: b"i%x;" % value,
    float: lambda value: b"f" + struct.pack("<d", value),
    complex: lambda value: b"c" + struct.pack("<dd", value.real, value.imag),
    str: lambda value: _sized(b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: _sized(b"b", value),
    bytearray: lambda value: _sized(b"a", bytes(value)),
}
