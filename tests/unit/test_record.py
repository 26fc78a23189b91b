"""Maps with a journal, without server and workers: what is reused, kept, and said."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nitocris import NotSendableError, RemoteError
from nitocris.display import Display
from tests.support.fake_coordinator import FakeExecution


class Told(Display):
    """Keeps what the owner would read."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def tell(self, text: str) -> None:
        self.lines.append(text)


class Listened(FakeExecution):
    """A fake execution that keeps what it says."""

    def __init__(self, **options: Any) -> None:
        self.told = Told()
        super().__init__(**options)

    def _call(self, *arguments: Any) -> Any:
        self._display = self.told
        return super()._call(*arguments)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Listened]]:
    """Starts executions with one journal; each ends the one before it."""
    with ExitStack() as stack:

        def start(**options: Any) -> Listened:
            stack.close()
            d = Listened(journal=tmp_path / "run.nitocris", **options)
            stack.callback(d.close)
            return d

        yield start


def square(x: int) -> int:
    return x * x


class Pair(NamedTuple):
    first: int
    second: int


def test_only_what_is_missing_is_computed(start: Callable[..., Listened]) -> None:
    """Some items, then more, then in another order, each time in a new execution."""
    assert start().map(square, range(10)) == [x * x for x in range(10)]

    d = start()
    assert d.map(square, range(15)) == [x * x for x in range(15)]
    assert (d.coordinator.supplied, d.coordinator.reused) == (5, 10)
    assert d.told.lines == [
        "run.nitocris has 10 results of square; items that are among them are not computed again.",
        "10 of 15 items are in the journal run.nitocris.",
    ]

    d = start()
    backwards = [20, *range(14, -1, -1), 21, 3, 3]
    assert d.map(square, backwards) == [x * x for x in backwards]
    assert (d.coordinator.supplied, d.coordinator.reused) == (2, 17)


@pytest.mark.parametrize("chunk_size", [None, 1, 7])
@pytest.mark.parametrize("buffersize", [1, 5, None])
def test_every_way_to_map(
    start: Callable[..., Listened], chunk_size: int | None, buffersize: int | None
) -> None:
    """Holes anywhere, chunks and buffers of any size: the results of the built-in `map`."""
    items = list(range(40))
    expected = [x * x for x in items]
    start().map(square, [x for x in items if x % 7 in (0, 3, 4) or 12 < x < 22])

    def ways(d: Listened) -> Iterator[list[int]]:
        some = {"chunk_size": chunk_size, "buffersize": buffersize}

        async def awaited() -> list[int]:
            return await d.amap(square, items, **some)  # type: ignore[arg-type]

        yield d.map(square, items, **some)  # type: ignore[arg-type]
        yield list(d.imap(square, items, **some))  # type: ignore[arg-type]
        yield sorted(d.imap_unordered(square, items, **some))  # type: ignore[arg-type]
        yield asyncio.run(awaited())
        yield d.starmap(square, [(x,) for x in items], **some)  # type: ignore[arg-type]

    assert list(ways(start())) == [expected] * 5
    assert start().map(square, items) == expected
    assert start().coordinator.supplied == 0


def test_a_changed_function_starts_afresh(start: Callable[..., Listened]) -> None:
    """In one sentence; a function of another name is just another one."""

    def scaled(factor: int) -> Callable[[int], int]:
        def scale(x: int) -> int:
            return x * factor

        return scale

    assert start().map(scaled(2), [1, 2]) == [2, 4]

    d = start()
    assert d.map(scaled(3), [1, 2]) == [3, 6]
    assert d.map(square, [1, 2]) == [1, 4]
    assert d.told.lines == [
        "scale, or something that it refers to, has changed since run.nitocris was written, so "
        "all of its items are computed anew."
    ]
    assert d.map(scaled(2), [1, 2]) == [2, 4]
    assert d.coordinator.supplied == 4


