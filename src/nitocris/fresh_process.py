"""An item computed here, in a fresh process that knows no more than a worker elsewhere.

owner --Errand--> nitocris.worker.rehearsal (child process) --Outcome--> owner
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from tempfile import TemporaryDirectory

from . import protocol
from .errors import ClosedError, WorkerLostError
from .function import Shipment
from .worker.rehearsal import Errand, Outcome

LAST_WORDS = 500
"""Characters of what a process wrote before it died."""
_MAIN = "from nitocris.worker.rehearsal import main; main()"


class FreshProcess:
    """A process for one errand.

    Args:
        function: What to call.
        items: What holds the item.
        place: Its position in that.
        max_runs: How often it may be computed, to see how long it takes.
    """

    def __init__(self, function: Shipment, items: Shipment, place: int, *, max_runs: int) -> None:
        self._function = function
        self._items = items
        self._place = place
        self._max_runs = max_runs
        self._killed = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, timeout: float | None) -> Outcome:
        """Computes, and returns how it went.

        Raises:
            TimeoutError: It took longer than `timeout` seconds.
            ClosedError: It was killed by its owner.
            WorkerLostError: It died; the message says how, after the name of what died.
        """
        errand = self._errand()
        with (
            TemporaryDirectory(prefix="nitocris-") as elsewhere,
            subprocess.Popen(  # noqa: S603  # ourselves
                [sys.executable, "-c", _MAIN],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=elsewhere,
                # Nothing is left if it is killed, and sets have the order that they have elsewhere.
                env=os.environ | {"TMPDIR": elsewhere, "PYTHONHASHSEED": "0"},
                start_new_session=True,  # Ctrl-C is for the owner, who then kills this
            ) as process,
        ):
            self._process = process
            try:
                if self._killed:
                    process.kill()
                answer, errors = process.communicate(errand, timeout)
            except subprocess.TimeoutExpired:
                raise TimeoutError(f"it was not done within {timeout:g} s") from None
            finally:
                process.kill()
        if self._killed:
            raise ClosedError("the process was ended")
        if process.returncode:
            raise WorkerLostError(_obituary(process.returncode, errors))
        outcome: Outcome = pickle.loads(answer)  # noqa: S301  # from the owner's own process
        return outcome

    def kill(self) -> None:
        """Ends it, from any thread; `run` raises."""
        self._killed = True
        if self._process:
            self._process.kill()

    def _errand(self) -> bytes:
        function, items, place = self._function, self._items, self._place
        chunk = protocol.Chunk(0, 0, place, place + 1, items.blob_ids, piecewise=True)
        return pickle.dumps(
            Errand(
                protocol.encode(protocol.Map(0, function.blob_ids), function.payload),
                [blob.data for blob in function.blobs],
                protocol.encode(chunk, items.payload),
                [blob.data for blob in items.blobs],
                self._max_runs,
            )
        )


def _obituary(status: int, errors: bytes) -> str:
    how = f"signal {-status}" if status < 0 else f"exit code {status}"
    words = errors.decode(errors="replace").strip()[-LAST_WORDS:]
    return f"ended with {how}{': ' if words else ''}{words}"
