"""Native workers on a Dask cluster: one beside each Dask worker, as a plugin of it.

    join --plugin--> scheduler --> every worker, now and later --starts--> native worker
    owner <------------------------- the worker link ------------------------+

Dask starts and ends them; functions, items and results go between them and the owner directly.
"""

from __future__ import annotations

import asyncio
import platform
import secrets
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ..call import check_count
from ..errors import ConfigurationError
from ..worker_process import WorkerProcess
from .joining import Joined, check_installed, check_pythons, check_reached, start
from .machine import Link, native_worker, reach

try:
    from distributed import Client, Worker, WorkerPlugin
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"nitocris.engines.dask needs Dask: pip install 'nitocris[dask]' ({error})", name=error.name
    ) from error

if TYPE_CHECKING:
    from ..execution import DistributedExecution


def join(d: DistributedExecution, client: Client, workers: int | None = None) -> Joined:
    """Has every worker of a Dask cluster compute for an execution, those that come later as well.

    Devices that open the link take part in the same maps.  When a Dask worker dies, what it
    computed is computed by others, and its successor joins; the same holds for a scheduler that
    starts again at its address.  Dask does not count what they do as tasks.

    Args:
        d: The execution.
        client: Is connected to the cluster.
        workers: How many chunks each Dask worker computes at once; by default as many as it has
            threads.  Each is computed in a process of its own.

    Returns:
        What ends them, by `close()` or at the end of its `with`; the end of the execution does too.

    Raises:
        ConfigurationError: The cluster has another minor version of Python, another version of
            this library or none, or does not reach the execution.
        ClosedError, PortInUseError: The execution cannot run.
    """
    if not isinstance(client, Client) or client.asynchronous:
        raise ConfigurationError(f"client must be a dask.distributed.Client, not {client!r}")
    if workers is not None:
        check_count("workers", workers, low=1)
    serving, link = start(d)
    # Of the standard library, so that a worker without this one can be asked as well.
    check_pythons(client.run(platform.python_version))
    versions = client.run(version, "nitocris", on_error="return")
    check_installed({each: v if isinstance(v, str) else "" for each, v in versions.items()})
    check_reached(client.run(reach, link), link, serving.host)
    plugin = _Plugin(link, workers)
    joining = _Joining(client, plugin)
    return Joined(serving, joining.look, joining.leave)


class _Plugin(WorkerPlugin):
    """Starts a native worker beside a Dask worker, and ends it."""

    def __init__(self, link: Link, workers: int | None) -> None:
        self.name = f"nitocris-{secrets.token_hex(4)}"
        self._link = link
        self._workers = workers
        self._native: WorkerProcess | None = None

    def setup(self, worker: Worker) -> None:
        self._native = native_worker(self._link, self._workers or worker.state.nthreads)

    async def teardown(self, worker: Worker) -> None:  # noqa: ARG002  # Dask gives it
        native, self._native = self._native, None
        if native:
            await asyncio.to_thread(native.end)


class _Joining:
    """The plugin at the scheduler, also at one that has started again."""

    def __init__(self, client: Client, plugin: _Plugin) -> None:
        self._client = client
        self._plugin = plugin
        self._register()

    def look(self) -> None:
        """Registers the plugin again where the scheduler does not know it."""
        if self._client.status == "running" and self._scheduler() != self._known:
            self._register()

    def leave(self) -> None:
        """Has all workers end theirs, and waits for that."""
        if self._client.status in ("closing", "closed"):
            return
        self._client.unregister_worker_plugin(self._plugin.name)

    def _register(self) -> None:
        known = self._scheduler()
        self._client.register_plugin(self._plugin)
        self._known = known

    def _scheduler(self) -> Any:
        return self._client.scheduler_info(n_workers=1)["id"]
