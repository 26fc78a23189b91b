"""What a compute process runs: frames in from its parent, frames out."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import time
from functools import partial

from . import sources
from .channel import Channel
from .core import Interrupted, WorkerCore
from .processes import DONE, RUN
from .signals import Alarm, Interruptions, Runs


def main() -> None:
    """Computes until the parent ends; its arguments are those that `ComputeProcess` gives."""
    end, file, ending = map(int, sys.argv[1:4])
    folder, max_memory = sys.argv[4], int(sys.argv[5])
    sys.argv = ["-c"]
    # Ctrl-C in a terminal reaches the whole group; the parent decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(ending, folder), daemon=True).start()
    runs = Runs(file)
    os.close(file)
    sources.keep_under(folder)
    interruptions = Interruptions(runs)
    core = WorkerCore(time.monotonic, partial(Alarm, runs), _limit_memory(max_memory))
    channel = Channel(socket.socket(fileno=end))
    with contextlib.suppress(EOFError, OSError):
        while True:
            run, count = RUN.unpack(channel.receive())
            core.receive(channel.receive(), [channel.receive() for _ in range(count)])
            try:
                while result := interruptions.step(core, run):
                    channel.send(result)
            except Interrupted:
                Alarm.stop()
                core.abandon()
            channel.send(DONE)


def _limit_memory(most: int) -> str | None:
    """Limits this process, if `most` is not 0, and returns what to say when that is not enough."""
    if not most:
        return None
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return (
        f"the item needs more memory than the {most / 2**20:.0f} MiB that this worker's "
        "--max-memory allows"
    )


def _end_with_parent(ending: int, folder: str) -> None:
    os.read(ending, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
