"""What the volunteer is shown of an exception of the owner's function."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import cloudpickle
import pytest

from nitocris import protocol
from nitocris.function import encode_function, encode_items
from nitocris.worker.core import MAX_RAISED_LENGTH
from nitocris.worker.pyodide import PyodideWorker
from nitocris.worker.rules import Rules

cloudpickle.register_pickle_by_value(sys.modules[__name__])


class TypedArray:
    """What Pyodide makes of a `Uint8Array`."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def to_py(self) -> memoryview:
        return memoryview(self._data)


def worker_of(
    function: Callable[..., Any], items: int, *, piecewise: bool = False, keep_going: bool = True
) -> Any:
    """Returns a worker with a map and a chunk of this many numbers."""
    worker = PyodideWorker()
    mapped = encode_function(function, (), Rules(keep_going=keep_going))
    worker.receive(TypedArray(protocol.encode(protocol.Map(1, ()), mapped.payload)), [])
    packed = encode_items([(item,) for item in range(items)], 0)
    chunk = protocol.Chunk(9, 1, 0, items, (), piecewise)
    worker.receive(TypedArray(protocol.encode(chunk, packed.payload)), [])
    return worker


def picky(x: int) -> int:
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x


def test_nothing_is_told_of_items_that_succeed() -> None:
    """None, again and again."""
    worker = worker_of(picky, 1)

    assert worker.raised() is None
    worker.step()
    assert worker.raised() is None


def test_an_exception_is_told_once_as_its_traceback() -> None:
    """With the line that raised it, for whoever wrote the function."""
    worker = worker_of(picky, 2)
    worker.step()

    text = worker.raised()

    assert text.startswith("Traceback (most recent call last):\n")
    assert "in picky" in text
    assert text.endswith("ValueError: 1 is odd\n")
    assert worker.raised() is None


def test_the_latest_step_counts() -> None:
    """Who asks seldom hears of what happened last."""
    worker = worker_of(picky, 6, piecewise=True)
    for _ in range(4):
        worker.step()

    assert worker.raised().endswith("ValueError: 3 is odd\n")


def test_one_exception_of_a_step_is_formatted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million failures of a second are not formatted a million times more."""
    formatted: list[object] = []

    def format_exception(_type: object, error: BaseException, _trace: object) -> list[str]:
        formatted.append(error)
        return [str(error)]

    monkeypatch.setattr("nitocris.worker.results.format_exception", format_exception)
    worker = worker_of(picky, 1000)
    worker.step()

    assert worker.raised() == "1 is odd"
    assert len(formatted) == 1


def test_a_long_traceback_is_told_by_its_end() -> None:
    """What was raised comes last."""

    def verbose(_: int) -> int:
        raise ValueError("x" * 100_000 + "the end")

    worker = worker_of(verbose, 1)
    worker.step()

    text = worker.raised()

    assert len(text) == MAX_RAISED_LENGTH
    assert text.endswith("xthe end\n")


def test_an_exception_that_cannot_be_formatted_is_named() -> None:
    """The chunk is answered in any case."""

    def nasty(_: int) -> int:
        class Nasty(Exception):
            @property
            def __cause__(self) -> Any:  # type: ignore[override]  # which is the point
                raise RuntimeError("no cause")

        raise Nasty

    worker = worker_of(nasty, 1)

    assert worker.step() is not None
    assert worker.raised() == "Nasty, whose traceback cannot be formatted"


def test_a_function_that_does_not_load_is_told_as_well() -> None:
    """Such as one that needs a module which is not there."""

    class Unloadable:
        def __call__(self, x: int) -> int:
            return x

        def __reduce__(self) -> Any:
            return __import__, ("no_such_module",)

    worker = worker_of(Unloadable(), 1)
    worker.step()

    assert "no_such_module" in worker.raised()


class Witness:
    """Tells whether it is still there."""

    seen: ClassVar[list[weakref.ref[Witness]]] = []


def test_what_is_told_keeps_nothing_alive() -> None:
    """The text waits for whoever asks, not the frames with their images and arrays."""

    def careless(_: int) -> int:
        import tests.unit.test_raised as here

        image = here.Witness()
        here.Witness.seen.append(weakref.ref(image))
        raise ValueError("with an image in a local variable")

    worker = worker_of(careless, 1, keep_going=False)
    while worker.step() is not None:
        pass
    gc.collect()

    assert [image() for image in Witness.seen] == [None]
    assert "with an image" in worker.raised()
