"""An owner's script as a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

ITEMS = 120

_SCRIPT = """
import time
from nitocris import DistributedExecution

def square(x):
    time.sleep(0.02)
    return x * x

with DistributedExecution(
    host="127.0.0.1", progress=False, journal="run.nitocris", durability="always"
) as d:
    print(d.url, d.worker_url, flush=True)
    for result in d.imap(square, range({items}), chunk_size=4):
        print(result, flush=True)
    print(d.report().reused, flush=True)
"""


class Owner:
    """A script that maps with a journal, and prints its links, each result, and what was reused.

    Args:
        folder: Where script and journal are.
    """

    def __init__(self, folder: Path) -> None:
        script = folder / "owner.py"
        script.write_text(_SCRIPT.format(items=ITEMS))
        self._process = subprocess.Popen(
            [sys.executable, script.name], cwd=folder, stdout=subprocess.PIPE, text=True
        )
        self.url, self.worker_url = self._line().split()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def results(self, count: int) -> list[int]:
        """Returns the next results, as soon as the owner has them."""
        return [int(self._line()) for _ in range(count)]

    def end(self) -> int:
        """Waits for the end of the script, and returns how many results came from the journal."""
        reused = int(self._line())
        assert self._process.wait() == 0
        return reused

    def kill(self) -> None:
        """Ends the process where it stands."""
        assert self._process.stdout is not None
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the owner has ended"
        return line
