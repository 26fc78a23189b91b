"""This machine as the judge: a fresh process computes an item again, as a worker would.

Arbiter --(function, items, place)--> worker.rehearsal (child process) --result frame--> here
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from tempfile import TemporaryDirectory

from . import events as ev
from . import protocol
from .answers import decode_result
from .codec import Registry
from .errors import DecodeError, WorkerLostError
from .function import Shipment
from .worker.rehearsal import Errand, Outcome

HERE = "this machine"
"""As workers are named."""
LAST_WORDS = 500
"""Characters of what a process wrote before it died."""
_MAIN = "from nitocris.worker.rehearsal import main; main()"


class Arbiter:
    """Computes items of one map on this machine; any thread may call it.

    Args:
        function: What is mapped.
        registry: What results may be made of.
        timeout: Seconds for an item.
    """

    def __init__(self, function: Shipment, registry: Registry | None, timeout: float) -> None:
        self._function = function
        self._registry = registry
        self._timeout = timeout
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def compute(self, items: Shipment, place: int) -> tuple[object, ev.Failed | None]:
        """Returns the result of an item, or how it failed: WorkerLostError if it has neither.

        Args:
            items: What it was sent in.
            place: Its position in that.
        """
        with (
            TemporaryDirectory(prefix="nitocris-") as elsewhere,
            subprocess.Popen(  # noqa: S603  # ourselves
                [sys.executable, "-P", "-c", _MAIN],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=elsewhere,
                env={**os.environ, "PYTHONHASHSEED": "0"},  # as of all workers
                start_new_session=True,  # Ctrl-C is for the owner, whose map then ends this
            ) as process,
        ):
            self._processes.add(process)
            try:
                if self._closed:
                    process.kill()
                answer, errors = process.communicate(self._errand(items, place), self._timeout)
            except subprocess.TimeoutExpired:
                return None, lost(f"it was not done within {self._timeout:g} s")
            finally:
                process.kill()
                self._processes.discard(process)
        if process.returncode:
            words = errors.decode(errors="replace").strip()[-LAST_WORDS:]
            return None, lost(f"the process ended with status {process.returncode}: {words}")
        outcome: Outcome = pickle.loads(answer)  # noqa: S301  # from the owner's own process
        message, payload = protocol.decode_from_worker(outcome.frames[0])
        assert isinstance(message, protocol.Result)
        try:
            values, failures = decode_result(payload, message, self._registry)
        except DecodeError as error:
            return None, lost(str(error))
        for failure in failures.values():
            return None, ev.Failed(failure.error, HERE, 1, items, place)
        return values[0], None

    def close(self) -> None:
        """Ends what is being computed, and all that comes."""
        self._closed = True
        for process in list(self._processes):
            process.kill()

    def _errand(self, items: Shipment, place: int) -> bytes:
        return pickle.dumps(
            Errand(
                protocol.encode(protocol.Map(0, self._function.blob_ids), self._function.payload),
                [blob.data for blob in self._function.blobs],
                protocol.encode(
                    protocol.Chunk(0, 0, place, place + 1, items.blob_ids, piecewise=True),
                    items.payload,
                ),
                [blob.data for blob in items.blobs],
                max_runs=1,
            )
        )


def lost(reason: str) -> ev.Failed:
    """Returns how an item fails that this machine could not compute, which proves nothing."""
    return ev.Failed(WorkerLostError(f"could not be computed on this machine: {reason}"), HERE, 1)
