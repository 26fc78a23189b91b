"""`seed=`: generators that depend on seed and index only, and what is no seed."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import cloudpickle
import numpy as np
import pytest

from nitocris import ConfigurationError
from nitocris.call import Call, Limits
from nitocris.codec.reachable import classes_reachable_from
from nitocris.display import Display
from nitocris.function import modules_used_by
from nitocris.job import MappedFunction
from nitocris.seeds import seeded
from nitocris.worker.seeded import Seeded


def draw(item: int, rng: np.random.Generator) -> tuple[int, float]:
    return item, float(rng.random())


def throw(item: int, *, rng: random.Random) -> float:
    return item + rng.random()


def call(function: Any, items: Iterator[tuple[Any, ...]], **options: Any) -> list[Any]:
    """Computes a call as a worker would."""
    made = Call(
        function=function,
        items=items,
        total=None,
        limits=Limits(),
        classes=(),
        examine=False,
        display=Display(),
    ).with_options(options)  # type: ignore[arg-type]
    return [made.function(*arguments) for arguments in made.items]


@pytest.mark.parametrize("seed", [0, 42, 2**200, np.int64(7), np.random.SeedSequence(5)])
def test_the_generators_are_those_that_the_seed_spawns(seed: Any) -> None:
    """So that everybody can have them again without this library."""
    parent = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))

    drawn = call(draw, ((item,) for item in range(5)), seed=seed)

    children = np.random.SeedSequence(parent.entropy).spawn(5)
    assert drawn == [(i, np.random.default_rng(each).random()) for i, each in enumerate(children)]


def test_a_spawned_sequence_keeps_its_key_and_size() -> None:
    """A child of the owner's own tree of seeds gives its own children."""
    child = np.random.SeedSequence(3, spawn_key=(4, 5), pool_size=8)

    drawn = call(draw, ((item,) for item in range(2)), seed=child)

    assert [value for _, value in drawn] == [
        np.random.default_rng(each).random() for each in child.spawn(2)
    ]


def test_generators_of_the_standard_library() -> None:
    """By the formula of the documentation, and no two alike."""
    drawn = call(throw, ((0,) for _ in range(100)), seed=42, seed_kind="random")

    assert drawn[3] == random.Random("42:3").random()
    assert len(set(drawn)) == 100


def test_several_iterables_and_keywords() -> None:
    """The generator comes by name, whatever comes by position."""

    def sums(first: int, second: int, **others: Any) -> float:
        return first + second + float(others["rng"].random())

    (found,) = call(sums, iter([(1, 2)]), seed=1)

    assert found == 3 + np.random.default_rng(np.random.SeedSequence(1, spawn_key=(0,))).random()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"seed": -1}, "at least 0 or a numpy.random.SeedSequence, not -1"),
        ({"seed": 1.5}, "not 1.5"),
        ({"seed": True}, "not True"),
        ({"seed": "42"}, "not '42'"),
        ({"seed": np.random.default_rng(1)}, r"not Generator\(PCG64\)"),
        ({"seed": np.random.SeedSequence(1), "seed_kind": "random"}, "with seed_kind='random'"),
        ({"seed": 1, "seed_kind": "torch"}, "use 'numpy' or 'random'"),
        ({"seed_kind": "random"}, "needs a seed, such as seed=42"),
    ],
)
def test_what_is_no_seed(options: dict[str, Any], problem: str) -> None:
    """The message has the value and says what would do."""
    with pytest.raises(ConfigurationError, match=problem):
        call(draw, iter([(1,)]), **options)


def test_a_function_that_takes_no_generator() -> None:
    """It is told before anything is sent, with what to write."""
    with pytest.raises(ConfigurationError, match=r"write def <lambda>\(item, rng\)"):
        call(lambda item: item, iter([(1,)]), seed=1)
    with pytest.raises(ConfigurationError, match="no such parameter"):
        call(eval("lambda rng, /: rng"), iter([(1,)]), seed=1)


def test_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner is told of the standard library's generators."""
    monkeypatch.setitem(sys.modules, "numpy.random", None)

    with pytest.raises(ConfigurationError, match="seed_kind='random'"):
        call(draw, iter([(1,)]), seed=1)


def test_numpy_travels_only_where_it_is_wanted() -> None:
    """Who looks for packages sees it, also if the function itself does not mention it."""

    def plain(item: int, rng: Any) -> float:
        return item + float(rng.random())

    plain.__module__ = "__main__"

    assert "numpy" in modules_used_by(seeded(plain, 1))
    assert "numpy" not in modules_used_by(seeded(plain, 1, "random"))


def test_what_is_said_of_the_function_is_said_of_the_owner_s() -> None:
    """Name, source and classes are found behind the wrapper, and a partial."""
    wrapped = seeded(partial(draw, item=1), 1)

    mapped = MappedFunction.of(wrapped)

    assert (mapped.name, mapped.source) == (MappedFunction.of(draw).name, mapped.source)
    assert "def draw(item" in (mapped.source or "")
    assert mapped.seed == "numpy.random.SeedSequence(1)"
    assert Seeded not in classes_reachable_from(wrapped)
    assert pickle.loads(cloudpickle.dumps(wrapped))(4) == wrapped(4)
