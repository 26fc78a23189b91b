"""The command line of the benchmarks.

python -m benchmarks run --workload W1,W2 --system nitocris,ray [--short]
python -m benchmarks paper | browsers | scale [--short]
python -m benchmarks report     prints the tables of what was measured
python -m benchmarks plot       draws it, and the README's chart
python -m benchmarks all        everything, in a quarter of an hour
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

# A product of this size gains nothing from more, and two processes would fight over the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from . import paper, plans, report, runner, summary, systems, workloads
from .results import RESULTS, Book, Context, Measurement, read


def main() -> int:
    """Returns the exit status: 1 if a result was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FOLDER", help="for the CSV files"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    run = commands.add_parser("run", help="measure systems against one another")
    run.add_argument("--workload", help="such as W1,W2; without it, all that `all` measures")
    run.add_argument("--system", default="*", help="names or patterns, such as nitocris,ray*")
    run.add_argument("--workers", type=int, default=2)
    for name, words in {
        "paper": "measure the paper's figures again",
        "browsers": "measure against bare Pyodide in Chromium",
        "scale": "measure the coordinator with 10 to 5,000 clients",
    }.items():
        commands.add_parser(name, help=words)
    for command in commands.choices.values():
        command.add_argument("--rounds", type=int, help="as many, instead of what `all` takes")
        command.add_argument("--short", action="store_true", help="a tenth of it, to see it work")
    commands.add_parser("report", help="print the tables of what was measured")
    commands.add_parser("plot", help="draw what was measured, and the README's chart")
    commands.add_parser("all", help="measure and draw everything")
    options = parser.parse_args()
    # Else the systems' own processes would outlive this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    match options.command:
        case "run":
            run_peers(options)
        case "paper" | "browsers" | "scale":
            run_part(options.command, options.results, options.rounds, options.short)
        case "plot":
            plot_all(options.results)
            return 0
        case "all":
            run_all(options.results)
    return print_report(options.results)


def run_peers(options: argparse.Namespace) -> None:
    """Measures systems against one another."""
    try:
        patterns = options.system.split(",")
        chosen = systems.chosen(patterns)
        if options.workload is None:
            plan = plans.peers()
        else:
            names = workloads.known(options.workload.split(","))
            plan = {name: runner.Entry(chosen, plans.patience(name)) for name in names}
    except ValueError as error:
        sys.exit(str(error))
    for name, entry in plan.items():
        patience = plans.SHORT if options.short else entry.patience
        plan[name] = runner.Entry(
            [each for each in entry.systems if each in chosen],
            with_rounds(patience, options.rounds),
        )
    with Book(options.results / "peers.csv", Context.here()) as book:
        runner.run(plan, options.workers, book)


def with_rounds(patience: runner.Patience, rounds: int | None) -> runner.Patience:
    """Returns it with as many rounds as somebody wants."""
    return replace(patience, rounds=rounds or patience.rounds)


def run_part(part: str, results: Path, rounds: int | None = None, short: bool = False) -> None:
    """Measures one of the other parts."""
    # Only these need a browser and the server.
    from . import browsers, scale

    with Book(results / f"{part}.csv", Context.here()) as book:
        match part:
            case "paper":
                paper.run(with_rounds(plans.SHORT if short else plans.PAPER, rounds), book)
            case "browsers":
                browsers.run(with_rounds(plans.SHORT if short else plans.BROWSERS, rounds), book)
            case _ if short:
                scale.run(rounds or 1, 0, scale.COUNTS[:2], scale.CHUNKS // 10, book)
            case _:
                scale.run(rounds or 2, 0, scale.COUNTS, scale.CHUNKS, book)


def run_all(results: Path) -> None:
    """Measures and draws everything."""
    began = time.monotonic()
    with Book(results / "peers.csv", Context.here()) as book:
        runner.run(plans.peers(), 2, book)
    print(f"peers: {time.monotonic() - began:.0f} s", flush=True)
    for part in ("paper", "browsers", "scale"):
        run_part(part, results)
        print(f"{part}: until {time.monotonic() - began:.0f} s", flush=True)
    plot_all(results)


def plot_all(results: Path) -> None:
    """Draws what was measured."""
    from . import plot

    measurements, contexts = measured(results)
    for file in plot.everything(measurements, contexts, results):
        print(file)


def print_report(results: Path) -> int:
    """Prints the tables."""
    measurements, contexts = measured(results)
    print(f"\n{report.everything(measurements, contexts)}")
    return 1 if summary.errors(measurements).count else 0


def measured(results: Path) -> tuple[list[Measurement], dict[str, Context]]:
    """Returns what the last runs of all parts have measured."""
    measurements, contexts = read(sorted(results.glob("*.csv")))
    if not measurements:
        sys.exit("there is nothing to report: measure first, with `python -m benchmarks run`")
    return measurements, contexts


if __name__ == "__main__":
    sys.exit(main())
