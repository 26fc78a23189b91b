"""This machine as the judge: a fresh process computes an item again, as a worker would.

Arbiter --(function, items, place)--> FreshProcess --result frame--> here
"""

from __future__ import annotations

from . import events as ev
from . import protocol
from .answers import decode_result
from .codec import Registry
from .errors import ClosedError, DecodeError, WorkerLostError
from .fresh_process import FreshProcess
from .function import Shipment

HERE = "this machine"
"""As workers are named."""


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
        self._processes: set[FreshProcess] = set()
        self._closed = False

    def compute(self, items: Shipment, place: int) -> tuple[object, ev.Failed | None]:
        """Returns the result of an item, or how it failed: WorkerLostError if it has neither.

        Args:
            items: What it was sent in.
            place: Its position in that.
        """
        process = FreshProcess(self._function, items, place, max_runs=1)
        self._processes.add(process)
        if self._closed:
            process.kill()
        try:
            outcome = process.run(self._timeout)
            message, payload = protocol.decode_from_worker(outcome.frames[0])
            assert isinstance(message, protocol.Result)
            values, failures = decode_result(payload, message, self._registry)
        except WorkerLostError as error:
            return None, lost(f"the process {error}")
        except (TimeoutError, ClosedError, DecodeError) as error:
            return None, lost(str(error))
        finally:
            self._processes.discard(process)
        for failure in failures.values():
            return None, ev.Failed(failure.error, HERE, 1, items, place)
        return values[0], None

    def close(self) -> None:
        """Ends what is being computed, and all that comes."""
        self._closed = True
        for process in list(self._processes):
            process.kill()


def lost(reason: str) -> ev.Failed:
    """Returns how an item fails that this machine could not compute, which proves nothing."""
    return ev.Failed(WorkerLostError(f"could not be computed on this machine: {reason}"), HERE, 1)
