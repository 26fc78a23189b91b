"""An execution for tests: real but for the network, with the worker as a child process.

    Coordinator --frames--> Session --pipe--> child: WorkerCore

Functions and items are pickled, own modules travel, results go through the codec, time limits and
crashes are what they are elsewhere; no port is opened.  The worker is no thread of the test's
process, where the modules that travelled would stand in the place of those under test.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, NoReturn

from . import protocol
from .call import check_count
from .coordinator import Coordinator
from .errors import ConfigurationError, ProtocolError
from .execution import DistributedExecution
from .links import Access, new_access
from .serving import Options, Serving
from .worker.session import Session


class LocalExecution(DistributedExecution):
    """An execution whose only worker is a child process, and which opens no port.

    It takes the arguments of `DistributedExecution`, so that a test may put it in the place of
    that.  Those of server and links mean nothing here, and nothing is shown or looked at before
    the map unless `progress` and `check` ask for it.

    Args:
        *arguments: As for `DistributedExecution`.
        local_workers: How many chunks are computed at once, each in a process of its own; at
            least one.
        **options: As for `DistributedExecution`.
    """

    def __init__(self, *arguments: Any, local_workers: int = 1, **options: Any) -> None:
        super().__init__(*arguments, **{"progress": False, "check": False, **options})
        processes = max(check_count("local_workers", local_workers, low=0), 1)
        self._serving = partial(_LocalServing, processes)

    @property
    def url(self) -> NoReturn:
        """There is none: raises `ConfigurationError`."""
        raise ConfigurationError("an execution without a network has no links")

    worker_url = dashboard_url = url

    def revoke(self) -> NoReturn:
        """There is nothing to revoke: raises `ConfigurationError`."""
        raise ConfigurationError("an execution without a network has no links")


class _LocalServing(Serving):
    """What runs behind a `LocalExecution`."""

    def __init__(self, processes: int, options: Options) -> None:
        self._processes = processes
        super().__init__(options)

    async def _open(self) -> Access:
        self.places = None  # no browser comes, and so no package is fetched
        self.url = self.worker_url = self.dashboard_url = ""
        self._coordinate()
        self._device = _Device(self.coordinator, self._processes)
        return new_access()

    async def _close(self) -> None:
        await super()._close()
        await self._device.session.close()


class _Device:
    """The worker as the coordinator knows it."""

    def __init__(self, coordinator: Coordinator, processes: int) -> None:
        self._coordinator = coordinator
        self.session = Session(_Socket(self, coordinator), _Blobs(coordinator), processes)
        self.number = coordinator.join(self, is_browser=False, name="test")
        coordinator.announce(self.number, processes)

    def send(self, message: protocol.FromCoordinator, payload: bytes = b"") -> None:
        """Takes a frame to the worker, after what the coordinator is doing now."""
        frame = protocol.encode(message, payload)
        asyncio.get_running_loop().call_soon(self.session.receive, frame)

    def post(self, frame: bytes) -> None:
        """Takes what volunteers see; nobody looks."""

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002  # it is told to nobody
        """Lets nothing more be lent to it."""
        asyncio.get_running_loop().call_soon(self._coordinator.leave, self.number)


class _Socket:
    """The worker's way to the coordinator."""

    def __init__(self, device: _Device, coordinator: Coordinator) -> None:
        self._device = device
        self._coordinator = coordinator

    async def send_bytes(self, data: bytes, /) -> None:
        """Takes a frame to the coordinator."""
        await self._coordinator.receive(self._device.number, data)


class _Blobs:
    """The blobs of running maps, which the worker need not fetch."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    async def all(self, ids: tuple[str, ...]) -> list[bytes]:
        """Returns these blobs."""
        found = [self._coordinator.blob(each) for each in ids]
        there = [each for each in found if each is not None]
        if len(there) < len(found):
            raise ProtocolError("the map is over")
        return there

    async def close(self) -> None:
        """Nothing is under way."""
