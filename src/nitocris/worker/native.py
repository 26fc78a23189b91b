"""The native (headless) worker: one connection, several child processes, the same core.

    coordinator --frames--> Session --run--> ComputeProcess

It runs the owner's functions with all the rights of its user, so it needs the owner's worker link.
"""

from __future__ import annotations

import asyncio
import logging
import math
import platform
import random
import sys
from collections.abc import Awaitable, Callable
from typing import cast

import aiohttp

from .. import protocol
from ..dismissal import BY_OWNER
from ..errors import NitocrisError, RefusedError
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


class AloneError(NitocrisError):
    """There was no coordinator for as long as this worker may wait for one."""


class NativeWorker:
    """Computes for one coordinator until it is refused or cancelled.

    Args:
        url: The owner's worker link.
        processes: How many chunks to compute at once.
        fingerprint: The SHA-256 of the only certificate to accept; without it, one that names the
            link's host and is signed by somebody whom this machine trusts.
        max_memory: Bytes that each process may have.
        give_up: Seconds without a coordinator after which to end; by default never.
    """

    def __init__(
        self,
        url: str,
        processes: int,
        fingerprint: bytes = b"",
        max_memory: int | None = None,
        give_up: float | None = None,
    ) -> None:
        self._give_up = math.inf if give_up is None else give_up
        self._max_memory = max_memory
        self._fingerprint = fingerprint
        self._base, self._token = parse_worker_url(url)
        self._processes = processes

    async def run(self) -> None:
        """Connects, computes, and reconnects when the coordinator goes away.

        Raises:
            DismissedError: The owner has sent it away.
            RefusedError: The coordinator does not admit this worker, or has sent it away.
            AloneError: There was none for as long as it may wait.
        """
        time = asyncio.get_running_loop().time
        headers = {"Authorization": f"Bearer {self._token}"}
        wait = FIRST_WAIT
        accepted = aiohttp.Fingerprint(self._fingerprint) if self._fingerprint else True
        connector = aiohttp.TCPConnector(ssl=accepted)
        async with aiohttp.ClientSession(headers=headers, connector=connector) as http:
            alone_since = time()
            while True:
                try:
                    async with http.ws_connect(
                        f"{self._base}/socket",
                        max_msg_size=0,
                        heartbeat=protocol.SILENCE_TIMEOUT,
                    ) as socket:
                        logger.info("connected to %s", self._base)
                        wait = FIRST_WAIT
                        try:
                            await self._converse(http, socket)
                        finally:
                            alone_since = time()
                    logger.info("the coordinator is gone")
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    logger.info("no connection to %s: %s", self._base, error)
                if (left := alone_since + self._give_up - time()) <= 0:
                    raise AloneError(f"no coordinator at {self._base} for {self._give_up:g} s")
                jittered = wait * random.uniform(0.5, 1)  # noqa: S311  # only jitter
                await asyncio.sleep(min(jittered, left))
                wait = min(2 * wait, LONGEST_WAIT)

    async def _converse(
        self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse
    ) -> None:
        blobs = BlobCache(http, self._base)
        # It takes any of them, whatever its annotation says.
        send = cast(Callable[[protocol.Buffer], Awaitable[None]], socket.send_bytes)
        session = Session(send, blobs, self._processes, self._max_memory)
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
