"""The harness's end of a system: tasks go to its process, answers come back, in time or not."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from functools import cache
from typing import IO, Any, Protocol

import psutil

from tests.support.numpy_wheel import numpy_wheel

from .child import Answer, Task
from .results import ROOT

STOP_SECONDS = 10.0
"""For a system to end by itself."""


@cache
def environment() -> dict[str, str]:
    """Returns what the processes of all systems have around them."""
    usual = os.environ | {
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Else Ray's workers, and ours on it, wait for all other processes, unlike any other system.
        "RAY_worker_niceness": "0",
        # Else ours asks an index meanwhile for the NumPy of browsers, which an owner does once.
        "NITOCRIS_WHEELS": str(numpy_wheel().parent),
    }
    # What is installed has its bytecode already; so shall what is not.
    usual.pop("PYTHONDONTWRITEBYTECODE", None)
    return usual


class Failure(Exception):
    """A system gave no answer; says why."""


class Contestant(Protocol):
    """What the runner measures."""

    @property
    def name(self) -> str:
        """One of `systems.SYSTEMS`."""

    @property
    def workers(self) -> int:
        """How many it has."""

    def ask(self, task: Task) -> Answer:
        """Returns what the system makes of a task.

        Raises:
            Failure: It has failed or takes too long.
        """


class Child:
    """A system in a process of its own; is started when it is asked for the first time.

    Args:
        name: One of `systems.SYSTEMS`.
        workers: How many it gets.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, name: str, workers: int, timeout: float = 60.0) -> None:
        self.name = name
        self.workers = workers
        self.timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, task: Task) -> Answer:
        """Returns what the system makes of a task.

        Raises:
            Failure: It is not installed, has failed or takes too long, and is gone.
        """
        if self._process is None:
            self._start()
        self._connection.send(task)
        answer = self._receive("for a task")
        assert isinstance(answer, Answer)
        return answer

    def stop(self) -> None:
        """Lets the system end by itself, and ends what is left of it."""
        if self._process is None:
            return
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._kill()

    def _start(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  # closed in _kill
        with theirs:
            arguments = (self.name, self.workers, theirs.fileno())
            self._process = subprocess.Popen(
                # With -m, the classes of the messages would be those of another module.
                [sys.executable, "-c", f"from benchmarks.child import main; main{arguments!r}"],
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                cwd=ROOT,
                env=environment(),
            )
        self._receive("to start")

    def _receive(self, what: str) -> Any:
        try:
            if not self._connection.poll(self.timeout):
                raise Failure(f"took more than {self.timeout:g} s {what}")
            return self._connection.recv()
        except (EOFError, ConnectionError):
            raise Failure(last_words(self._words)) from None
        finally:
            if sys.exception() is not None:
                self._kill()

    def _kill(self) -> None:
        assert self._process is not None
        kill_family(self._process)
        self._process = None
        self._words.close()
        self._connection.close()


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """Ends a process, which leads a session, and all that it has started; waits for it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        for each in [*root.children(recursive=True), root]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
    # What has lost its parent is still in the group.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_words(output: IO[bytes]) -> str:
    """Returns the last line that a process has written."""
    output.seek(0)
    lines = output.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "ended without a word"
