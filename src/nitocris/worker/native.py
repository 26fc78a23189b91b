"""The native (headless) worker: one connection, several child processes, the same core.

    coordinator --frames--> NativeWorker --run--> ComputeProcess (one thread each waits for it)

It runs the owner's functions with all the rights of its user, so it needs the owner's worker link.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import aiohttp

from .. import protocol
from ..errors import ProtocolError, RefusedError
from ..links import parse_worker_url
from .blob_cache import BlobCache
from .processes import ComputeProcess

logger = logging.getLogger("nitocris.worker")

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds before reconnecting: doubled each time, multiplied by a random factor of 0.5 to 1."""


@dataclass(slots=True, eq=False)
class _Work:
    """A frame for a process, with the blobs that its header lists."""

    frame: bytes
    blobs: list[bytes]


@dataclass(slots=True, eq=False)
class _Slot:
    """A place for one chunk at a time; its process is replaced when it dies."""

    process: ComputeProcess
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    known: set[int] = field(default_factory=set)
    lease: int | None = None


class NativeWorker:
    """Computes for one coordinator until it is refused or cancelled.

    Args:
        url: The owner's worker link.
        processes: How many chunks to compute at once.
    """

    def __init__(self, url: str, processes: int) -> None:
        self._base, self._token = parse_worker_url(url)
        self._processes = processes

    async def run(self) -> None:
        """Connects, computes, and reconnects when the coordinator goes away.

        Raises:
            RefusedError: The coordinator does not admit this worker.
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
        session = _Session(self._base, http, socket, self._processes)
        hello = protocol.Hello(
            protocol=protocol.PROTOCOL_VERSION,
            token=self._token,
            kind="native",
            capacity=self._processes,
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
        )
        await socket.send_bytes(protocol.encode(hello))
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    session.receive(message.data)
        finally:
            await session.close()


class _Session:
    """One connection's maps, places and running chunks; lives no longer than the connection."""

    def __init__(
        self,
        base: str,
        http: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse,
        processes: int,
    ) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(processes, "nitocris-compute")
        self._slots = [_Slot(ComputeProcess()) for _ in range(processes)]
        self._free: asyncio.Queue[_Slot] = asyncio.Queue()
        for slot in self._slots:
            self._free.put_nowait(slot)
        self._blobs = BlobCache(http, base)
        self._maps: dict[int, asyncio.Task[_Work]] = {}
        self._chunks: dict[int, asyncio.Task[None]] = {}
        self._forgetting: set[asyncio.Task[None]] = set()
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    def receive(self, frame: bytes) -> None:
        message, _ = protocol.decode_from_coordinator(frame)
        match message:
            case protocol.Map():
                self._maps[message.map] = asyncio.create_task(self._fetch(frame, message.blobs))
            case protocol.Chunk():
                task = asyncio.create_task(self._compute(message, frame))
                self._chunks[message.lease] = task
                task.add_done_callback(lambda _: self._chunks.pop(message.lease, None))
            case protocol.Cancel():
                self._cancel(message.lease)
            case protocol.Forget():
                self._forget(message.map, frame)
            case protocol.Refused():
                raise RefusedError(message.message)
            case protocol.Welcome() | protocol.Pong():
                pass

    async def close(self) -> None:
        tasks = [self._writer, *self._maps.values(), *self._chunks.values(), *self._forgetting]
        for task in tasks:
            task.cancel()
        await self._blobs.close()
        for slot in self._slots:
            slot.process.kill()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown()

    async def _compute(self, chunk: protocol.Chunk, frame: bytes) -> None:
        try:
            current = await self._maps[chunk.map]
            items = await self._fetch(frame, chunk.blobs)
        except (aiohttp.ClientError, ProtocolError, OSError, KeyError) as error:
            self._send(protocol.Failed(chunk.lease, f"a blob could not be fetched: {error}"[:500]))
            return
        slot = await self._free.get()
        slot.lease = chunk.lease
        async with slot.turn:
            try:
                if chunk.map not in slot.known:
                    await self._run(slot, current)
                    slot.known.add(chunk.map)
                await self._run(slot, items)
            except (EOFError, OSError):
                answer: protocol.FromWorker = protocol.Cancelled(chunk.lease)
                if slot.lease is not None:
                    answer = protocol.Failed(chunk.lease, _obituary(slot.process.exit_code))
                slot.process, slot.known = ComputeProcess(), set()
                self._send(answer)
        slot.lease = None
        self._free.put_nowait(slot)

    async def _run(self, slot: _Slot, what: _Work) -> None:
        def on_result(frame: bytes) -> None:
            self._loop.call_soon_threadsafe(self._outbox.put_nowait, frame)

        process = slot.process
        await self._loop.run_in_executor(
            self._threads, process.run, what.frame, what.blobs, on_result
        )

    async def _fetch(self, frame: bytes, blobs: tuple[str, ...]) -> _Work:
        return _Work(frame, await self._blobs.all(blobs))

    def _cancel(self, lease: int) -> None:
        for slot in self._slots:
            if slot.lease == lease:
                slot.lease = None
                slot.process.kill()
                return  # `_compute` says when the place is free again
        if task := self._chunks.get(lease):
            task.cancel()
        self._send(protocol.Cancelled(lease))

    def _forget(self, number: int, frame: bytes) -> None:
        if fetching := self._maps.pop(number, None):
            fetching.cancel()
        for slot in self._slots:
            if number in slot.known:
                task = asyncio.create_task(self._tell_to_forget(slot, number, frame))
                self._forgetting.add(task)
                task.add_done_callback(self._forgetting.discard)

    async def _tell_to_forget(self, slot: _Slot, number: int, frame: bytes) -> None:
        async with slot.turn:
            if number in slot.known:  # else its process has been replaced meanwhile
                slot.known.discard(number)
                with contextlib.suppress(EOFError, OSError):
                    await self._run(slot, _Work(frame, []))

    def _send(self, message: protocol.FromWorker) -> None:
        self._outbox.put_nowait(protocol.encode(message))

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._socket.send_bytes(await self._outbox.get())


def _obituary(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"the worker process was killed by signal {-exit_code}"
    return f"the worker process ended with exit code {exit_code}"
