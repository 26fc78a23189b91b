"""Native workers on a Ray cluster: an actor on each node, which Ray restarts, starts one.

    join --actor--> every node, now and later --starts--> native worker
    owner <------------------- the worker link ----------------+

Ray counts the processors that they have; functions, items and results go between them and the
owner directly.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ..call import check_count
from ..errors import ConfigurationError
from ..worker_process import END_SECONDS
from .joining import Joined, check_installed, check_pythons, check_reached, start
from .machine import Link, native_worker, reach

try:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"nitocris.engines.ray needs Ray: pip install 'nitocris[ray]' ({error})", name=error.name
    ) from error

if TYPE_CHECKING:
    from ..execution import DistributedExecution


def join(d: DistributedExecution, workers: int | None = None) -> Joined:
    """Has every node of the Ray cluster compute for an execution, those that come later as well.

    This program must be connected to the cluster, by `ray.init`.  Devices that open the link take
    part in the same maps.  When an actor or a node dies, what it computed is computed by others;
    Ray starts the actor again, and a new node gets one.

    Args:
        d: The execution.
        workers: How many chunks each node computes at once, and how many of its processors Ray
            gives to that; by default all.  Each is computed in a process of its own.

    Returns:
        What ends them, by `close()` or at the end of its `with`; the end of the execution does too.

    Raises:
        ConfigurationError: There is no cluster, it has another minor version of Python, another
            version of this library or none, or does not reach the execution.
        ClosedError, PortInUseError: The execution cannot run.
    """
    if not ray.is_initialized():
        raise ConfigurationError("Ray is not connected: call ray.init() or ray.init('auto') first")
    if workers is not None:
        check_count("workers", workers, low=1)
    serving, link = start(d)
    # Of the standard library, so that a node without this one can be asked as well.
    check_pythons(_ask(platform.python_version))
    check_installed(_ask(version, "nitocris"))
    check_reached(_ask(_reach, link), link, serving.host)
    joining = _Joining(link, workers)
    return Joined(serving, joining.look, joining.leave)


class _Actor:
    """A native worker, as long as the actor lives."""

    def __init__(self, link: Link, processes: int) -> None:
        self._native = native_worker(link, processes)

    def end(self) -> None:
        self._native.end()


class _Joining:
    """The actors by node."""

    def __init__(self, link: Link, workers: int | None) -> None:
        self._link = link
        self._workers = workers
        self._actors: dict[str, Any] = {}
        self.look()

    def look(self) -> None:
        """Gives an actor to each node that is new, and forgets those that are gone."""
        nodes = _nodes()
        for gone in self._actors.keys() - nodes.keys():
            with contextlib.suppress(Exception):
                ray.kill(self._actors[gone])
            del self._actors[gone]
        for node in nodes.keys() - self._actors.keys():
            count = self._workers or nodes[node]
            actor = ray.remote(max_restarts=-1, num_cpus=count)(_Actor)
            self._actors[node] = actor.options(scheduling_strategy=_on(node)).remote(
                self._link, count
            )

    def leave(self) -> None:
        """Ends all native workers and actors, and waits for that."""
        if not ray.is_initialized():
            return
        ends = [actor.end.remote() for actor in self._actors.values()]
        if ends:
            ray.wait(ends, num_returns=len(ends), timeout=END_SECONDS)
        for actor in self._actors.values():
            ray.kill(actor)
        self._actors.clear()


def _nodes() -> dict[str, int]:
    """Returns how many processors each node has that lives and has any."""
    return {
        node["NodeID"]: int(node["Resources"]["CPU"])
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
    }


def _ask(function: Callable[..., str], *arguments: Any) -> dict[str, str]:
    """Returns what a function says on each node; an empty text if nothing is installed there."""
    task = ray.remote(num_cpus=0)(function)
    asked = {
        node: task.options(scheduling_strategy=_on(node)).remote(*arguments) for node in _nodes()
    }
    return {node: _answer(reference) for node, reference in asked.items()}


def _answer(reference: Any) -> str:
    try:
        answer: str = ray.get(reference)
    except PackageNotFoundError:
        return ""
    return answer


def _on(node: str) -> Any:
    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)


def _reach(link: Link) -> str:
    return asyncio.run(reach(link))
