"""`local_workers=`: a native worker inside this process, its children beside it.

    Coordinator --send--> LocalWorker: Session --run--> ComputeProcess, ...
         ^------receive--------------------'

It is a device like any other, without a socket between: what computes here needs no network.
"""

from __future__ import annotations

import asyncio
import logging
import platform
from collections.abc import Callable, Sequence

from . import protocol
from .coordinator import Coordinator
from .errors import ProtocolError
from .worker.session import Session

logger = logging.getLogger("nitocris.local_worker")

ADDRESS = "127.0.0.1"


class LocalWorker:
    """A device on the coordinator's own loop; create it there.

    Args:
        coordinator: Whom it computes for.
        processes: How many chunks it computes at once.
        tell: Called with a sentence for the owner when it was sent away.
    """

    def __init__(
        self, coordinator: Coordinator, processes: int, tell: Callable[[str], None]
    ) -> None:
        self._coordinator = coordinator
        self._tell = tell
        self._ending: asyncio.Task[None] | None = None
        self._session = Session(self._deliver, _Blobs(coordinator), processes, apart=True)
        self._number = coordinator.devices.join(
            self, is_browser=False, name=platform.node() or None, address=ADDRESS
        )
        coordinator.devices.announce(self._number, processes)

    def send(self, message: protocol.FromCoordinator, payload: bytes = b"") -> None:
        """Takes a frame from the coordinator."""
        if self._ending is None:
            self._session.receive(protocol.encode(message, payload))

    def post(self, frame: bytes) -> None:
        """Takes what volunteers read; there are none here."""

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002  # a device's signature
        """Ends it, as the coordinator wants."""
        if self._ending is not None:
            return
        if code != protocol.CLOSE_GOING_AWAY:
            self._tell("the local worker was sent away and is not started again.")
        self._ending = asyncio.create_task(self._end())

    async def end(self) -> None:
        """Ends it, and returns when nothing of it is left."""
        self.close(protocol.CLOSE_GOING_AWAY, "")
        assert self._ending is not None
        await self._ending

    async def _end(self) -> None:
        self._coordinator.devices.leave(self._number)
        await self._session.close()

    async def _deliver(self, frame: protocol.Buffer) -> None:
        if self._ending is not None:
            return
        try:
            await self._coordinator.devices.receive(self._number, frame)
        except ProtocolError as error:
            logger.warning("the local worker broke the protocol: %s", error)
            self.close(protocol.CLOSE_BAD_RESULTS, str(error))


class _Blobs:
    """Those of the coordinator, as they are."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    async def all(self, ids: tuple[str, ...]) -> Sequence[bytes]:
        return [self._get(each) for each in ids]

    async def close(self) -> None:
        pass

    def _get(self, blob: str) -> bytes:
        data = self._coordinator.blob(blob)
        if data is None:
            raise ProtocolError(f"the blob {blob} is gone")
        return data
