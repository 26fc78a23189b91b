"""Which classes may travel: those that were registered, and what a function can be seen to use."""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
from collections import namedtuple
from dataclasses import dataclass
from typing import Any, NamedTuple

import cloudpickle
import pytest

from nitocris.codec import Registry, classes_reachable_from, decode, encode, is_registrable
from nitocris.errors import ConfigurationError

from . import samples
from .samples import CLASSES, Colour, Fit, Level, Pair, Permission, Point, Triple, Weighted


@dataclass
class WithProperty:
    """A dataclass one of whose fields is a property."""

    x: int


WithProperty.x = property(lambda self: 1)  # type: ignore[assignment]


@dataclass
class ErrorData(Exception):
    """An exception that is a dataclass as well."""

    x: int = 0


@dataclass
class ListData(list[int]):
    """A list that is a dataclass as well."""

    x: int = 0


class Empty(enum.Enum):
    """An enum without members."""


@pytest.mark.parametrize("cls", CLASSES)
def test_dataclasses_enums_and_named_tuples_are_registrable(cls: type) -> None:
    """Each of them can be registered, and is then known."""
    assert is_registrable(cls)
    assert cls in Registry([cls])
    assert list(Registry([cls])) == [cls]
    assert len(Registry([cls, cls])) == 1


@pytest.mark.parametrize(
    "thing",
    [int, str, object, WithProperty, ErrorData, ListData, Empty, "Point", Point(1, 2), None],
)
def test_anything_else_is_refused_with_a_reason(thing: Any) -> None:
    """What cannot be rebuilt from its fields alone is refused at once, not when a result comes."""
    assert not is_registrable(thing)
    assert thing not in Registry()
    with pytest.raises(ConfigurationError, match="cannot be registered"):
        Registry([thing])


def test_of_two_classes_with_one_name_the_later_counts() -> None:
    """In a notebook the cell that was run last is meant."""
    old, new = (dataclasses.make_dataclass("Cell", [name]) for name in ("a", "b"))
    old.__module__ = new.__module__ = "notebook"
    registry = Registry([old, new])

    assert list(registry) == [new]
    value: Any = decode(encode(new(1), registry), registry)
    assert type(value) is new


def test_the_workers_copy_of_a_class_is_the_owners() -> None:
    """The worker has its own class object of the same name; the owner gets their own."""
    source = "from dataclasses import dataclass\n@dataclass\nclass Cell:\n    x: int"
    owner: dict[str, Any] = {"__name__": "notebook"}
    worker: dict[str, Any] = {"__name__": "notebook"}
    code = compile(source, "<cell>", "exec", dont_inherit=True)
    exec(code, owner)
    exec(code, worker)
    assert owner["Cell"] is not worker["Cell"]

    for registry in (Registry([worker["Cell"]]), Registry([owner["Cell"]])):
        data = encode(worker["Cell"](5), registry)
        back: Any = decode(data, Registry([owner["Cell"]]))
        assert type(back) is owner["Cell"]
        assert back.x == 5


def test_a_class_that_changed_is_no_longer_the_same() -> None:
    """A namesake with other fields is an error on either side."""
    old, new = (dataclasses.make_dataclass("Cell", [name]) for name in ("a", "b"))
    old.__module__ = new.__module__ = "notebook"

    with pytest.raises(TypeError, match="another class is registered"):
        encode(old(1), Registry([new]))
    with pytest.raises(Exception, match="has the fields"):
        decode(encode(old(1), Registry([old])), Registry([new]))


def test_classes_made_in_a_notebook_travel_by_cloudpickle() -> None:
    """A class of `__main__`, unpickled by cloudpickle, encodes under the same name."""
    cls = dataclasses.make_dataclass("Cell", ["x"])
    cls.__module__ = "__main__"
    function, classes = cloudpickle.loads(cloudpickle.dumps((lambda x: cls(x), (cls,))))

    back: Any = decode(encode(function(3), Registry(classes)), Registry([cls]))

    assert back == cls(3)


# What a function uses, in all the ways in which it can.


class Leaf(NamedTuple):
    """Only the annotation of a field mentions it."""

    n: int


@dataclass
class Tree:
    """Its fields mention other classes, as text, since annotations are postponed."""

    leaves: list[Leaf]
    colour: Colour | None = None
    missing: NoSuchClass | None = None  # type: ignore[name-defined]  # noqa: F821


@dataclass
class Grove(Tree):
    """Inherits fields."""

    trees: dict[str, Tree] = dataclasses.field(default_factory=dict)


def uses_a_global(x: float) -> Any:
    return Point(x, x)


def uses_in_a_nested_function(x: float) -> Any:
    return [Point(y, y) for y in range(3)] + [(lambda: Triple(x, x, x))()]