def test_functions_of_one_name_are_not_taken_for_changes(start: Callable[..., Listened]) -> None:
    """A script may have two lambdas, and be cut off before the second one."""
    d = start()
    assert d.map(lambda x: x + 1, [1]) == [2]

    assert d.map(lambda x: x + 2, [1]) == [3]
    assert d.told.lines == []


def test_failed_items_are_tried_again(start: Callable[..., Listened], tmp_path: Path) -> None:
    """An error is not kept, the results around it are."""
    wanted = tmp_path / "wanted"

    def picky(x: int) -> int:
        if x == 4 and not wanted.exists():
            raise ValueError("not yet")
        return x

    results = start().map(picky, range(10), errors="return")
    assert isinstance(results[4], RemoteError)
    wanted.touch()

    d = start()
    assert d.map(picky, range(10)) == list(range(10))
    assert d.coordinator.supplied == 1


def test_an_error_names_the_item_of_the_owner(start: Callable[..., Listened]) -> None:
    """Whatever was in the journal before it."""

    def odd(x: int) -> int:
        if x == 17:
            raise ValueError("no")
        return x

    start().map(odd, [*range(8), 10, 11])

    with pytest.raises(RemoteError) as caught:
        start().map(odd, range(20), chunk_size=2)
    assert caught.value.index == 17


def test_seeded_items_are_told_apart_by_their_index(start: Callable[..., Listened]) -> None:
    """Equal items at other places have other numbers."""

    def draw(x: int, rng: Any) -> float:
        return x + float(rng.random())

    first = start().map(draw, [1, 1, 1], seed=5)

    d = start()
    assert d.map(draw, [1, 1, 1, 1], seed=5)[:3] == first
    assert d.coordinator.supplied == 1
    assert d.map(draw, [1, 1, 1], seed=6) != first
    assert len(set(first)) == 3


def test_results_of_the_owners_classes(start: Callable[..., Listened]) -> None:
    """They come back as what they were."""

    def pair(x: int) -> Pair:
        return Pair(x, -x)

    start().map(pair, [1, 2])

    d = start()
    assert d.map(pair, [1, 2]) == [Pair(1, -1), Pair(2, -2)]
    assert type(d.map(pair, [1])[0]) is Pair
    assert d.coordinator.supplied == 0


def test_what_the_owner_changes_afterwards_is_not_kept(start: Callable[..., Listened]) -> None:
    """Results are noted before they are handed over."""

    def listed(x: int) -> list[int]:
        return [x]

    for result in start().imap(listed, range(20)):
        result.clear()

    assert start().map(listed, range(20)) == [[x] for x in range(20)]


def test_errors_of_the_iterable_and_of_items(start: Callable[..., Listened]) -> None:
    """They come after the results of the items before them, also when these were reused."""
    start().map(square, range(5))

    def items(bad: Exception | None, good: int) -> Iterator[Any]:
        yield from range(good)
        if bad:
            raise bad
        yield sqlite3.connect(":memory:")

    for good in (5, 7):
        results = start().imap(square, items(OSError("gone"), good))
        assert [next(results) for _ in range(good)] == [x * x for x in range(good)]
        with pytest.raises(OSError, match="gone"):
            next(results)
        with pytest.raises(NotSendableError, match=f"item {good} "):
            start().map(square, items(None, good))


def test_a_full_disk_ends_the_journal_and_not_the_map(start: Callable[..., Listened]) -> None:
    """One warning; what was kept before is reused, and the file is whole."""

    def large(x: int) -> bytes:
        return bytes([x]) * 10_000

    start().map(large, range(5))
    d = start(durability="always")
    writer = d.serving.journal
    assert writer is not None
    pages = writer.journal._file.execute("PRAGMA page_count").fetchone()[0]
    writer.journal._file.execute(f"PRAGMA max_page_count = {pages + 10}").fetchall()

    assert d.map(large, range(100)) == [bytes([x]) * 10_000 for x in range(100)]
    assert d.map(large, range(120)) == [bytes([x]) * 10_000 for x in range(120)]

    assert d.coordinator.supplied > 150
    assert d.map(square, range(5)) == [x * x for x in range(5)]
    assert "full" in writer.problem
    assert d._options.display.warnings == 1
    d.close()
    d = start()
    assert d.map(large, range(5)) == [bytes([x]) * 10_000 for x in range(5)]
    assert d.coordinator.supplied == 0


