"""The figures, PNG and SVG in `benchmarks/results`, and the README's chart in `docs/images`."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt  # what draws is chosen first

from . import summary
from .paper import CHUNK_SIZES, CLIENTS, CPU_HEAVY, IO_HEAVY, PAPERS_SECONDS, WAITING
from .results import RESULTS, ROOT, Context, Measurement
from .summary import BARE, Spread
from .systems import BUILT_IN, OURS
from .workloads import WHAT

CHART = ROOT / "docs" / "images" / "chart.svg"
COLOURS = ("#6b7280", "#2563eb", "#0f766e", "#c2410c", "#7c3aed")
"""In the order in which a figure needs them."""
BASES = {"": "the ideal makespan", BUILT_IN: "the built-in map", "plain": "two plain processes"}

# Text stays text: small, and read by screen readers.  The same data give the same file.
mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "nitocris", "font.size": 9})

README_WORKLOADS = {
    "W4": "100 primes",
    "W2": "1,000 matrix-vector products",
    "W1": "10,000 squares",
}
README_WAYS = {
    "ProcessPoolExecutor": ("peers", "pool-fork-tuned"),
    "joblib": ("peers", "joblib"),
    "Nitocris, native workers": ("peers", OURS),
    "Nitocris, one page": ("browsers", OURS),
}
README_WORKERS = 2


def everything(
    measurements: list[Measurement], contexts: dict[str, Context], results: Path = RESULTS
) -> Iterator[Path]:
    """Draws all that was measured into a folder, the README's chart besides; yields the files."""
    by_part = {part: [each for each in measurements if each.part == part] for part in contexts}
    if peers := by_part.get("peers"):
        yield from save(draw_peers(peers), results / "peers")
    if paper := by_part.get("paper"):
        yield from save(draw_by_clients(paper, IO_HEAVY, IO_HEAVY), results / "paper-io-clients")
        yield from save(draw_by_chunks(paper, IO_HEAVY), results / "paper-io-chunks")
        yield from save(draw_by_clients(paper, CPU_HEAVY, WAITING), results / "paper-cpu-clients")
        yield from save(draw_by_chunks(paper, WAITING), results / "paper-cpu-chunks")
    if browsers := by_part.get("browsers"):
        yield from save(draw_browsers(browsers), results / "browsers")
    if scale := by_part.get("scale"):
        yield from save(draw_scale(scale), results / "scale")
    if peers and browsers:
        figure = draw_readme_chart(measurements, contexts["peers"])
        figure.savefig(CHART, metadata={"Date": None})
        plt.close(figure)
        yield CHART


def save(figure: Any, file: Path) -> Iterator[Path]:
    """Writes a figure twice."""
    for ending, metadata in (("png", {}), ("svg", {"Date": None})):
        written = file.with_suffix(f".{ending}")
        figure.savefig(written, dpi=120, metadata=metadata)
        yield written
    plt.close(figure)


