"""`imap` and `amap`: what the owner takes results from, one by one.

The thread and the coordinator behind it know the `Stream`, but not the iterator in the owner's
hands; so it is collected when the owner drops it, and that cancels the map.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from .serving import Serving
from .stream import Note, Stream
from .watch import next_note

R = TypeVar("R")
T = TypeVar("T")


class Results(Iterator[R]):
    """The results of `imap`, to be taken one by one; it is also a context manager.

    Threads may share one, each result going to one of them.  Closing it, or dropping it, cancels
    what is left.
    """

    def __init__(self, stream: Stream, serve: Callable[[], Serving]) -> None:
        self._stream = stream
        self._turn = threading.Lock()
        self._finalizer = weakref.finalize(self, stream.close)
        try:
            stream.start(serve, opens=True)
        except BaseException:
            stream.close()
            raise

    def __next__(self) -> R:
        """Waits for the next result."""
        stream = self._stream
        with self._turn:
            try:
                while not stream.ready():
                    stream.handle(next_note(stream.notes, stream.watch))
                return cast(R, stream.take())
            except StopIteration:
                raise
            except BaseException:
                stream.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancels what is left; no more results come."""
        self._stream.close()


class AsyncResults(AsyncIterator[R]):
    """The results of `amap`, for `async for`, or as a list for `await`.

    Cancelling the task that waits for them, closing or dropping it cancels what is left.
    """

    def __init__(
        self, stream: Stream, serve: Callable[[], Serving], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._stream = stream
        self._woken = asyncio.Event()
        self._finalizer = weakref.finalize(self, stream.close)
        self._serve: Callable[[], Serving] | None = serve
        stream.wake = partial(_set_soon, loop, self._woken)

    async def __anext__(self) -> R:
        """Waits for the next result; the first time, it starts the map."""
        stream, serve, self._serve = self._stream, self._serve, None
        try:
            if serve is not None:
                stream.start(serve, opens=False)
            while not stream.ready():
                stream.handle(await self._next_note())
            return cast(R, stream.take())
        except StopIteration:
            raise StopAsyncIteration from None
        except BaseException:
            stream.close()
            raise

    def __await__(self) -> Generator[Any, None, list[R]]:
        """Waits for all that have not been taken, and returns them as a list."""
        return self._all().__await__()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancels what is left; no more results come."""
        self._stream.close()

    async def _all(self) -> list[R]:
        return [result async for result in self]

    async def _next_note(self) -> Note:
        while True:
            with contextlib.suppress(queue.Empty):
                return self._stream.notes.get_nowait()
            self._woken.clear()
            try:
                async with asyncio.timeout(self._stream.watch.seconds()):
                    await self._woken.wait()
            except TimeoutError:
                self._stream.watch.look()


def read_async(iterator: AsyncIterator[T], loop: asyncio.AbstractEventLoop) -> Iterator[T]:
    """Reads in another thread what only a loop can iterate over."""

    async def following() -> T:
        return await anext(iterator)

    with contextlib.suppress(StopAsyncIteration):
        while True:
            yield asyncio.run_coroutine_threadsafe(following(), loop).result()


def _set_soon(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
        loop.call_soon_threadsafe(event.set)
