"""The first item, computed here in a fresh process before anybody else gets it.

What is missing on other machines is missing there as well, so the owner learns of it in a second,
and from the time and the bytes of one item it can be said whether sharing is worth it.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from . import protocol
from .answers import decode_result
from .encoded import Encoded
from .errors import ClosedError, DecodeError, WorkerLostError
from .function import Shipment, encode_arguments
from .worker.rehearsal import Errand, Outcome

LAST_WORDS = 500
"""Characters of what a process wrote before it died."""
_MAIN = "from nitocris.worker.rehearsal import main; main()"
HERE = "a fresh process on this machine"
"""Where it is computed, as workers are named."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """How the first item went.

    Attributes:
        seconds: That it took, without imports and transfer; None if it gave no result.
        bytes_in: That each item's arguments take on their way to a worker.
        bytes_out: That its result takes on its way back; None if it gave none.
        bytes_once: That the function takes, with what it refers to; once per device.
        error: What it raised, or why there is no result; None if all went well.
    """

    seconds: float | None
    bytes_in: int
    bytes_out: int | None
    bytes_once: int
    error: Exception | None = None


class Rehearsal:
    """A dry run in a process of its own.

    Args:
        encoded: The function.
        arguments: Those of the first item.

    Raises:
        NotSendableError: They cannot be pickled.
    """

    def __init__(self, encoded: Encoded, arguments: tuple[Any, ...]) -> None:
        self._encoded = encoded
        self._items = encode_arguments(arguments)
        self._killed = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, timeout: float | None = None) -> DryRun:
        """Computes, and returns how it went.

        Raises:
            TimeoutError: It took longer than `timeout` seconds.
            ClosedError: It was killed.
        """
        with (
            TemporaryDirectory(prefix="nitocris-") as elsewhere,
            subprocess.Popen(  # noqa: S603  # ourselves
                [sys.executable, "-P", "-c", _MAIN],
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
            if self._killed:
                process.kill()
            try:
                answer, errors = process.communicate(self._errand(), timeout)
            except subprocess.TimeoutExpired:
                raise TimeoutError(
                    f"the first item was not done within {timeout:g} s here"
                ) from None
            finally:
                process.kill()
        if self._killed:
            raise ClosedError("the dry run was ended")
        if process.returncode:
            return self._dry_run(error=_death(process.returncode, errors))
        outcome: Outcome = pickle.loads(answer)  # noqa: S301  # from the owner's own process
        return self._judged(outcome)

    def kill(self) -> None:
        """Ends it, from any thread; `run` raises."""
        self._killed = True
        if self._process:
            self._process.kill()

    def _errand(self) -> bytes:
        function = self._encoded.shipment
        return pickle.dumps(
            Errand(
                protocol.encode(protocol.Map(0, function.blob_ids), function.payload),
                [blob.data for blob in function.blobs],
                protocol.encode(
                    protocol.Chunk(0, 0, 0, 1, self._items.blob_ids, piecewise=True),
                    self._items.payload,
                ),
                [blob.data for blob in self._items.blobs],
            )
        )

    def _judged(self, outcome: Outcome) -> DryRun:
        size = sum(map(len, outcome.frames))
        try:
            for frame in outcome.frames:
                message, payload = protocol.decode_from_worker(frame)
                assert isinstance(message, protocol.Result)
                _, failures = decode_result(payload, message, self._encoded.registry)
                for failure in failures.values():
                    return self._dry_run(error=failure.error)
        except DecodeError as error:
            return self._dry_run(error=error)
        return self._dry_run(outcome.seconds, size)

    def _dry_run(
        self,
        seconds: float | None = None,
        bytes_out: int | None = None,
        error: Exception | None = None,
    ) -> DryRun:
        function = self._encoded.shipment
        return DryRun(seconds, _size(self._items), bytes_out, _size(function), error)


def _size(shipment: Shipment) -> int:
    return len(shipment.payload) + sum(len(blob.data) for blob in shipment.blobs)


def _death(status: int, errors: bytes) -> WorkerLostError:
    how = f"signal {-status}" if status < 0 else f"exit code {status}"
    words = errors.decode(errors="replace").strip()[-LAST_WORDS:]
    return WorkerLostError(f"the first item ended {HERE} with {how}{': ' if words else ''}{words}")
