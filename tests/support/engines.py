"""What tests with real clusters share: who computes, and who is left afterwards."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import cloudpickle
import psutil

from nitocris import DistributedExecution

cloudpickle.register_pickle_by_value(sys.modules[__name__])

Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


def slowly(item: int) -> tuple[int, int]:
    """Returns the item, and whose child computed it."""
    time.sleep(0.05)
    return item, os.getppid()


IN_BROWSER = 1
"""What `os.getppid` says there."""


def native_workers() -> list[psutil.Process]:
    """Returns the native workers that this process has started, or whom it started has.

    Daemons of a cluster are no children of it, so they are known by their environment.
    """
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        line = process.info["cmdline"] or []
        mine = (process.info["environ"] or {}).get(MARK) == str(os.getpid())
        if mine and line[1:4] == ["-m", "nitocris", "worker"]:
            found.append(process)
    return found


MARK = "NITOCRIS_TEST_PROCESS"
"""In the environment of all that a test starts, so that others' processes are not taken for it."""
os.environ[MARK] = str(os.getpid())


@contextmanager
def long_map(d: DistributedExecution) -> Iterator[list[tuple[int, int]]]:
    """Maps `slowly` over 0, 1, ... until the block is left; checks that no item is missing."""
    results: list[tuple[int, int]] = []
    ended = threading.Event()
    items = itertools.takewhile(lambda _: not ended.is_set(), itertools.count())
    stream = d.imap(slowly, items, chunk_size=1, buffersize=20)
    reading = threading.Thread(target=lambda: results.extend(stream))
    reading.start()
    try:
        yield results
    finally:
        ended.set()
        reading.join()
    assert [item for item, _ in results] == list(range(len(results)))


def parents(results: list[tuple[int, int]]) -> set[int]:
    """Returns which native workers have computed."""
    return {parent for _, parent in list(results)}


@contextmanager
def nobody_is_left() -> Iterator[None]:
    """Checks that all native workers are gone at the end."""
    try:
        yield
    finally:
        gone = eventually(lambda: not native_workers(), seconds=10)
    assert gone, native_workers()


def eventually(happened: Callable[[], Any], seconds: float = 30) -> Any:
    """Waits for something that other processes do; returns its last value."""
    end = time.monotonic() + seconds
    while not (value := happened()) and time.monotonic() < end:
        time.sleep(0.05)
    return value
