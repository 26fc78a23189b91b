"""What coordinator and scheduler still keep when all maps are over, which must be nothing."""

from __future__ import annotations

import time

from nitocris import DistributedExecution
from nitocris.serving import Serving


def serving(d: DistributedExecution) -> Serving:
    """Returns the server of an execution that runs."""
    assert d._lifetime.serving is not None
    return d._lifetime.serving


def wait_for_nothing(d: DistributedExecution, seconds: float = 30) -> None:
    """Returns as soon as nothing remains; what workers were told to stop may take a moment."""
    deadline = time.monotonic() + seconds
    while left := remains(d):
        assert time.monotonic() < deadline, left
        time.sleep(0.005)


def remains(d: DistributedExecution) -> dict[str, int]:
    """Returns the sizes of the tables that are not empty; those of connected devices are left out.

    Raises:
        AssertionError: The books do not agree.
    """
    coordinator = serving(d).coordinator

    async def look() -> dict[str, int]:
        coordinator._scheduler.check_invariants()
        books = coordinator._scheduler._books
        workers = books.workers.values()
        sizes = {
            "maps": len(coordinator._maps),
            "blobs": len(coordinator._blobs._data),
            "uses of blobs": len(coordinator._blobs._uses) + len(coordinator._blobs._uses_by_map),
            "the scheduler's maps": len(books.maps),
            "turns": sum(number in books.maps for _, number in books.turns),
            "wanting": len(books.wanting),
            "demands": len(books.demands),
            "leases": len(books.leases),
            "waiting": len(books.waiting),
            "late": len(books.late),
            "unjudged": len(books.unjudged),
            "deadline": books.deadlines.next() is not None,
            "lateness": books.lateness.next() is not None,
            "functions known": sum(len(worker.maps) for worker in workers),
            "running": sum(len(worker.running) for worker in workers),
            "cancelling": sum(len(worker.cancelling) for worker in workers),
        }
        return {table: int(size) for table, size in sizes.items() if size}

    return serving(d).loop.run(look())
