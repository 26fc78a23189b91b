"""An item that failed on a worker is computed again by the owner, for a debugger to look at."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest

from nitocris import ConfigurationError, DistributedExecution, RemoteError

HERE: list[Any] = []
"""What the function was called with in this process."""


def divided(x: int, y: int = 10) -> int:
    """Fails for 0; a worker's list is another one."""
    HERE.append((x, y))
    twice = 2 * y
    return twice // x


@pytest.fixture(scope="module")
def d() -> Iterator[DistributedExecution]:
    with DistributedExecution(host="127.0.0.1", local_workers=1, progress=False) as d:
        yield d


@pytest.fixture(autouse=True)
def _nothing_was_called_here() -> None:
    HERE.clear()


def raised_by(call: Callable[[], object]) -> RemoteError:
    """Returns what a map, stream or future raises."""
    with pytest.raises(RemoteError) as caught:
        call()
    return caught.value


WAYS: dict[str, Callable[[DistributedExecution], RemoteError]] = {
    "map": lambda d: raised_by(lambda: d.map(divided, [5, 0])),
    "chunks": lambda d: raised_by(lambda: d.map(divided, [1, 2, 5, 0, 7], chunk_size=5)),
    "returned": lambda d: d.map(divided, [5, 0, 2], errors="return")[1],  # type: ignore[return-value, dict-item]
    "imap": lambda d: raised_by(lambda: [*d.imap(divided, [5, 0])]),
    "submit": lambda d: raised_by(d.submit(divided, 0).result),
    "keywords": lambda d: raised_by(d.submit(divided, y=10, x=0).result),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_real_exception_comes_from_the_real_frames(d: DistributedExecution, way: str) -> None:
    """The item that failed is the one that is computed."""
    error = WAYS[way](d)
    assert HERE == []

    with pytest.raises(ZeroDivisionError) as caught:
        error.replay()

    assert not isinstance(caught.value, RemoteError)
    assert HERE == [(0, 10)]
    (*_, (frame, _)) = traceback.walk_tb(caught.value.__traceback__)
    assert frame.f_code is divided.__code__
    assert frame.f_locals["twice"] == 20


def test_a_debugger_gets_the_traceback(d: DistributedExecution) -> None:
    """In the place of whoever calls, who goes on afterwards."""
    seen: list[TracebackType] = []

    assert WAYS["map"](d).replay(seen.append) is None

    (*_, (frame, _)) = traceback.walk_tb(seen[0])
    assert frame.f_locals["x"] == 0


def test_an_item_that_does_not_fail_here_gives_its_result(d: DistributedExecution) -> None:
    """Then it is known that it depends on the worker."""
    owner = os.getpid()

    error = raised_by(lambda: d.map(lambda x: x if os.getpid() == owner else x / 0, [3]))

    assert error.replay() == 3


def test_arrays_come_back_as_they_were_sent(d: DistributedExecution) -> None:
    """Also those that travel beside the frame."""
    array = np.arange(100_000.0)
    error = raised_by(lambda: d.map(lambda a: [a.sum()][1], [array]))
    seen: list[float] = []

    error.replay(
        lambda trace: seen.append(list(traceback.walk_tb(trace))[-1][0].f_locals["a"].sum())
    )

    assert seen == [array.sum()]


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
@pytest.mark.parametrize(
    "function", [divided, lambda _: exec("class Own(Exception): pass\nraise Own")]
)
def test_an_error_is_pickled_without_function_and_item(
    d: DistributedExecution, function: Any, copied: Callable[[RemoteError], RemoteError]
) -> None:
    """It can still be read, and says why it cannot be replayed."""
    error = raised_by(lambda: d.map(function, [0]))

    other = copied(error)

    assert str(other) == str(error)
    with pytest.raises(ConfigurationError, match="cannot be replayed"):
        other.replay()


def test_failures_do_not_keep_all_items_alive(
    d: DistributedExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many bytes of them."""
    monkeypatch.setattr("nitocris.replay.KEPT_BYTES", 5000)

    errors = d.map(lambda x: x[2000], [bytes(2000)] * 5, errors="return", chunk_size=1)

    replayable = [error._again is not None for error in errors]
    assert replayable.count(True) == 2


def test_python_s_debugger_stops_in_the_function(tmp_path: Path) -> None:
    """As a person would use it, who starts the script under pdb."""
    script = tmp_path / "script.py"
    script.write_text(
        """
from nitocris import DistributedExecution, RemoteError

def function(x):
    secret = x + 41
    return 1 / (x - 1)

with DistributedExecution(host="127.0.0.1", local_workers=1, progress=False) as d:
    try:
        d.map(function, [3, 2, 1])
    except RemoteError as error:
        error.replay()
"""
    )

    done = subprocess.run(
        [sys.executable, "-m", "pdb", "-c", "continue", str(script)],
        input="print(f'secret is {secret}')\nquit\n",
        capture_output=True,
        text=True,
        check=False,
    )

    assert "secret is 42" in done.stdout
