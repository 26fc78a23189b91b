"""Child processes that compute, each with a `WorkerCore` of its own.

    parent --(frame, blobs)--> child --frame, frame, ..., empty--> parent

A child that hangs is killed and replaced, which is why it is a process and not a thread.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait

from ..protocol import Buffer
from .core import WorkerCore

_SPAWN = multiprocessing.get_context("spawn")
_DONE = b""


class ComputeProcess:
    """One child process; `run` may be called by one thread at a time."""

    def __init__(self) -> None:
        self._connection, child = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_main, args=(child,), daemon=True)
        self._process.start()
        child.close()

    def run(
        self, frame: Buffer, blobs: Sequence[Buffer], on_result: Callable[[bytes], None]
    ) -> None:
        """Has the child process a frame, and hands each result frame on as it comes.

        Raises:
            EOFError, OSError: The child has died.
        """
        self._connection.send((bytes(frame), [bytes(blob) for blob in blobs]))
        while result := self._connection.recv_bytes():
            on_result(result)

    def kill(self) -> None:
        """Ends the child, whatever it does, and waits for that; `run` raises."""
        self._process.kill()
        self._process.join()

    @property
    def exit_code(self) -> int | None:
        """The child's exit code, negative for a signal; None while it lives."""
        self._process.join(timeout=1)
        return self._process.exitcode


def _main(connection: Connection) -> None:
    # Ctrl-C in a terminal reaches the whole process group; the parent decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    core = WorkerCore(time.monotonic)
    with contextlib.suppress(EOFError, OSError):
        while True:
            frame, blobs = connection.recv()
            core.receive(frame, blobs)
            while result := core.step():
                connection.send_bytes(result)
            connection.send_bytes(_DONE)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
