"""What breaks into a running function, in the main thread of a child process.

    SIGUSR1, from the parent --> Interrupted            SIGALRM, from the clock --> ItemTimeoutError

Runs are numbered, and parent and child share which one is computed and which one is unwanted: a
signal that comes late is for a run that is over, and hits nothing.  Outside of a run, while frames
are read or sent, nothing is raised at all.  Nor inside an import: half a module cannot be imported
again (numpy refuses), and the process would be good for nothing.  There, signals are ignored, and
come again.
"""

from __future__ import annotations

import ctypes
import mmap
import signal
from types import FrameType

from ..errors import ItemTimeoutError
from .core import Interrupted, WorkerCore

AGAIN_SECONDS = 0.05
"""After a signal that was ignored, the next one comes so much later."""

_IMPORTING = "<frozen importlib._bootstrap>"


class Runs:
    """What parent and child know of each other's runs, in shared memory; 0 is none.

    Args:
        file: The descriptor of a file of `Runs.BYTES` that both have open.
    """

    BYTES = 16

    def __init__(self, file: int) -> None:
        memory = mmap.mmap(file, self.BYTES)
        self.computed = ctypes.c_uint64.from_buffer(memory, 0)
        self.unwanted = ctypes.c_uint64.from_buffer(memory, 8)


class Interruptions:
    """The handler of the parent's signal; create it in the main thread."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        signal.signal(signal.SIGUSR1, self._interrupt)

    def step(self, core: WorkerCore, run: int) -> bytes | None:
        """Takes a step of the core's, as a part of this run.

        Raises:
            Interrupted: The run is unwanted.
        """
        try:
            self._runs.computed.value = run
            if self._runs.unwanted.value == run:
                raise Interrupted
            return core.step()
        finally:
            self._runs.computed.value = 0

    def _interrupt(self, _: int, frame: FrameType | None) -> None:
        run = self._runs.computed.value
        if run and run == self._runs.unwanted.value and not _is_importing(frame):
            self._runs.computed.value = 0  # once is enough: what cleans up is left in peace
            raise Interrupted


class Alarm:
    """Raises `ItemTimeoutError` inside a `with` when so many seconds have passed."""

    def __init__(self, runs: Runs, seconds: float) -> None:
        self._runs = runs
        self._seconds = seconds
        self._is_set = False

    def __enter__(self) -> None:
        self._is_set = True
        # Each time, since the function before may have had a handler of its own.
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, self._seconds, AGAIN_SECONDS)

    def __exit__(self, *_: object) -> None:
        self._is_set = False
        self.stop()

    @staticmethod
    def stop() -> None:
        """Stops the clock; for whoever heard of an interruption, which may have struck above."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, _: int, frame: FrameType | None) -> None:
        if self._is_set and self._runs.computed.value and not _is_importing(frame):
            self._is_set = False
            raise ItemTimeoutError.after(self._seconds)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False
