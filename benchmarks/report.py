"""The tables of numbers."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from tabulate import tabulate

from . import summary
from .paper import CHUNK_SIZES, CLIENTS, PAPERS_SECONDS
from .results import Context, Measurement
from .summary import BARE, Spread
from .systems import BUILT_IN, OURS
from .targets import TARGETS
from .workloads import WHAT


def everything(measurements: list[Measurement], contexts: dict[str, Context]) -> str:
    """Returns all tables of what was measured."""
    shown = []
    for part, table in PARTS.items():
        mine = [each for each in measurements if each.part == part]
        if mine:
            shown.append(f"## {part}\n\n{heading(contexts[part])}\n\n{table(mine)}")
    shown.append(f"## numbers to reach\n\n{targets_table(measurements)}")
    shown.append(error_rate(measurements))
    return "\n\n".join(shown)


def targets_table(measurements: list[Measurement]) -> str:
    """Returns what is wanted, what was measured, and whether that is enough."""
    rows = []
    for target in TARGETS:
        found = target.measured(measurements)
        if found is None:
            rows.append((target.what, target.wanted, "-", "not measured"))
            continue
        beside = f", {found.beside}" if found.beside else ""
        reached = "yes" if target.reached(found) else "no"
        rows.append((target.what, target.wanted, f"{text(found.spread)}{beside}", reached))
    return _table(rows, "ratio", "target", "measured", "reached")


def paper_table(measurements: list[Measurement]) -> str:
    """Returns mean and standard deviation by clients and chunk size, and the paper's means."""
    parts = []
    for workload in dict.fromkeys(each.workload for each in measurements):
        rows = []
        for clients in (0, *CLIENTS):
            papers = PAPERS_SECONDS.get((workload, clients))
            known = CHUNK_SIZES if clients else (None,)
            cells = [_mean(summary.of_point(measurements, workload, clients, s)) for s in known]
            cells += ["-"] * (len(CHUNK_SIZES) - len(cells))
            name = "built-in map" if clients == 0 else str(clients)
            rows.append((name, *cells, "-" if papers is None else f"{papers:g}"))
        sizes = [f"chunks of {size}" if size else "automatic" for size in CHUNK_SIZES]
        table = _table(rows, "clients", *sizes, "the paper")
        parts.append(f"{workload}: {WHAT[workload]}; seconds, mean ± standard deviation\n\n{table}")
    return "\n\n".join(parts)


def _mean(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{_digits(statistics.mean(values))} ± {_digits(statistics.pstdev(values))}"


def browsers_table(measurements: list[Measurement]) -> str:
    """Returns the seconds of each way by workload and number of Web Workers."""
    rows = []
    points = dict.fromkeys((each.workload, each.workers) for each in measurements)
    for workload, workers in points:
        mine = [e for e in measurements if (e.workload, e.workers) == (workload, workers)]
        ways = {name: [each for each in mine if each.system == name] for name in BROWSER_WAYS}
        seconds = [text(summary.spread(each)) for each in ways.values()]
        speed = text(summary.ratio(ways[BARE], ways[OURS]))
        rows.append((workload, str(workers), *seconds, speed))
    return _table(rows, "workload", "workers", *BROWSER_WAYS, f"{BARE} / {OURS}")


def scale_table(measurements: list[Measurement]) -> str:
    """Returns each quantity by number of clients."""
    counts = sorted({each.workers for each in measurements})
    rows = []
    for quantity in dict.fromkeys(each.quantity for each in measurements if not each.problem):
        mine = [each for each in measurements if each.quantity == quantity]
        cells = [text(summary.spread(e for e in mine if e.workers == count)) for count in counts]
        rows.append((quantity, *cells))
    problems = [f"{each.workers} clients: {each.problem}" for each in measurements if each.problem]
    return "\n\n".join([_table(rows, "", *(f"{count:,} clients" for count in counts)), *problems])


def peers_tables(measurements: list[Measurement]) -> str:
    """Returns a table of each workload: seconds, and the ratio to its base in the same round."""
    parts = []
    for workload, what in WHAT.items():
        mine = [each for each in measurements if each.workload == workload]
        if mine:
            parts.append(f"{workload}: {what}\n\n{peers_table(workload, mine)}")
    parts += [f"{e.system}: {e.problem}" for e in measurements if not e.workload]
    return "\n\n".join(parts)


def peers_table(workload: str, measurements: list[Measurement]) -> str:
    """Returns one workload's table."""
    base = summary.base_of(workload)
    shown = {"": "ideal makespan", "map": "built-in map", "plain": "two plain processes"}
    relative = summary.relative(measurements)
    rows = []
    for system in dict.fromkeys(each.system for each in measurements):
        mine = [each for each in measurements if each.system == system]
        seconds = summary.spread(mine)
        shown_seconds = mine[-1].problem if seconds is None else text(seconds)
        rows.append((system, shown_seconds, text(relative.get(system))))
    return _table(rows, "system", "seconds", f"/ {shown.get(base, base)}")


def _table(rows: Sequence[tuple[str, ...]], *headers: str) -> str:
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def text(spread: Spread | None) -> str:
    """Returns "median (least to most)", with a star if others disturbed it."""
    if spread is None:
        return "-"
    star = " *" if spread.disturbed else ""
    return f"{_digits(spread.median)} ({_digits(spread.low)} to {_digits(spread.high)}){star}"


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def error_rate(measurements: list[Measurement]) -> str:
    """Returns the paper's error rate, over all runs."""
    found = summary.errors(measurements)
    rate = found.count / found.results if found.results else 0.0
    return (
        f"error rate {rate:g}: {found.wrong} wrong, {found.lost} lost, {found.doubled} doubled "
        f"of {found.results:,} results"
    )


def heading(context: Context) -> str:
    """Says where the numbers are from."""
    return (
        f"{context.machine}, {context.cores} cores, CPython {context.python}, commit "
        f"{context.commit}, {context.started}.  Medians with their range; * others computed "
        "meanwhile."
    )


BROWSER_WAYS = (BUILT_IN, BARE, OURS)

PARTS: dict[str, Callable[[list[Measurement]], str]] = {
    "peers": peers_tables,
    "paper": paper_table,
    "browsers": browsers_table,
    "scale": scale_table,
}