class Restless:
    """Is another one each time that somebody looks."""

    def __getstate__(self) -> bytes:
        return os.urandom(8)

    def __setstate__(self, state: bytes) -> None:
        pass


def test_what_nobody_can_recognise_is_computed_again(start: Callable[..., Listened]) -> None:
    """Items and functions; no wrong result comes of it."""

    def ignore(_: Restless) -> int:
        return 1

    restless = Restless()

    def refer(x: int) -> int:
        return x if restless else 0

    for told in (
        [],
        ["run.nitocris has 2 results of ignore; items that are among them are not computed again."],
    ):
        d = start()
        assert d.map(ignore, [Restless(), Restless()]) == [1, 1]
        assert d.told.lines == told
        assert d.map(refer, [1, 2]) == [1, 2]
        assert d.coordinator.supplied == 4


def test_a_disk_that_is_full_when_a_map_begins(start: Callable[..., Listened]) -> None:
    """Not even the function can be noted; the map goes on all the same."""
    start().map(square, range(3))
    d = start()
    writer = d.serving.journal
    assert writer is not None
    writer.journal._file.execute("PRAGMA query_only = ON").fetchall()

    assert d.map(abs, [-1, -2]) == [1, 2]

    assert writer.problem
    assert d._options.display.warnings == 1


def test_futures_are_kept_and_found(start: Callable[..., Listened]) -> None:
    """By position and by name, and whether a map or a future has computed them."""
    d = start()
    assert d.map(square, range(3)) == [0, 1, 4]
    assert [d.submit(square, x).result(10) for x in range(5)] == [0, 1, 4, 9, 16]
    assert d.submit(pow, 2, exp=5).result(10) == 32
    assert d.submit(str, 3).result(10) == "3"
    assert d.coordinator.supplied == 3 + 2 + 2

    d = start()
    assert [d.submit(square, x).result(10) for x in range(6)] == [0, 1, 4, 9, 16, 25]
    assert d.submit(pow, 2, exp=5).result(10) == 32
    assert d.submit(pow, 2, exp=6).result(10) == 64
    assert d.coordinator.supplied == 2
    assert d.map(square, range(7)) == [x * x for x in range(7)]
    assert d.coordinator.supplied == 3


def test_futures_that_fail_are_tried_again(start: Callable[..., Listened]) -> None:
    """As items of maps are."""
    for _ in range(2):
        d = start()
        assert isinstance(d.submit(int, "x").exception(10), ValueError)
        assert d.coordinator.supplied == 1


def test_cancelled_futures_leave_nothing(start: Callable[..., Listened]) -> None:
    """Neither in the journal nor in what waits for it."""
    d = start()
    d.coordinator.held = True
    futures = [d.submit(square, x) for x in range(3)]
    d.coordinator.wait_for(lambda: d.coordinator.supplied == 3)
    record = futures[0]._futures._latest[1]
    assert record is not None
    assert len(record._waiting) == 3

    assert all(future.cancel() for future in futures)
    # A result that comes before the coordinator hears of it is kept, as it should be.
    d.coordinator.wait_for(lambda: len(d.coordinator.cancelled) == 3)

    d.serving.release_all()
    assert d.submit(square, 7).result(10) == 49
    assert record._waiting == {}
    d = start()
    assert d.submit(square, 1).result(10) == 1
    assert d.coordinator.supplied == 1
