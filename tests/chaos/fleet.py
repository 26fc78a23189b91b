"""Real `nitocris worker` processes that a test kills, stops and starts again.

Each is the leader of a process group of its own, so that nothing outlives its `Fleet`, whatever
became of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Fleet:
    """Native workers of one execution.

    Args:
        url: The owner's worker link.
        workers: How many.
        processes: In each of them.
    """

    def __init__(self, url: str, workers: int, processes: int = 1) -> None:
        self._url = url
        self._processes = processes
        self._groups: list[int] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        try:
            for _ in range(workers):
                self.start()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def start(self) -> None:
        """Adds a worker."""
        command = [sys.executable, "-m", "nitocris", "worker", self._url]
        worker = subprocess.Popen(
            [*command, "--processes", str(self._processes)], start_new_session=True
        )
        self._groups.append(worker.pid)
        self.workers.append(worker)

    def kill(self, number: int) -> None:
        """Kills a worker, and nothing but its own process."""
        worker = self.workers.pop(number)
        worker.kill()
        worker.wait()

    def kill_child(self, pid: int) -> None:
        """Kills a compute process, if it still lives."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def children(self) -> list[int]:
        """Returns the compute processes of all workers that live."""
        parents = {worker.pid for worker in self.workers}
        return [
            pid
            for pid, parent, _, _, command in _processes()
            if parent in parents and "nitocris.worker.child" in command
        ]

    def wait_for_orphans(self) -> None:
        """Waits until nothing is left of the workers that were killed."""
        killed = set(self._groups) - {worker.pid for worker in self.workers}
        wait_until(lambda: not [group for _, _, group, _, _ in _processes() if group in killed])

    def _end(self) -> None:
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        for worker in self.workers:
            worker.wait()


def is_stopped(pid: int) -> bool:
    """Returns whether a process has been stopped by a signal."""
    return any(pid == each and state.startswith("T") for each, _, _, state, _ in _processes())


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Returns as soon as a condition holds, and fails if it does not come to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.005)


def _processes() -> list[tuple[int, int, int, str, str]]:
    """Returns process, parent, group, state and command of all that are alive."""
    columns = "pid=,ppid=,pgid=,stat=,args="
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", columns], capture_output=True, text=True, check=True
    )
    rows = (line.split(maxsplit=4) for line in listed.stdout.splitlines())
    return [
        (int(row[0]), int(row[1]), int(row[2]), row[3], row[4])
        for row in rows
        if len(row) == 5 and not row[3].startswith("Z")
    ]
