"""Child processes that compute, each with a `WorkerCore` of its own.

    parent --(run, frame, blobs)--> child --frame, frame, ..., empty--> parent

A child that does not stop when it is interrupted is killed and replaced, which is why it is a
process and not a thread.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection, wait

from ..protocol import Buffer
from . import sources
from .core import Interrupted, WorkerCore
from .signals import Alarm, Interruptions, Runs

_SPAWN = multiprocessing.get_context("spawn")
_DONE = b""


class ComputeProcess:
    """One child process.

    `run` may be called by one thread at a time; all else belongs to the thread that created it.

    Args:
        max_memory: Bytes of memory that it may have; an item that needs more fails.
    """

    def __init__(self, max_memory: int | None = None) -> None:
        self._connection, child = _SPAWN.Pipe()
        self._runs = Runs(_SPAWN)
        self._run = 0
        # Here, since the child is killed at any moment and cannot clean up.
        self._folder = tempfile.mkdtemp(prefix="nitocris-worker-")
        self._process = _SPAWN.Process(
            target=_main, args=(child, self._runs, self._folder, max_memory), daemon=True
        )
        with _fixed_hashes():
            self._process.start()
        child.close()

    def run(
        self, frame: Buffer, blobs: Sequence[Buffer], on_result: Callable[[bytes], None]
    ) -> None:
        """Has the child process a frame, and hands each result frame on as it comes.

        Raises:
            ConnectionError: The child had died before it took the frame.
            EOFError, OSError: The child has died of it.
        """
        self._run += 1
        self._connection.send((self._run, bytes(frame), [bytes(blob) for blob in blobs]))
        while result := self._connection.recv_bytes():
            on_result(result)

    def interrupt(self) -> None:
        """Asks the child to end the chunk under way; does nothing where there is none.

        The function may need a moment, or be in the middle of an import.  Ask again until `run`
        returns.
        """
        self._runs.unwanted.value = self._run
        if self._runs.computed.value == self._run and self._process.is_alive():
            os.kill(self.pid, signal.SIGUSR1)

    def kill(self) -> None:
        """Ends the child, whatever it does, and waits for that; `run` raises."""
        self._process.kill()
        self._process.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The child's process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The child's exit code, negative for a signal; None while it lives."""
        self._process.join(timeout=1)
        return self._process.exitcode


@contextlib.contextmanager
def _fixed_hashes() -> Iterator[None]:
    """Has children walk through a set of texts in one order on all machines."""
    former = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        yield
    finally:
        if former is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = former


def _main(connection: Connection, runs: Runs, folder: str, max_memory: int | None) -> None:
    # Ctrl-C in a terminal reaches the whole process group; the parent decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    sources.keep_under(folder)
    interruptions = Interruptions(runs)
    core = WorkerCore(time.monotonic, partial(Alarm, runs), _limit_memory(max_memory))
    with contextlib.suppress(EOFError, OSError):
        while True:
            run, frame, blobs = connection.recv()
            core.receive(frame, blobs)
            try:
                while result := interruptions.step(core, run):
                    connection.send_bytes(result)
            except Interrupted:
                Alarm.stop()
                core.abandon()
            connection.send_bytes(_DONE)


def _limit_memory(most: int | None) -> str | None:
    """Limits this process, and returns what to say when that is not enough."""
    if most is None or sys.platform == "win32":
        return None
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return (
        f"the item needs more memory than the {most / 2**20:.0f} MiB that this worker's "
        "--max-memory allows"
    )


def _end_with_parent(folder: str) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)
