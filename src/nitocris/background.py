"""An asyncio loop in a thread of its own, with one owner that starts, uses and stops it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, ParamSpec, TypeVar

from .errors import ClosedError

P = ParamSpec("P")
T = TypeVar("T")

LOOK_SECONDS = 1.0
"""How often a thread that waits for the loop sees whether it still lives."""


class LoopThread:
    """A running event loop.

    The thread is a daemon: a script that forgets to close its execution still ends.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether calls still reach the loop."""
        return self._thread.is_alive() and not self._loop.is_closed()

    @property
    def is_current(self) -> bool:
        """Whether this is the loop's own thread, which must not wait for itself."""
        return threading.current_thread() is self._thread

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the loop and waits for its result.

        Interrupted by Ctrl-C, it cancels the coroutine before the interrupt goes on.

        Raises:
            ClosedError: The loop has been stopped, or is stopped meanwhile.
            RuntimeError: This is the loop's own thread, which cannot wait for itself.
            BaseException: Whatever the coroutine raises.
        """
        if self.is_current:
            coroutine.close()
            raise RuntimeError("the event loop's own thread cannot wait for what runs on it")
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            raise ClosedError("the execution is closed") from None
        try:
            return self._result(future)
        except CancelledError:
            raise ClosedError("the execution was closed meanwhile") from None
        except BaseException:
            future.cancel()
            if not self.alive:
                coroutine.close()  # asked for too late, it may never have begun
            raise

    def call(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Calls a function on the loop soon, in the order of the calls.

        Raises:
            ClosedError: The loop has been stopped.
        """
        try:
            self._loop.call_soon_threadsafe(lambda: function(*args, **kwargs))
        except RuntimeError:
            raise ClosedError("the execution is closed") from None

    def stop(self) -> None:
        """Cancels what still runs on the loop, stops it and joins the thread."""
        if self.alive:
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _result(self, future: Future[T]) -> T:
        while True:
            try:
                return future.result(LOOK_SECONDS)
            except TimeoutError:
                if future.done():  # then it is the coroutine's own error, or has come just now
                    return future.result()
                if not self.alive:
                    raise ClosedError("the execution was closed meanwhile") from None

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            # What other threads have asked for until now becomes tasks in the first round.
            self._loop.run_until_complete(asyncio.sleep(0))
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            # It starts a thread, which Python 3.12 refuses when the interpreter ends; the threads
            # that it would join have been joined by then.
            with contextlib.suppress(RuntimeError):
                self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
