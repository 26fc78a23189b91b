"""Where the time of a map went, and what its results came from: for people, and to keep."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from .credibility import Credibility


@dataclass(frozen=True, slots=True)
class SlowItem:
    """One of the items that took longest.

    Attributes:
        index: Its index in the map.
        seconds: How long the function took for it, by the worker's clock.
    """

    index: int
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """What one worker did of the map.

    Attributes:
        name: The worker's, such as `"browser worker 3"`.
        items: Those that it answered, also when another one was faster.
        chunks: How many it was lent.
        smallest_chunk: Items of the smallest of these.
        largest_chunk: Items of the largest of these.
    """

    name: str
    items: int
    chunks: int
    smallest_chunk: int
    largest_chunk: int


@dataclass(frozen=True, slots=True)
class WheelVersion:
    """A package that browsers had.

    Attributes:
        name: Its name.
        version: Its version.
        sha256: Of the wheel as browsers got it, in hex.
    """

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the results of a map came from.

    Attributes:
        nitocris: The version of this library.
        python: The version of the owner's Python.
        pyodide: The version of the browsers' Python distribution, None if browsers cannot take
            part with this Python.
        wheels: What browsers had besides the standard library.
        function: SHA-256, in hex, of the function as it was sent: with what it refers to, and
            with what happens to items that fail.
        seed: Where the random numbers of the items came from, None if they were not seeded.
    """

    nitocris: str
    python: str
    pyodide: str | None
    wheels: tuple[WheelVersion, ...]
    function: str
    seed: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Where the time of a map went.

    `seconds`, `waiting` and `tail` are times of the owner's clock.  `computing` and `transfer` are
    sums over all chunks, so with four busy workers they grow by four seconds in one.

    Attributes:
        function: The name of what was mapped.
        is_over: Whether the map has ended; else all is as it is now.
        items: Items that are done, also those that failed.
        failed: Items that failed for good.
        seconds: From when the map was opened, with its function encoded, to its end.
        waiting: Waiting for workers: as long as nobody was connected and ready to compute.
        tail: From when the last chunk was started to the end: workers that got free meanwhile had
            nothing left to start. 0 while the map runs.
        computing: Time in the function, as workers tell it, but no more than passed for the owner.
        transfer: Time in which a worker had a chunk to compute and was not in the function: items,
            function and packages on their way to it, results on theirs, and the encoding of both.
            What is sent in advance while the worker computes is in `computing`.
        retries: Chunks that were lent again because a worker was lost, crashed or too slow.
        slowest: At most five items that took longest, the slowest first.
        workers: What each worker did, the most items first.
        provenance: What the results came from.
        reused: Items whose results were in the journal; they are among `items`.
        journal_problem: Why results are not kept in the journal any more; empty if they are, or if
            there is none.
        trust: How they were believed, None where nothing was verified.
    """

    function: str
    is_over: bool
    items: int
    failed: int
    seconds: float
    waiting: float
    tail: float
    computing: float
    transfer: float
    retries: int
    slowest: tuple[SlowItem, ...]
    workers: tuple[WorkerShare, ...]
    provenance: Provenance
    reused: int = 0
    journal_problem: str = ""
    trust: Credibility | None = None

    def __str__(self) -> str:
        return "\n".join(
            [self._headline(), *(f"  {name:<20} {text}" for name, text in self._rows())]
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for name, text in self._rows()
        )
        return f"<p>{escape(self._headline())}</p><table>{rows}</table>"

    def _headline(self) -> str:
        state = "" if self.is_over else " so far"
        parts = [f"{self.function}: {self.items:,} items in {_seconds(self.seconds)}{state}"]
        if self.seconds:
            parts.append(f"{self.items / self.seconds:,.3g} items/s")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        return ", ".join(parts)

    def _rows(self) -> list[tuple[str, str]]:
        spent = self.computing + self.transfer
        share = f" ({self.computing / spent:.0%} of the workers' time)" if spent else ""
        rows = [
            ("waiting for workers", _seconds(self.waiting)),
            ("computing", f"{_seconds(self.computing)}{share}"),
            ("transfer", _seconds(self.transfer)),
            ("tail", _seconds(self.tail)),
            ("retries", f"{self.retries:,}"),
        ]
        if self.reused:
            rows.append(("from the journal", f"{self.reused:,} items"))
        if self.journal_problem:
            rows.append(("journal", self.journal_problem))
        if self.slowest:
            slow = ", ".join(f"{each.index} ({_seconds(each.seconds)})" for each in self.slowest)
            rows.append(("slowest items", slow))
        if self.trust:
            rows.append(("believed", str(self.trust)))
        rows += [(each.name, _share(each)) for each in self.workers]
        came = self.provenance
        pyodide = f", Pyodide {came.pyodide}" if came.pyodide else ""
        rows.append(("versions", f"nitocris {came.nitocris}, Python {came.python}{pyodide}"))
        if came.wheels:
            rows.append(
                ("wheels", ", ".join(f"{each.name} {each.version}" for each in came.wheels))
            )
        rows.append(("function", came.function[:16]))
        if came.seed is not None:
            rows.append(("seed", came.seed))
        return rows


def _share(share: WorkerShare) -> str:
    sizes = f"{share.smallest_chunk:,}"
    if share.largest_chunk != share.smallest_chunk:
        sizes += f" to {share.largest_chunk:,}"
    return f"{share.items:,} items in {share.chunks:,} chunks of {sizes}"


def _seconds(seconds: float) -> str:
    if seconds >= 1 or not seconds:
        return f"{seconds:,.1f} s"
    return f"{seconds * 1000:.3g} ms"
