"""`seed=` on real workers: the same numbers in every chunk, order, attempt and process."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

from nitocris import DistributedExecution, RemoteError

cloudpickle.register_pickle_by_value(sys.modules[__name__])
Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


@pytest.fixture(scope="module")
def execution() -> Iterator[DistributedExecution]:
    """One execution with two workers for all tests."""
    with Execution(local_workers=2) as d:
        d.wait_for_workers(2, timeout=30)
        yield d


def walk(steps: int, rng: np.random.Generator) -> float:
    """Ends somewhere else for each generator."""
    return float(rng.standard_normal(steps).sum())


def expected(seed: int, steps: list[int]) -> list[float]:
    """What a program without this library computes."""
    children = np.random.SeedSequence(seed).spawn(len(steps))
    return [
        walk(each, np.random.default_rng(child))
        for each, child in zip(steps, children, strict=True)
    ]


@pytest.mark.parametrize("chunk_size", [None, 1, 7, 1000])
def test_chunks_do_not_matter(execution: DistributedExecution, chunk_size: int | None) -> None:
    """Two workers, chunks of any size, and the list of one processor."""
    steps = list(range(100))

    assert execution.map(walk, steps, seed=7, chunk_size=chunk_size) == expected(7, steps)


def test_every_way_to_map(execution: DistributedExecution) -> None:
    """Also out of order, and in asyncio."""
    steps = list(range(30))

    async def awaited() -> list[float]:
        return await execution.amap(walk, steps, seed=7)

    assert execution.starmap(walk, [(each,) for each in steps], seed=7) == expected(7, steps)
    assert list(execution.imap(walk, steps, seed=7)) == expected(7, steps)
    assert sorted(execution.imap_unordered(walk, steps, seed=7)) == sorted(expected(7, steps))
    assert asyncio.run(awaited()) == expected(7, steps)


def test_another_attempt_gives_the_same(execution: DistributedExecution, tmp_path: Path) -> None:
    """An item that is computed again has its generator from the beginning."""

    def second_time(path: Path, rng: random.Random) -> float:
        drawn = rng.random()
        if not path.exists():
            path.write_text(repr(drawn))
            raise OSError("the first time")
        assert path.read_text() == repr(drawn)
        return drawn

    paths = [tmp_path / str(index) for index in range(5)]

    drawn = execution.map(second_time, paths, seed=3, seed_kind="random", retries=1)

    assert drawn == [random.Random(f"3:{index}").random() for index in range(5)]


def test_another_worker_gives_the_same(execution: DistributedExecution, tmp_path: Path) -> None:
    """An item that took its worker down is computed elsewhere with the same numbers."""
    mark = tmp_path / "mark"

    def deadly(item: int, rng: random.Random) -> float:
        drawn = rng.random()
        if item == 3 and not mark.exists():
            mark.write_text("")
            os._exit(1)
        return drawn

    drawn = execution.map(deadly, range(6), seed=1, seed_kind="random")

    assert mark.exists()
    assert drawn == [random.Random(f"1:{index}").random() for index in range(6)]


def test_errors_name_the_owner_s_function(execution: DistributedExecution) -> None:
    """And the item that failed."""

    def refuse(item: int, rng: random.Random) -> None:
        raise ValueError(f"{item} {rng.random():.3f}")

    with pytest.raises(RemoteError, match=f"0 {random.Random('1:0').random():.3f}") as caught:
        execution.map(refuse, [0], seed=1, seed_kind="random")
    assert caught.value.index == 0
    assert "in refuse" in caught.value.remote_traceback


def test_numpy_is_imported_only_where_it_is_wanted() -> None:
    """A worker without it computes with the standard library's generators."""

    def has_numpy(_: int, rng: object) -> tuple[str, bool]:
        return type(rng).__name__, "numpy" in sys.modules

    with Execution(local_workers=1) as d:
        assert d.map(has_numpy, [0], seed=1, seed_kind="random") == [("Random", False)]
        assert d.map(has_numpy, [0], seed=1) == [("Generator", True)]