def draw_peers(measurements: list[Measurement]) -> Any:
    """Draws the time of every system relative to the base of each workload."""
    names = [name for name in WHAT if any(each.workload == name for each in measurements)]
    rows = (len(names) + 1) // 2
    figure, axes = plt.subplots(
        rows, 2, figsize=(11, 3.2 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, names, strict=False):
        mine = [each for each in measurements if each.workload == name]
        for place, (system, spread) in enumerate(summary.relative(mine).items()):
            _dot(axis, place, spread, COLOURS[2] if system.startswith(OURS) else COLOURS[0])
        systems = list(summary.relative(mine))
        axis.set_yticks(range(len(systems)), systems)
        axis.invert_yaxis()
        axis.set_xscale("log")
        axis.axvline(1, color="black", linewidth=0.8)
        base = summary.base_of(name)
        axis.set_title(f"{name}: {WHAT[name]}", fontsize=9, loc="left")
        axis.set_xlabel(f"seconds / {BASES.get(base, base)} (median, range)")
    return figure


def draw_by_clients(measurements: list[Measurement], computing: str, waiting: str) -> Any:
    """Draws time relative to sequential by number of clients, beside the paper's."""
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for size, colour in zip(CHUNK_SIZES, COLOURS, strict=True):
        label = f"chunks of {size}" if size else "automatic chunks"
        _line(axis, measurements, waiting, size, color=colour, label=label)
        if computing != waiting:
            _line(axis, measurements, computing, size, color=colour, linestyle="none", marker="x")
    papers = {
        clients: seconds / PAPERS_SECONDS[computing, 0]
        for (workload, clients), seconds in PAPERS_SECONDS.items()
        if workload == computing and clients
    }
    axis.plot(*zip(*papers.items(), strict=True), "k*--", label="the paper, chunks of 1")
    axis.axhline(1, color="black", linewidth=0.8)
    axis.set_yscale("log")
    axis.set_xticks(CLIENTS)
    axis.set_xlabel("clients (native workers)")
    axis.set_ylabel("wall time / built-in map")
    title = f"{computing}: {WHAT[computing]}"
    if computing != waiting:
        title += "\nlines: items that wait 20 ms instead of computing; crosses: the true workload"
    axis.set_title(title, fontsize=9, loc="left")
    axis.legend(fontsize=8)
    return figure


def draw_by_chunks(measurements: list[Measurement], workload: str) -> Any:
    """Draws seconds by size of chunks, a line for each number of clients."""
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for clients, colour in zip(CLIENTS, COLOURS, strict=True):
        points = [summary.of_point(measurements, workload, clients, size) for size in CHUNK_SIZES]
        known = [(place, values) for place, values in enumerate(points) if values]
        if known:
            axis.errorbar(
                [place for place, _ in known],
                [statistics.mean(values) for _, values in known],
                [statistics.pstdev(values) for _, values in known],
                color=colour,
                marker="o",
                capsize=3,
                label=f"{clients} client{'s' if clients > 1 else ''}",
            )
    sequential = summary.of_point(measurements, workload, 0, None)
    if sequential:
        axis.axhline(
            statistics.mean(sequential), color="black", linewidth=0.8, label="built-in map"
        )
    labels = [str(size) if size else "automatic" for size in CHUNK_SIZES]
    axis.set_xticks(range(len(CHUNK_SIZES)), labels)
    axis.set_ylim(bottom=0)
    axis.set_xlabel("items in a chunk")
    axis.set_ylabel("seconds, mean and standard deviation")
    axis.set_title(f"{workload}: {WHAT[workload]}", fontsize=9, loc="left")
    axis.legend(fontsize=8)
    return figure


def draw_browsers(measurements: list[Measurement]) -> Any:
    """Draws the seconds on both pages."""
    points = dict.fromkeys((each.workload, each.workers) for each in measurements)
    figure, axes = plt.subplots(
        1, len(points), figsize=(2.2 * len(points), 3.5), layout="constrained"
    )
    for axis, (workload, workers) in zip(axes, points, strict=True):
        mine = [e for e in measurements if (e.workload, e.workers) == (workload, workers)]
        for place, (system, colour) in enumerate(
            {BUILT_IN: COLOURS[0], BARE: COLOURS[1], OURS: COLOURS[2]}.items()
        ):
            spread = summary.spread(each for each in mine if each.system == system)
            if spread is not None:
                error = [[spread.median - spread.low], [spread.high - spread.median]]
                axis.bar(place, spread.median, color=colour, yerr=error, capsize=3)
        axis.set_xticks(range(3), ["map", "bare", "ours"])
        axis.set_title(f"{workload}, {workers} worker{'s' if workers > 1 else ''}", fontsize=9)
    axes[0].set_ylabel("seconds (median, range)")
    return figure


def draw_scale(measurements: list[Measurement]) -> Any:
    """Draws each quantity by number of clients."""
    quantities = list(dict.fromkeys(each.quantity for each in measurements if not each.problem))
    figure, axes = plt.subplots(
        2, (len(quantities) + 1) // 2, figsize=(12, 6), layout="constrained"
    )
    for axis in axes.flat[len(quantities) :]:
        axis.set_axis_off()
    for axis, quantity in zip(axes.flat, quantities, strict=False):
        mine = [each for each in measurements if each.quantity == quantity]
        counts = sorted({each.workers for each in mine})
        spreads = [summary.spread(e for e in mine if e.workers == count) for count in counts]
        found = [spread for spread in spreads if spread is not None]
        medians = [each.median for each in found]
        axis.plot(counts, medians, "o-", color=COLOURS[2])
        axis.set_xscale("log")
        axis.set_ylim(0, 1.1 * max(medians))
        axis.set_title(quantity, fontsize=9)
        axis.set_xlabel("clients")
    return figure


def draw_readme_chart(measurements: list[Measurement], context: Context) -> Any:
    """Draws three workloads and what a user would pick, relative to the built-in `map`."""
    figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
    labels = []
    for group, (workload, what) in enumerate(README_WORKLOADS.items()):
        labels.append(what)
        for place, ((way, (part, system)), colour) in enumerate(
            zip(README_WAYS.items(), COLOURS, strict=False)
        ):
            mine = [
                each
                for each in measurements
                if (each.part, each.workload, each.workers) == (part, workload, README_WORKERS)
            ]
            spread = summary.ratio(
                [each for each in mine if each.system == system],
                [each for each in mine if each.system == BUILT_IN],
            )
            if spread is None:
                continue
            height = group + 0.18 * (place - 1.5)
            _dot(axis, height, spread, colour, label=None if group else way)
            axis.annotate(
                f"{spread.median:.{2 if spread.median < 10 else 0}f}",
                (spread.high, height),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color=colour,
                fontsize=8,
            )
    axis.set_yticks(range(len(labels)), labels)
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.axvline(1, color="black", linewidth=0.8)
    axis.margins(x=0.12)
    axis.grid(axis="x", color="#e5e7eb")
    axis.set_axisbelow(True)
    axis.set_title(
        "Wall time relative to the built-in map, 2 workers on "
        f"{context.cores} cores (less is better)",
        fontsize=10,
        loc="left",
    )
    minor = ".".join(context.python.split(".")[:2])
    axis.set_xlabel(
        f"median and range of interleaved rounds; CPython {minor}; start-up not counted; "
        "python -m benchmarks plot",
        fontsize=8,
    )
    axis.legend(fontsize=8, loc="upper right")
    return figure


def _dot(axis: Any, height: float, spread: Spread, colour: str, label: str | None = None) -> None:
    axis.hlines(height, spread.low, spread.high, color=colour)
    axis.plot(spread.median, height, "o", color=colour, markersize=5, label=label)


def _line(
    axis: Any, measurements: list[Measurement], workload: str, size: int | None, **style: Any
) -> None:
    """Draws a workload in chunks of one size by number of clients, relative to sequential."""
    sequential = summary.of_point(measurements, workload, 0, None)
    points = {
        clients: [each / statistics.mean(sequential) for each in values]
        for clients in CLIENTS
        if sequential and (values := summary.of_point(measurements, workload, clients, size))
    }
    if points:
        means = [statistics.mean(values) for values in points.values()]
        deviations = [statistics.pstdev(values) for values in points.values()]
        axis.errorbar(list(points), means, deviations, **({"marker": "o", "capsize": 3} | style))
