"""Child processes that compute, each with a `WorkerCore` of its own.

    parent --run, frame, blobs--> child --frame, frame, ..., empty--> parent

A child that does not stop when it is interrupted is killed and replaced, which is why it is a
process and not a thread.  It is a fresh Python, which `multiprocessing` has none of: that one runs
the owner's script again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

from ..protocol import Buffer
from .channel import Wire
from .signals import Runs

RUN = struct.Struct("<QI")
"""What precedes a frame: the number of the run, and how many blobs follow."""
DONE = b""
THREAD_LIMITS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"),
)
"""What numerical libraries read; without, each process has a thread for every core."""
DEATH_SECONDS = 1.0
"""How long a child that has closed its end may take to be gone."""
_MAIN = "from nitocris.worker.child import main; main()"


def cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ComputeProcess:
    """One child process.

    It belongs to the event loop on which it first runs something.

    Args:
        max_memory: Bytes of memory that it may have; an item that needs more fails.
        threads: How many threads numerical libraries use in it, unless the environment says so.
        apart: Whether it is no part of this process's group, which a terminal or a notebook
            interrupts, stops and continues as one.
    """

    def __init__(
        self, max_memory: int | None = None, threads: int = 1, *, apart: bool = False
    ) -> None:
        # Here, since the child is killed at any moment and cannot clean up.
        self._folder = tempfile.mkdtemp(prefix="nitocris-worker-")
        self._run = 0
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._wire: Wire | None = None
        self._is_lost = self._is_killed = False
        self._on_result: Callable[[Buffer], None] = _ignore
        self._running: asyncio.Future[None] | None = None
        # Closed by the system when this process ends, however it does.
        ending, self._lifeline = os.pipe()
        with theirs, tempfile.TemporaryFile() as file:
            file.truncate(Runs.BYTES)
            self._runs = Runs(file.fileno())
            descriptors = (theirs.fileno(), file.fileno(), ending)
            self._process = subprocess.Popen(  # noqa: S603  # ourselves
                [
                    *(sys.executable, "-c", _MAIN, *map(str, descriptors)),
                    *(self._folder, str(max_memory or 0)),
                ],
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                env=dict.fromkeys(THREAD_LIMITS, str(threads))
                | os.environ
                # So that a set of texts has one order on all machines.
                | {"PYTHONHASHSEED": "0"},
                start_new_session=apart,
            )
        os.close(ending)

    async def run(
        self,
        frame: Buffer,
        blobs: Sequence[Buffer] = (),
        on_result: Callable[[Buffer], None] | None = None,
    ) -> None:
        """Has the child process a frame, one at a time, and hands each result frame on as it comes.

        Raises:
            ConnectionError: The child had died before it took the frame.
            EOFError: The child has died of it.
        """
        loop = asyncio.get_running_loop()
        if self._wire is None:
            _, self._wire = await loop.create_unix_connection(
                lambda: Wire(self._receive, self._lose), sock=self._socket
            )
        if self._is_lost:
            raise ConnectionError("the worker process is gone")
        self._run += 1
        self._on_result = on_result or _ignore
        self._running = loop.create_future()
        self._wire.send(RUN.pack(self._run, len(blobs)), frame, *blobs)
        await self._running

    def _receive(self, message: Buffer) -> None:
        if message != DONE:
            self._on_result(message)
        elif self._running and not self._running.done():
            self._running.set_result(None)

    def _lose(self, reason: Exception | None) -> None:
        self._is_lost = True
        if self._running and not self._running.done():
            self._running.set_exception(reason or EOFError("the worker process has ended"))

    def interrupt(self) -> None:
        """Asks the child to end the chunk under way; does nothing where there is none.

        The function may need a moment, or be in the middle of an import.  Ask again until `run`
        returns.
        """
        self._runs.unwanted.value = self._run
        if self._runs.computed.value == self._run:
            self._process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        """Ends the child, whatever it does, and waits for that; `run` raises.

        May be called again.
        """
        if self._is_killed:
            return
        self._is_killed = True
        self._process.kill()
        self._process.wait()
        os.close(self._lifeline)
        if self._wire:
            self._wire.close()
        else:
            self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The child's exit code, negative for a signal; None while it lives."""
        try:
            return self._process.wait(DEATH_SECONDS)
        except subprocess.TimeoutExpired:
            return None


def _ignore(_: Buffer) -> None: ...
