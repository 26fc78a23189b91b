"""One connection of a native worker: its maps, its places, and the chunks that wait for one.

    waiting (its blobs are being fetched) -> computed at a place -> over
                                                  |
                                     cancelled: "unwanted"

Nothing of an unwanted chunk is sent.  Its process is interrupted, and killed when it does not
stop.  The page does the same in web/src/pool/dispatcher.ts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from .. import protocol
from ..errors import ProtocolError, RefusedError
from ..protocol import Buffer
from .processes import ComputeProcess, cores
from .signals import AGAIN_SECONDS

PING_SECONDS = 15.0
"""From one measurement of the round trip to the next."""
FIRST_PING_SECONDS = 1.0
"""The same as long as none is known."""
GRACE_SECONDS = 1.0
"""How long an unwanted chunk may go on.  A new interpreter takes less, but knows nothing yet."""


class BlobSource(Protocol):
    """Where blobs come from."""

    async def all(self, ids: tuple[str, ...]) -> Sequence[bytes]:
        """Returns these blobs.

        Raises:
            OSError: The coordinator does not answer.
            ProtocolError: It has no such blob, or it arrived damaged.
        """

    async def close(self) -> None:
        """Gives up what is under way."""


@dataclass(slots=True, eq=False)
class _Work:
    """A frame for a process, with the blobs that its header lists."""

    frame: bytes
    blobs: Sequence[bytes]


@dataclass(slots=True, eq=False)
class _Lease:
    """A chunk, and what is known of it."""

    chunk: protocol.Chunk
    loaded: tuple[_Work, _Work] | None = None
    """Its map and its items, once their blobs are here."""
    task: asyncio.Task[None] | None = None
    """What is done for it now: loading or computing."""
    is_unwanted: bool = False


@dataclass(slots=True, eq=False)
class _Place:
    """Where one chunk at a time is computed; its process is replaced when it dies."""

    start: Callable[[], ComputeProcess]
    process: ComputeProcess = field(init=False)
    known: set[int] = field(default_factory=set)
    lease: _Lease | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.process = self.start()

    def renew(self) -> None:
        self.process.kill()
        self.process, self.known = self.start(), set()


class Session:
    """Computes what the coordinator sends; lives no longer than the connection.

    Args:
        send: Sends a frame to the coordinator.
        blobs: Where blobs come from.
        processes: How many chunks to compute at once.
        max_memory: Bytes that each process may have.
        apart: Whether they are no part of this process's group.
    """

    def __init__(
        self,
        send: Callable[[Buffer], Awaitable[None]],
        blobs: BlobSource,
        processes: int,
        max_memory: int | None = None,
        *,
        apart: bool = False,
    ) -> None:
        self._send_frame = send
        self._blobs = blobs
        self._loop = asyncio.get_running_loop()
        threads = max(1, cores() // processes)
        start = partial(ComputeProcess, max_memory, threads, apart=apart)
        self._places = [_Place(start) for _ in range(processes)]
        self._free = deque(self._places)
        self._maps: dict[int, asyncio.Task[_Work]] = {}
        self._waiting: dict[int, _Lease] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._outbox: asyncio.Queue[Buffer] = asyncio.Queue()
        self._asked = 0.0
        self._round_trip: float | None = None
        self._start(self._write())
        self._start(self._measure())

    def receive(self, frame: bytes) -> None:
        """Takes a frame.

        Raises:
            RefusedError: The coordinator does not admit this worker.
            ProtocolError: It is no frame of a coordinator's.
        """
        message, _ = protocol.decode_from_coordinator(frame)
        match message:
            case protocol.Map():
                self._maps[message.map] = self._start(self._fetch(frame, message.blobs))
            case protocol.Chunk():
                lease = self._waiting[message.lease] = _Lease(message)
                fetching = self._maps.get(message.map)
                if message.blobs or not fetching or not fetching.done() or fetching.exception():
                    lease.task = self._start(self._load(lease, frame))
                else:
                    lease.loaded = (fetching.result(), _Work(frame, ()))
                    self._pump()
            case protocol.Cancel():
                self._cancel(message.lease)
            case protocol.Forget():
                self._forget(message.map, frame)
            case protocol.Pong():
                self._round_trip = self._loop.time() - self._asked
            case protocol.Refused():
                raise RefusedError(message.message)
            case _:
                pass

    async def close(self) -> None:
        """Ends everything, whatever it does."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await self._blobs.close()
        for place in self._places:
            place.process.kill()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _load(self, lease: _Lease, frame: bytes) -> None:
        chunk = lease.chunk
        try:
            if chunk.map not in self._maps:
                raise ProtocolError(f"the map {chunk.map} was never introduced")
            # Shielded: a chunk that is cancelled must not take the map from the others.
            function = await asyncio.shield(self._maps[chunk.map])
            lease.loaded = (function, await self._fetch(frame, chunk.blobs))
        except (ProtocolError, OSError) as error:
            del self._waiting[chunk.lease]
            self._send(protocol.Failed(chunk.lease, f"it could not be loaded: {error}"[:500]))
        else:
            self._pump()

    async def _fetch(self, frame: bytes, blobs: tuple[str, ...]) -> _Work:
        return _Work(frame, await self._blobs.all(blobs))

    def _pump(self) -> None:
        """Gives what waits to whoever is free, in the order in which it came."""
        for lease in list(self._waiting.values()):
            if not self._free:
                return
            if lease.loaded:
                del self._waiting[lease.chunk.lease]
                place = self._free.popleft()
                place.lease = lease
                lease.task = self._start(self._compute(place, lease, *lease.loaded))

    async def _compute(self, place: _Place, lease: _Lease, function: _Work, items: _Work) -> None:
        number = lease.chunk.lease
        async with place.turn:
            try:
                try:
                    await self._hand_over(place, lease, function, items)
                except ConnectionError:
                    # It was dead before it took the frame, for which the chunk is not to blame.
                    place.renew()
                    await self._hand_over(place, lease, function, items)
            except (EOFError, OSError):
                process = place.process
                obituary = _obituary(await asyncio.to_thread(lambda: process.exit_code))
                place.renew()
                if not lease.is_unwanted:
                    self._send(protocol.Failed(number, obituary))
        if lease.is_unwanted:
            self._send(protocol.Cancelled(number))
        place.lease = None
        self._free.append(place)
        self._pump()

    async def _hand_over(self, place: _Place, lease: _Lease, function: _Work, items: _Work) -> None:
        if lease.chunk.map not in place.known and not lease.is_unwanted:
            place.known.add(lease.chunk.map)  # before it is, so that a `forget` is not missed
            await place.process.run(function.frame, function.blobs)
        if not lease.is_unwanted:
            await place.process.run(
                items.frame, items.blobs, lambda frame: self._forward(lease, frame)
            )

    def _cancel(self, number: int) -> None:
        for place in self._places:
            lease = place.lease
            if lease and lease.chunk.lease == number:
                if not lease.is_unwanted:
                    lease.is_unwanted = True
                    self._start(self._stop(place, lease))
                return  # `_compute` says when the place is free again
        self._drop(number)
        self._send(protocol.Cancelled(number))

    def _drop(self, number: int) -> None:
        lease = self._waiting.pop(number, None)
        if lease and lease.task:
            lease.task.cancel()

    async def _stop(self, place: _Place, lease: _Lease) -> None:
        give_up_at = self._loop.time() + GRACE_SECONDS
        while place.lease is lease and self._loop.time() < give_up_at:
            place.process.interrupt()
            if lease.task:
                await asyncio.wait([lease.task], timeout=AGAIN_SECONDS)
        if place.lease is lease:
            place.process.kill()

    def _forget(self, number: int, frame: bytes) -> None:
        if fetching := self._maps.pop(number, None):
            fetching.cancel()
        for lease in [each for each in self._waiting.values() if each.chunk.map == number]:
            self._drop(lease.chunk.lease)
        for place in self._places:
            if number in place.known:
                self._start(self._tell_to_forget(place, number, frame))

    async def _tell_to_forget(self, place: _Place, number: int, frame: bytes) -> None:
        async with place.turn:
            if number in place.known:  # else its process has been replaced meanwhile
                place.known.discard(number)
                with contextlib.suppress(EOFError, OSError):
                    await place.process.run(frame)

    def _forward(self, lease: _Lease, frame: Buffer) -> None:
        if not lease.is_unwanted:
            self._outbox.put_nowait(frame)

    def _send(self, message: protocol.FromWorker) -> None:
        self._outbox.put_nowait(protocol.encode(message))

    async def _measure(self) -> None:
        while True:
            await asyncio.sleep(FIRST_PING_SECONDS if self._round_trip is None else PING_SECONDS)
            self._asked = self._loop.time()
            self._send(protocol.Ping(self._round_trip))

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._send_frame(await self._outbox.get())

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _obituary(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"the worker process was killed by signal {-exit_code}"
    return f"the worker process ended with exit code {exit_code}"
