"""What became of the latest map: its times and its ledger, while it runs and afterwards.

Times are seconds of the clock that it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .credibility import Credibility
from .job import MappedFunction
from .ledger import Ledger
from .report import Provenance, Report, SlowItem, WorkerShare


@dataclass(slots=True)
class _Record:
    mapped: MappedFunction
    sha256: str
    ledger: Ledger
    began: float
    without_workers: float
    """Seconds without workers before it began; when it is over, those of its own."""
    ended: float | None = None
    items: int = 0
    failed: int = 0
    reused: int = 0
    credibility: Callable[[], Credibility] | None = None
    """Says how its results are believed, while it runs."""
    trust: Credibility | None = None
    """The same, when it is over."""


class History:
    """Keeps the records of running maps, and of the latest one also when it is over.

    Args:
        now: When nobody is connected yet.
    """

    def __init__(self, now: float) -> None:
        self._lonely_since: float | None = now
        self._lonely = 0.0
        self._running: dict[int, _Record] = {}
        self._latest: _Record | None = None

    def staffed(self, capacity: int, now: float) -> None:
        """Notes how many chunks all workers together compute at once from now on."""
        if capacity and self._lonely_since is not None:
            self._lonely += now - self._lonely_since
            self._lonely_since = None
        elif not capacity and self._lonely_since is None:
            self._lonely_since = now

    def started(
        self, number: int, mapped: MappedFunction, sha256: str, ledger: Ledger, now: float
    ) -> None:
        """Notes a map.

        Args:
            number: The map's.
            mapped: What is mapped.
            sha256: Of the function as it is sent.
            ledger: What the map takes.
            now: The time.
        """
        record = _Record(mapped, sha256, ledger, now, self._without_workers(now))
        self._running[number] = self._latest = record

    def delivered(self, number: int, items: int, failed: int) -> None:
        """Notes items that are done, and how many of them failed."""
        record = self._running[number]
        record.items += items
        record.failed += failed

    def reused(self, number: int, items: int) -> None:
        """Notes items whose results are in the journal."""
        record = self._running[number]
        record.items += items
        record.reused += items

    def items_of(self, number: int) -> int:
        """Returns how many items of a map, which must run, workers are done with."""
        record = self._running[number]
        return record.items - record.reused

    def verified(self, number: int, credibility: Callable[[], Credibility]) -> None:
        """Notes who knows how the results of a map are believed."""
        self._running[number].credibility = credibility

    def over(self, number: int, now: float) -> None:
        """Notes the end of a map."""
        if record := self._running.pop(number, None):
            record.ended = now
            if record.credibility:
                record.trust, record.credibility = record.credibility(), None
            record.without_workers = self._without_workers(now) - record.without_workers

    @property
    def function(self) -> str | None:
        """The hash of the function of the latest map, None before the first."""
        return self._latest.sha256 if self._latest else None

    @property
    def seed(self) -> str | None:
        """Where the random numbers of the latest map come from, None without a seed."""
        return self._latest.mapped.seed if self._latest else None

    def report(self, provenance: Provenance, now: float) -> Report:
        """Returns what became of the latest map, of which there must be one."""
        record = self._latest
        assert record is not None
        ledger, ended = record.ledger, record.ended
        waited = record.without_workers
        started = ledger.last_start
        shares = sorted(ledger.shares.values(), key=lambda share: -share.items)
        return Report(
            function=record.mapped.name,
            is_over=ended is not None,
            items=record.items,
            failed=record.failed,
            seconds=(now if ended is None else ended) - record.began,
            waiting=self._without_workers(now) - waited if ended is None else waited,
            tail=ended - started if ended is not None and started is not None else 0.0,
            computing=ledger.computing,
            transfer=ledger.transfer,
            retries=ledger.relent,
            slowest=tuple(SlowItem(*each) for each in ledger.slowest()),
            workers=tuple(
                WorkerShare(each.name, each.items, each.chunks, each.smallest, each.largest)
                for each in shares
            ),
            provenance=provenance,
            reused=record.reused,
            trust=record.credibility() if record.credibility else record.trust,
        )

    def _without_workers(self, now: float) -> float:
        since = self._lonely_since
        return self._lonely + (0.0 if since is None else now - since)
