"""The first item, computed here in a fresh process before anybody else gets it.

What is missing on other machines is missing there as well, so the owner learns of it in a second,
and from the time and the bytes of one item it can be said whether sharing is worth it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import protocol
from .answers import decode_result
from .encoded import Encoded
from .errors import DecodeError, WorkerLostError
from .fresh_process import FreshProcess
from .function import Shipment, encode_arguments
from .worker.rehearsal import Outcome

MAX_RUNS = 5
"""Of a short item: the first one also imports what the function imports, and fills caches."""
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
        self._process = FreshProcess(encoded.shipment, self._items, 0, max_runs=MAX_RUNS)

    def run(self, timeout: float | None = None) -> DryRun:
        """Computes, and returns how it went.

        Raises:
            TimeoutError: It took longer than `timeout` seconds.
            ClosedError: It was killed.
        """
        try:
            return self._judged(self._process.run(timeout))
        except TimeoutError:
            raise TimeoutError(f"the first item was not done within {timeout:g} s here") from None
        except WorkerLostError as error:
            return self._dry_run(error=WorkerLostError(f"the first item: {HERE} {error}"))

    def kill(self) -> None:
        """Ends it, from any thread; `run` raises."""
        self._process.kill()

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
