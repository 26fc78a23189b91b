"""A `nitocris worker` as a child process, on a cluster's machine.

It ends when its standard input does, so also when its parent is killed.  When it dies by itself,
perhaps for lack of memory, another one is started.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

URL_VARIABLE = "NITOCRIS_WORKER_URL"
"""How it gets its link: a command line can be read by every user of the machine."""
CERTIFICATE_VARIABLE = "NITOCRIS_WORKER_CERTIFICATE"
"""The SHA-256 of the only certificate that it accepts, in hexadecimal digits."""
EXIT_DISMISSED = 3
"""Its exit code when the owner has sent it away."""
EXIT_ALONE = 4
"""Its exit code when there was no coordinator for as long as it may wait."""
EXIT_REFUSED = 2
"""Its exit code when it was not admitted, or its link is none."""
END_SECONDS = 5.0
"""How long it may take to end by itself."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds before another one is started: doubled each time, until one has lived for longer."""


class WorkerProcess:
    """A `nitocris worker` that is there until it is ended.

    Args:
        url: The owner's worker link.
        processes: How many chunks it computes at once.
        tell: Called, on a thread of its own, with a sentence for the owner when it died.
        fingerprint: The SHA-256 of the owner's certificate, whose names and signer do not matter
            then.
        give_up: Seconds without a coordinator after which it ends; then, and when it is refused,
            no other one is started.
    """

    def __init__(
        self,
        url: str,
        processes: int,
        tell: Callable[[str], None],
        fingerprint: bytes | None = None,
        give_up: float | None = None,
    ) -> None:
        self._give_up = give_up
        self._environment = {URL_VARIABLE: url}
        if fingerprint:
            self._environment[CERTIFICATE_VARIABLE] = fingerprint.hex()
        self._processes = processes
        self._tell = tell
        self._changing = threading.Lock()
        self._ended = threading.Event()
        self._process = self._start()
        self._watching = threading.Thread(
            target=self._watch, name="nitocris-worker-process", daemon=True
        )
        self._watching.start()

    @property
    def pid(self) -> int:
        """The process id of the one that runs now."""
        return self._process.pid

    def end(self) -> None:
        """Ends it and waits for that; it may be killed if it does not end by itself."""
        with self._changing:
            self._ended.set()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except BaseException as error:
            self._process.kill()
            self._process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        self._watching.join()

    @property
    def _kind(self) -> str:
        return "local worker" if self._give_up is None else "native worker"

    def _final(self, exit_code: int) -> str:
        """Returns why it is the last one; an empty text if it is not."""
        if exit_code == EXIT_DISMISSED:
            return "was sent away"
        if self._give_up is None:
            return ""
        return {EXIT_ALONE: "found no coordinator", EXIT_REFUSED: "was refused"}.get(exit_code, "")

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  # ourselves
            [
                *(sys.executable, "-m", "nitocris", "worker", "--with-parent"),
                *("--processes", str(self._processes)),
                *(() if self._give_up is None else ("--give-up", str(self._give_up))),
            ],
            stdin=subprocess.PIPE,
            env=os.environ | self._environment,
            start_new_session=True,  # Ctrl-C is for the owner, who then ends this
        )

    def _watch(self) -> None:
        wait = FIRST_WAIT
        while True:
            began = time.monotonic()
            exit_code = self._process.wait()
            wait = FIRST_WAIT if time.monotonic() - began > wait else min(2 * wait, LONGEST_WAIT)
            if self._ended.is_set():
                return
            if reason := self._final(exit_code):
                self._tell(f"the {self._kind} {reason} and is not started again.")
                return
            self._tell(
                f"the {self._kind} ended by itself with exit code {exit_code} and is started again."
            )
            if self._ended.wait(wait):
                return
            with self._changing:
                if self._ended.is_set():
                    return
                assert self._process.stdin is not None
                self._process.stdin.close()
                self._process = self._start()
