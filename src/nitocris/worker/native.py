"""The native (headless) worker: one connection, several child processes, the same core.

    coordinator --frames--> Session --run--> ComputeProcess

It runs the owner's functions with all the rights of its user, so it needs the owner's worker link.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import random
import sys

import aiohttp

from .. import protocol
from ..dismissal import BY_OWNER
from ..errors import RefusedError
from ..links import parse_worker_url
from .blob_cache import BlobCache
from .session import Session

logger = logging.getLogger("nitocris.worker")

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds before reconnecting: doubled each time, multiplied by a random factor of 0.5 to 1."""

MAX_NAME_LENGTH = 64
"""Characters of a host's name that the protocol has room for."""

_SENT_AWAY = (protocol.CLOSE_BAD_RESULTS, protocol.CLOSE_DISMISSED)
_CLOSED = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)


class DismissedError(RefusedError):
    """The owner has sent this worker away."""


class NativeWorker:
    """Computes for one coordinator until it is refused or cancelled.

    Args:
        url: The owner's worker link.
        processes: How many chunks to compute at once.
        max_memory: Bytes that each process may have.
    """

    def __init__(
        self,
        url: str,
        processes: int,
        max_memory: int | None = None,
    ) -> None:
        self._max_memory = max_memory
        self._base, self._token = parse_worker_url(url)
        self._processes = processes

    async def run(self) -> None:
        """Connects, computes, and reconnects when the coordinator goes away.

        Raises:
            DismissedError: The owner has sent it away.
            RefusedError: The coordinator does not admit this worker, or has sent it away.
        """
        headers = {"Authorization": f"Bearer {self._token}"}
        wait = FIRST_WAIT
        async with aiohttp.ClientSession(headers=headers) as http:
            while True:
                try:
                    async with http.ws_connect(
                        f"{self._base}/socket",
                        max_msg_size=0,
                        heartbeat=protocol.SILENCE_TIMEOUT,
                    ) as socket:
                        logger.info("connected to %s", self._base)
                        wait = FIRST_WAIT
                        await self._converse(http, socket)
                    logger.info("the coordinator is gone")
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    logger.info("no connection to %s: %s", self._base, error)
                await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311  # only jitter
                wait = min(2 * wait, LONGEST_WAIT)

    async def _converse(
        self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse
    ) -> None:
        blobs = BlobCache(http, self._base)
        session = Session(socket.send_bytes, blobs, self._processes, self._max_memory)
        hello = protocol.Hello(
            protocol=protocol.PROTOCOL_VERSION,
            token=self._token,
            kind="native",
            capacity=self._processes,
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            name=platform.node()[:MAX_NAME_LENGTH] or None,
        )
        try:
            await socket.send_bytes(protocol.encode(hello))
            # Not `async for`, which keeps the reason of the end to itself.
            while (message := await socket.receive()).type not in _CLOSED:
                if message.type is aiohttp.WSMsgType.BINARY:
                    session.receive(message.data)
        finally:
            await session.close()
        if message.type is aiohttp.WSMsgType.CLOSE and message.data in _SENT_AWAY:
            if message.extra == BY_OWNER:
                raise DismissedError("the owner has sent this worker away")
            raise RefusedError(f"the coordinator has sent this worker away: {message.extra}")
