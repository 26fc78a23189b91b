"""Fingerprints: the same in each process for what is equal, and different for what is not."""

from __future__ import annotations

import enum
import functools
import subprocess
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

from nitocris.fingerprint import ItemFingerprints, UnstableError, fingerprint_of_function
from nitocris.function import share
from nitocris.seeds import seeded

cloudpickle.register_pickle_by_value(sys.modules[__name__])

SCRIPT = """
import abc, enum, functools, sys, typing
from dataclasses import dataclass
import numpy as np
import mine
from nitocris.fingerprint import ItemFingerprints, fingerprint_of_function
from nitocris.function import share
from nitocris.seeds import seeded

@dataclass(frozen=True)
class Point:
    x: int
    def moved(self): return Point(self.x + 1)

class Colour(enum.Enum):
    RED = 1

T = typing.TypeVar("T")

class Base(abc.ABC, typing.Generic[T]):
    @property
    def own(self): return {"x", "y"}
    @classmethod
    def made(cls, *arguments): return super().__new__(cls)

words = {"one", "two", "three", "four"}
shared = share({"table": np.arange(5), "words": words})

def outer(n):
    def inner(x, rng=None, *, step={"a": {"b", "c"}}):
        if x in {"p", "q", "r"}:
            return inner(n), Colour.RED
        return Point(x).moved(), words, shared.value, mine.half(x), functools.reduce
    return inner

class Model:
    scale = 3
    def __init__(self): self.weights = np.ones(3)
    def __call__(self, x): return self.weights * x * self.scale

functions = outer(3), Model(), functools.partial(outer(1), 2), seeded(outer(2), 7), len
for function in (*functions, Base, Base.made):
    print(fingerprint_of_function(function).hex())
again = "".join(["o", "ne"])
for item in ((1, 2.5, "x", None), (words, Point(3)), (np.arange(9.0), Colour.RED),
             (again, "one", {again: ("one", [again])}), (share(words),)):
    print(ItemFingerprints().of(item).hex())
"""


def in_another_process(folder: Path, seed: int, script: str = SCRIPT) -> list[str]:
    (folder / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env={"PYTHONHASHSEED": str(seed), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_two_processes_agree(tmp_path: Path) -> None:
    """With sets in another order, classes made anew, equal texts that are one object or two."""
    (tmp_path / "mine.py").write_text("def half(x): return x / 2\n")

    first = in_another_process(tmp_path, 1)
    moved = SCRIPT.replace("def outer", "\n# moved down\n\ndef outer")

    assert len(set(first)) == 12
    assert in_another_process(tmp_path, 2, moved) == first


def test_a_changed_own_module_is_another_function(tmp_path: Path) -> None:
    """Those that use it differ; the others do not."""
    (tmp_path / "mine.py").write_text("def half(x): return x / 2\n")
    first = in_another_process(tmp_path, 1)

    (tmp_path / "mine.py").write_text("def half(x): return x * 0.5\n")
    second = in_another_process(tmp_path, 1)

    assert [one == other for one, other in zip(first, second, strict=True)] == [
        *(False, True, False, False, True, True, True),
        *(True, True, True, True, True),
    ]


def variants() -> list[Any]:
    """Functions of one name that compute different things."""

    def scaled(factor: Any) -> Any:
        def f(x: Any) -> Any:
            return x, factor

        return f

    def f(x: Any) -> Any:
        return -x

    class Kept:
        def __init__(self, n: int) -> None:
            self.n = n

        def __call__(self, x: int) -> int:
            return x + self.n

    class Colour(enum.Enum):
        RED = 1
        BLUE = 2

    return [
        *map(scaled, (1, True, 1.0, "1", b"1", bytearray(b"1"), (1,), [1], {1}, frozenset({1}))),
        *map(scaled, (-0.0, 0.0, None, {1: 2}, {2: 1}, Colour.RED, Colour.BLUE, 1j, [[1], 2])),
        *map(scaled, (np.arange(3), np.arange(3.0), np.arange(4).reshape(2, 2), np.arange(4))),
        *map(scaled, ([[1, 2]], [1, [2]], share(1), share(2), {"a", "b"}, {"a", "c"}, "ab")),
        *((OrderedDict is each and scaled(each())) or scaled(each) for each in (OrderedDict, dict)),
        f,
        Kept(1),
        Kept(2),
        functools.partial(f, 1),
        seeded(lambda x, rng: x, 1),
        seeded(lambda x, rng: x, 2),
        abs,
        len,
        [].append,
    ]


def test_what_differs_has_another_fingerprint() -> None:
    """Constants, captured values by type and value, code, seeds."""
    found = [fingerprint_of_function(each) for each in variants()]

    assert len(set(found)) == len(found)
    assert [fingerprint_of_function(each) for each in variants()] == found


@dataclass
class Chain:
    """Refers to itself."""

    name: str
    next: Chain | None = None


def test_items_may_contain_themselves() -> None:
    """The walk ends, and tells rings of different lengths apart."""

    def ring(*names: str) -> Chain:
        links = [Chain(name) for name in names]
        for one, other in zip(links, [*links[1:], links[0]], strict=True):
            one.next = other
        return links[0]

    found = ItemFingerprints().of

    assert found((ring("a", "b"),)) == found((ring("a", "b"),))
    assert found((ring("a", "b"),)) != found((ring("a", "b", "a"),))
    assert found((ring("a"),)) != found((ring("b"),))


def test_what_cannot_be_told_has_none() -> None:
    """It is computed each time, and a function says why."""
    lock = threading.Lock()

    assert ItemFingerprints().of((1, lock)) is None
    with pytest.raises(UnstableError, match="lock"):
        fingerprint_of_function(lambda x: (lock, x))


def test_shared_parts_do_not_multiply_the_work() -> None:
    """A list of the same list, sixty levels deep, has 2^60 paths."""
    value: list[Any] = []
    for _ in range(60):
        value = [value, value]

    assert ItemFingerprints().of((value,)) is not None