def uses_another_function(x: float) -> Any:
    return uses_a_global(x)


def uses_a_module(x: int) -> Any:
    return samples.Level(x)


def has_annotations(x: Pair) -> Tree:  # type: ignore[empty-body]
    ...


def has_a_default(x: Any, level: Any = Level.LOW, *, cls: Any = Permission) -> Any:
    return cls, level, x


def closes_over(cls: type) -> Any:
    def inner(x: float) -> Any:
        return cls(x)

    return inner


def recursive(x: float) -> Any:
    return mutual(x - 1) if x else Point(x, x)


def mutual(x: float) -> Any:
    return recursive(x)


def decorate(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


@decorate
def decorated(x: float) -> Any:
    return Point(x, x)


@functools.cache
def cached(x: float) -> Any:
    return Point(x, x)


@functools.singledispatch
def dispatched(x: float) -> Any:
    return Point(x, x)


class Callable:
    """An instance whose class is called, and which holds a class."""

    def __init__(self) -> None:
        self.made = Triple

    def __call__(self, x: float) -> Any:
        return Point(x, x)

    def method(self, x: float) -> Any:
        return Pair(x)

    @classmethod
    def of_class(cls, x: float) -> Any:
        return Pair(x)

    @staticmethod
    def static(x: float) -> Any:
        return Leaf(int(x))


def uses_an_instance(x: float) -> Any:
    return INSTANCE.method(x)


INSTANCE = Callable()

USES: list[tuple[Any, set[type]]] = [
    (uses_a_global, {Point}),
    (uses_in_a_nested_function, {Point, Triple}),
    (uses_another_function, {Point}),
    (uses_a_module, {Level}),
    (has_annotations, {Pair, Tree, Leaf, Colour}),
    (has_a_default, {Level, Permission}),
    (closes_over(Point), {Point}),
    (closes_over(Grove), {Grove, Tree, Leaf, Colour}),
    (recursive, {Point}),
    (decorated, {Point}),
    (cached, {Point}),
    (dispatched, {Point}),
    (functools.partial(has_a_default, Colour.RED), {Level, Permission, Colour}),
    (functools.partial(len, [Pair(Level.LOW)]), {Pair, Level}),
    (Callable(), {Point, Triple, Pair, Leaf}),
    (Callable().method, {Pair, Point, Triple, Leaf}),
    (Callable.of_class, {Pair, Point, Triple, Leaf}),
    (Callable.static, {Leaf}),
    (uses_an_instance, {Pair, Point, Triple, Leaf}),
    (lambda x: Weighted(x, []), {Weighted, Fit}),
    (Point, {Point}),
    (len, set()),
    (str.upper, set()),
    (types.SimpleNamespace, set()),
    (functools.partial, set()),
    (None, set()),
]


@pytest.mark.parametrize(("function", "classes"), USES, ids=[str(i) for i in range(len(USES))])
def test_what_a_function_can_be_seen_to_use(function: Any, classes: set[type]) -> None:
    """Globals, closures, defaults, annotations, bound parts, modules and other functions count."""
    found = classes_reachable_from(function)

    assert set(found) == classes
    assert len(found) == len(classes)
    Registry(found)


def test_the_search_never_raises() -> None:
    """Objects that fail whenever they are looked at are passed over."""

    class Hostile:
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __call__(self) -> Any:
            return None

    hostile = Hostile()

    def function(x: Any = hostile) -> Any:
        return Point(1, 2), hostile, x

    assert classes_reachable_from(function) == (Point,)
    assert classes_reachable_from(hostile) == ()


def test_an_empty_cell_is_passed_over() -> None:
    """A closure that refers to a name which is not bound yet is no obstacle."""

    def outer() -> Any:
        def inner() -> Any:
            return later, Point

        for later in list[int]():  # never bound
            raise AssertionError(later)
        return inner

    assert classes_reachable_from(outer()) == (Point,)


def test_the_search_ends() -> None:
    """A large object graph behind a function is looked at in part, and quickly."""
    data: Any = [[{k: [k, k + 1]} for k in range(300)] for _ in range(300)]

    assert classes_reachable_from(functools.partial(uses_a_global, data)) == (Point,)


def test_other_libraries_are_not_walked_through() -> None:
    """A function that uses numpy does not make the search walk through numpy."""
    import numpy as np

    def function(x: Any) -> Any:
        return np.linalg.norm(x), np.array([1])

    assert classes_reachable_from(function) == ()


old_style = namedtuple("old_style", "a")


def test_named_tuples_of_either_kind() -> None:
    """`namedtuple` and `typing.NamedTuple` are found alike."""
    assert set(classes_reachable_from(lambda x: (old_style(x), Leaf(x)))) == {old_style, Leaf}
