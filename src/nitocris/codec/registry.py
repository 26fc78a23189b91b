"""Which of the owner's classes may come back: dataclasses, enums and named tuples.

A class is known by `module.qualname`, since the worker has its own copy of it.  Only its fields
travel.  The owner's side builds the instance without running any of the class's methods.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, Flag
from typing import Any

from nitocris.codec import tags
from nitocris.errors import ConfigurationError

_HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: the class was made by a class statement."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the codec knows of a registered class."""

    name: str
    cls: type[Any]
    tag: int
    fields: tuple[str, ...] = ()


class Registry:
    """The classes whose instances the codec carries.

    Of two classes with one name the later counts: in a notebook, the cell that was run last.
    """

    def __init__(self, classes: Iterable[type] = ()) -> None:
        """Take note of classes.

        Args:
            classes: Dataclasses, enums and named tuples.

        Raises:
            ConfigurationError: A class is none of these, or cannot be rebuilt from its fields.
        """
        self._by_name: dict[str, Shape] = {}
        self._by_class: dict[type, Shape] = {}
        for cls in classes:
            shape = shape_of(cls)
            self._by_name[shape.name] = shape
            self._by_class[cls] = shape

    def __iter__(self) -> Iterator[type]:
        """Go through the classes."""
        return (shape.cls for shape in self._by_name.values())

    def __len__(self) -> int:
        """Answer how many classes there are."""
        return len(self._by_name)

    def __contains__(self, cls: object) -> bool:
        """Answer whether instances of a class are carried."""
        return isinstance(cls, type) and self.of_class(cls) is not None

    def of_class(self, cls: type) -> Shape | None:
        """Answer the shape of a class, or of its namesake from another copy of the module."""
        shape = self._by_class.get(cls)
        if shape is None:
            shape = self._by_name.get(name_of(cls))
        return shape

    def of_name(self, name: str) -> Shape | None:
        """Answer the shape of the class with that name."""
        return self._by_name.get(name)


EMPTY_REGISTRY = Registry()


def name_of(cls: type) -> str:
    """Answer the name under which a class travels."""
    return f"{cls.__module__}.{cls.__qualname__}"


def is_registrable(cls: object) -> bool:
    """Answer whether a class can be registered."""
    return isinstance(cls, type) and _why_not(cls) is None


def shape_of(cls: type) -> Shape:
    """Answer how instances of a class are carried.

    Raises:
        ConfigurationError: They cannot be.
    """
    problem = _why_not(cls) if isinstance(cls, type) else "it is no class"
    if problem is not None:
        raise ConfigurationError(f"{cls!r} cannot be registered: {problem}")
    if issubclass(cls, Enum):
        return Shape(name_of(cls), cls, tags.FLAG if issubclass(cls, Flag) else tags.ENUM)
    if issubclass(cls, tuple):
        fields: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
        return Shape(name_of(cls), cls, tags.NAMEDTUPLE, fields)
    names = tuple(field.name for field in dataclasses.fields(cls))  # type: ignore[arg-type]
    return Shape(name_of(cls), cls, tags.DATACLASS, names)


def _why_not(cls: type) -> str | None:
    if issubclass(cls, Enum):
        return None if cls.__members__ else "an enum without members"
    if is_namedtuple(cls):
        return None
    if not dataclasses.is_dataclass(cls):
        return "only dataclasses, enums and named tuples are carried"
    for base in cls.__mro__[:-1]:
        # object.__new__ must not be used for a list, a dict or an exception.
        if not base.__flags__ & _HEAP_TYPE:
            return f"it is a {base.__name__} besides being a dataclass"
    for field in dataclasses.fields(cls):
        attribute = _static_attribute(cls, field.name)
        if not isinstance(attribute, types.MemberDescriptorType) and hasattr(
            type(attribute), "__set__"
        ):
            return f"its field {field.name!r} is a property"
    return None


def is_namedtuple(cls: type) -> bool:
    """Answer whether a class comes from `namedtuple` or `typing.NamedTuple`."""
    fields = getattr(cls, "_fields", None)
    return (
        issubclass(cls, tuple)
        and cls is not tuple
        and type(fields) is tuple
        and all(type(field) is str for field in fields)
    )


def _static_attribute(cls: type, name: str) -> object:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None
