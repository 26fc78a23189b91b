"""The tables of numbers."""

from __future__ import annotations

from tabulate import tabulate

from . import summary
from .results import Context, Measurement
from .summary import Spread
from .workloads import W6_SECONDS, WHAT


def peers(measurements: list[Measurement]) -> str:
    """Returns a table of each workload: seconds, and the ratio to its base in the same round."""
    parts = []
    for workload, what in WHAT.items():
        mine = [each for each in measurements if each.workload == workload]
        if mine:
            parts.append(f"{workload}: {what}\n\n{peers_table(workload, mine)}")
    return "\n\n".join(parts)


def peers_table(workload: str, measurements: list[Measurement]) -> str:
    """Returns one workload's table."""
    base = summary.base_of(workload)
    shown = {"": "ideal makespan", "map": "built-in map", "plain": "two plain processes"}
    of_base = [each for each in measurements if each.system == base]
    rows = []
    for system in dict.fromkeys(each.system for each in measurements):
        mine = [each for each in measurements if each.system == system]
        seconds = summary.spread(mine)
        if seconds is None:
            rows.append((system, mine[-1].problem, ""))
            continue
        if base:
            relative = summary.ratio(mine, of_base)
        else:
            ideal = W6_SECONDS / mine[-1].workers
            relative = Spread.of(
                [each.value / ideal for each in summary.final(mine)], seconds.disturbed
            )
        rows.append((system, text(seconds), text(relative)))
    return tabulate(
        rows,
        ["system", "seconds", f"/ {shown.get(base, base)}"],
        tablefmt="github",
        disable_numparse=True,
    )


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
