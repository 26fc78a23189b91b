"""`d.share`: how often a value crosses the wire, and how often it is unpickled."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

from nitocris import ClosedError, DistributedExecution, NotSendableError, Shared
from tests.support.relay import Relay

cloudpickle.register_pickle_by_value(sys.modules[__name__])
Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


@dataclasses.dataclass
class Noted:
    """Notes in a file which process unpickles it."""

    file: str
    data: Any = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        with open(self.file, "a") as file:
            file.write(f"{os.getpid()}\n")


@dataclasses.dataclass
class Item:
    number: int
    table: Shared[Any]


@contextmanager
def worker(url: str, processes: int) -> Iterator[None]:
    """A native worker as a volunteer of the owner's would start it."""
    command = [sys.executable, "-m", "nitocris", "worker", url, "--processes", str(processes)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        yield
        process.terminate()


def test_a_shared_value_travels_once_and_is_unpickled_once(tmp_path: Path) -> None:
    """Whether functions or items refer to it, over maps, futures and streams."""
    notes = tmp_path / "notes"
    rng = np.random.default_rng(1)
    data = rng.integers(0, 255, 4_000_000, dtype=np.uint8)  # which no compression makes smaller

    def total(item: Item) -> int:
        return item.number + int(item.table.value.data[0])

    with Relay() as relay, Execution(public_url=relay.url) as d:
        relay.target = _port(d)
        table = d.share(Noted(str(notes), data))
        with worker(d.worker_url, 2):
            d.wait_for_workers(2, timeout=30)
            first = int(data[0])
            whole = list(range(40))

            items = [Item(n, table) for n in whole]
            assert d.map(total, items, chunk_size=1) == [n + first for n in whole]
            assert d.map(total, items, chunk_size=3) == [n + first for n in whole]
            assert list(d.imap(lambda n: n + int(table.value.data[0]), whole)) == [
                n + first for n in whole
            ]
            futures = [d.submit(total, Item(n, table)) for n in whole]
            assert [each.result() for each in futures] == [n + first for n in whole]

        assert 4_000_000 < relay.down < 4_600_000

    by_process = Counter(notes.read_text().split())
    assert len(by_process) == 2
    # Once for each of the four maps at most: it is let go of when nothing needs it any more.
    assert max(by_process.values()) <= 4


def test_within_one_map_it_is_unpickled_once_per_process(tmp_path: Path) -> None:
    """However many chunks there are."""
    notes = tmp_path / "notes"

    with Execution(local_workers=1) as d:
        table = d.share(Noted(str(notes), 7))
        assert (
            d.map(lambda item: item.table.value.data, [Item(1, table)] * 30, chunk_size=1)
            == [7] * 30
        )
        assert d.map(lambda x: x + table.value.data, range(3), chunk_size=1) == [7, 8, 9]

    assert len(notes.read_text().split()) <= 2


def test_functions_in_one_process_get_the_same_object() -> None:
    """So what one changes, the next one sees, as with any global."""
    with Execution(local_workers=1) as d:
        table: Shared[list[int]] = d.share([])

        def add(x: int) -> int:
            table.value.append(x)
            return len(table.value)

        assert sorted(d.map(add, range(3), chunk_size=1)) == [1, 2, 3]
        assert table.value == []


def test_a_handle_outlives_its_execution() -> None:
    """It is the value, encoded; another execution may send it as well."""
    with Execution(local_workers=1) as d:
        table = d.share({"a": 1})
        assert d.map(lambda x: x + table.value["a"], [1]) == [2]

    with pytest.raises(ClosedError):
        d.share(1)
    with Execution(local_workers=1) as other:
        assert other.map(lambda x: x + table.value["a"], [2]) == [3]
    assert table.value == {"a": 1}


def test_what_cannot_be_shared_is_said_at_once() -> None:
    """Before any map."""
    with (
        Execution() as d,
        open(os.devnull, "w") as file,
        pytest.raises(NotSendableError, match=r"shared value.*cannot be sent"),
    ):
        d.share({"log": file})


def _port(d: DistributedExecution) -> int:
    return d._lifetime.start()._access.port
