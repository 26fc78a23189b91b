"""The systems behind one small protocol; each is imported only in the process that runs it.

A system gets a workload whole, and maps it as its own documentation advises: with what all items
share sent once, where it has a way to do so.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from functools import partial
from importlib.metadata import version
from typing import Any, Protocol

from .workloads import Workload


class System(Protocol):
    """What maps a function over items with some workers."""

    def start(self, workers: int) -> None:
        """Makes the workers ready, as far as they can be without a task."""

    def map(self, workload: Workload) -> list[Any]:
        """Returns the results, in the order of the items."""

    def stop(self) -> None:
        """Ends all that `start` began."""


def with_shared(workload: Workload) -> Callable[[Any], Any]:
    """Returns the function of an item, which carries what the items share."""
    if not workload.shared:
        return workload.function
    return partial(workload.function, *workload.shared)


class BuiltIn:
    """The built-in `map`: one process, nothing to send."""

    def start(self, workers: int) -> None: ...

    def map(self, workload: Workload) -> list[Any]:
        return list(map(with_shared(workload), workload.items))

    def stop(self) -> None: ...


class Plain:
    """As many processes, each with its part of the items from the beginning; nothing is sent.

    They are forked for each map, and only the results come back: what no system can be faster than,
    where items take equally long.
    """

    def start(self, workers: int) -> None:
        self.workers = workers

    def map(self, workload: Workload) -> list[Any]:
        fork = multiprocessing.get_context("fork")
        function = with_shared(workload)
        pipes = []
        for part in range(self.workers):
            ours, theirs = fork.Pipe(duplex=False)
            items = workload.items[part :: self.workers]
            process = fork.Process(target=_send_results, args=(theirs, function, items))
            process.start()
            theirs.close()
            pipes.append((ours, process))
        results = [None] * len(workload.items)
        for part, (pipe, process) in enumerate(pipes):
            results[part :: self.workers] = pipe.recv()
            process.join()
        return results

    def stop(self) -> None: ...


def _send_results(pipe: Any, function: Callable[[Any], Any], items: list[Any]) -> None:
    pipe.send([function(item) for item in items])


class Pool:
    """The standard library's pool of processes.

    Args:
        method: How it starts them, "fork" or "spawn".
        tuned: Whether in a few chunks per worker, instead of its default of one item each.
    """

    def __init__(self, method: str, tuned: bool) -> None:
        self.method = method
        self.tuned = tuned

    def start(self, workers: int) -> None:
        context = multiprocessing.get_context(self.method)
        self.workers = workers
        self.pool = ProcessPoolExecutor(workers, mp_context=context)

    def map(self, workload: Workload) -> list[Any]:
        size = workload.tuned_chunk_size(self.workers) if self.tuned else 1
        return list(self.pool.map(with_shared(workload), workload.items, chunksize=size))

    def stop(self) -> None:
        self.pool.shutdown()


class Nitocris:
    """Nitocris with native workers on this machine.

    Args:
        fixed: Whether in the same chunks as the tuned pool, instead of its own choice.
    """

    def __init__(self, fixed: bool) -> None:
        self.fixed = fixed

    def start(self, workers: int) -> None:
        from nitocris import DistributedExecution

        self.workers = workers
        self.execution = DistributedExecution(
            local_workers=workers, host="127.0.0.1", progress=False
        )
        self.execution.__enter__()

    def map(self, workload: Workload) -> list[Any]:
        size = workload.tuned_chunk_size(self.workers) if self.fixed else workload.chunk_size
        return self.execution.map(with_shared(workload), workload.items, chunk_size=size)

    def stop(self) -> None:
        self.execution.close()


def peer(name: str, **options: Any) -> Callable[[], System]:
    """Returns what makes a system of `peers`."""

    def made() -> System:
        from . import peers

        system: System = getattr(peers, name)(**options)
        return system

    return made


BUILT_IN = "map"
PLAIN = "plain"
OURS = "nitocris"

SYSTEMS: dict[str, tuple[str, Callable[[], System]]] = {
    BUILT_IN: ("", BuiltIn),
    PLAIN: ("", Plain),
    "pool-fork": ("", partial(Pool, "fork", tuned=False)),
    "pool-fork-tuned": ("", partial(Pool, "fork", tuned=True)),
    "pool-spawn": ("", partial(Pool, "spawn", tuned=False)),
    "pool-spawn-tuned": ("", partial(Pool, "spawn", tuned=True)),
    "joblib": ("joblib", peer("Joblib", tuned=False)),
    "joblib-tuned": ("joblib", peer("Joblib", tuned=True)),
    "mpire": ("mpire", peer("Mpire", sharing=False)),
    "mpire-shared": ("mpire", peer("Mpire", sharing=True)),
    "dask": ("distributed", peer("Dask", tuned=False)),
    "dask-tuned": ("distributed", peer("Dask", tuned=True)),
    "ray": ("ray", peer("RayTasks")),
    "ray-pool": ("ray", peer("RayPool")),
    "nitocris-on-dask": ("distributed", peer("OnDask", tuned=False)),
    "nitocris-on-ray": ("ray", peer("OnRay")),
    OURS: ("nitocris", partial(Nitocris, fixed=False)),
    "nitocris-fixed": ("nitocris", partial(Nitocris, fixed=True)),
}
"""By name: the distribution that it is from, "" for the standard library; and what makes it."""


def chosen(patterns: list[str]) -> list[str]:
    """Returns the systems of these names or patterns (`ray*`), in the order of the table.

    Raises:
        ValueError: One of them is no system's.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in SYSTEMS):
            raise ValueError(f"there is no system {pattern!r}; use one of {', '.join(SYSTEMS)}")
    return [name for name in SYSTEMS if any(fnmatchcase(name, pattern) for pattern in patterns)]


def version_of(name: str) -> str:
    """Returns the version of a system; "" if it is the standard library's.

    Raises:
        PackageNotFoundError: It is not installed.
    """
    distribution, _ = SYSTEMS[name]
    return version(distribution) if distribution else ""
