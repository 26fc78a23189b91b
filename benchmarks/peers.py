"""The systems from PyPI, each used as its documentation advises for many items of one function."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from .systems import with_shared
from .workloads import Workload

LARGE_ITEM = 500_000
"""Bytes, from which on Dask advises to scatter an argument."""


class Joblib:
    """joblib with loky.

    Args:
        tuned: Whether in a few batches per worker, instead of its automatic ones.
    """

    def __init__(self, tuned: bool) -> None:
        self.tuned = tuned

    def start(self, workers: int) -> None:
        from joblib import Parallel

        self.workers = workers
        self.parallel = Parallel(n_jobs=workers, backend="loky")
        self.parallel.__enter__()

    def map(self, workload: Workload) -> list[Any]:
        from joblib import delayed

        function = delayed(with_shared(workload))
        size = workload.tuned_chunk_size(self.workers) if self.tuned else "auto"
        self.parallel.batch_size = size
        results: list[Any] = self.parallel(function(item) for item in workload.items)
        return results

    def stop(self) -> None:
        self.parallel.__exit__(None, None, None)


class Mpire:
    """mpire, which forks.

    Args:
        sharing: Whether what items share is inherited, for which the pool is made anew for every
            map; otherwise it is sent, and the pool stays.
    """

    def __init__(self, sharing: bool) -> None:
        self.sharing = sharing

    def start(self, workers: int) -> None:
        from mpire import WorkerPool

        self.workers = workers
        self.pool = WorkerPool(workers, keep_alive=True)

    def map(self, workload: Workload) -> list[Any]:
        from mpire import WorkerPool

        if not (self.sharing and workload.shared):
            return self._map(self.pool, with_shared(workload), workload)
        with WorkerPool(self.workers, shared_objects=workload.shared) as pool:
            return self._map(pool, partial(_with_inherited, workload.function), workload)

    def _map(self, pool: Any, function: Callable[..., Any], workload: Workload) -> list[Any]:
        from mpire.utils import make_single_arguments

        items = make_single_arguments(workload.items, generator=False)
        results: list[Any] = pool.map(function, items, concatenate_numpy_output=False)
        return results

    def stop(self) -> None:
        self.pool.terminate()


def _with_inherited(function: Callable[..., Any], shared: tuple[Any, ...], item: Any) -> Any:
    return function(*shared, item)


class Dask:
    """Dask distributed, with what items share, and large items, scattered.

    Args:
        tuned: Whether in a few chunks per worker, which it leaves to its users; otherwise each item
            is a task.
    """

    def __init__(self, tuned: bool) -> None:
        self.tuned = tuned

    def start(self, workers: int) -> None:
        from distributed import Client, LocalCluster

        self.workers = workers
        self.cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        )
        self.client = Client(self.cluster)

    def map(self, workload: Workload) -> list[Any]:
        size = workload.tuned_chunk_size(self.workers) if self.tuned else 1
        chunks: list[Any] = [
            workload.items[start : start + size] for start in range(0, len(workload.items), size)
        ]
        shared = [self.client.scatter(each, broadcast=True) for each in workload.shared]
        if getattr(workload.items[0], "nbytes", 0) > LARGE_ITEM:
            chunks = self.client.scatter(chunks, hash=False)
        futures = self.client.map(
            _compute_chunk, chunks, function=workload.function, shared=shared, pure=False
        )
        return [result for results in self.client.gather(futures) for result in results]

    def stop(self) -> None:
        self.client.close()
        self.cluster.close()


def _compute_chunk(items: list[Any], function: Callable[..., Any], shared: list[Any]) -> list[Any]:
    return [function(*shared, item) for item in items]


class Ray:
    """Ray on this machine only, without its dashboard."""

    def start(self, workers: int) -> None:
        import ray

        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)

    def stop(self) -> None:
        import ray

        ray.shutdown()


class RayTasks(Ray):
    """A task for each item; what items share is put into the object store once."""

    def map(self, workload: Workload) -> list[Any]:
        import ray

        remote = ray.remote(workload.function)
        shared = [ray.put(each) for each in workload.shared]
        results: list[Any] = ray.get([remote.remote(*shared, item) for item in workload.items])
        return results


class RayPool(Ray):
    """Ray's `multiprocessing.Pool`, with its own chunks."""

    def start(self, workers: int) -> None:
        from ray.util.multiprocessing import Pool

        super().start(workers)
        self.pool = Pool(workers)

    def map(self, workload: Workload) -> list[Any]:
        results: list[Any] = self.pool.map(with_shared(workload), workload.items)
        return results

    def stop(self) -> None:
        self.pool.terminate()
        super().stop()


class OnDask(Dask):
    """Nitocris on a Dask cluster, in its own chunks."""

    def start(self, workers: int) -> None:
        from nitocris import DistributedExecution
        from nitocris.engines.dask import join

        super().start(workers)
        self.execution = DistributedExecution(host="127.0.0.1", progress=False, check=False)
        join(self.execution, self.client)
        self.execution.wait_for_workers(workers)

    def map(self, workload: Workload) -> list[Any]:
        function = with_shared(workload)
        return self.execution.map(function, workload.items, chunk_size=workload.chunk_size)

    def stop(self) -> None:
        self.execution.close()
        super().stop()


class OnRay(Ray):
    """Nitocris on a Ray cluster, in its own chunks."""

    def start(self, workers: int) -> None:
        from nitocris import DistributedExecution
        from nitocris.engines.ray import join

        super().start(workers)
        self.execution = DistributedExecution(host="127.0.0.1", progress=False, check=False)
        join(self.execution)
        self.execution.wait_for_workers(workers)

    def map(self, workload: Workload) -> list[Any]:
        function = with_shared(workload)
        return self.execution.map(function, workload.items, chunk_size=workload.chunk_size)

    def stop(self) -> None:
        self.execution.close()
        super().stop()
