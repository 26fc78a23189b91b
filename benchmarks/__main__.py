"""The command line of the benchmarks.

python -m benchmarks run --workload W1,W2 --system nitocris,ray [--short]
python -m benchmarks report
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

# A product of this size gains nothing from more, and two processes would fight over the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from . import paper, report, runner, scale, summary, systems, workloads
from .results import RESULTS, Book, Context, read

SHORT = runner.Patience(rounds=2, timeout=10.0, budget=3.0, repeats=0, share=0.1)

PAPER = runner.Patience(rounds=10, timeout=60.0, repeats=1)


def main() -> int:
    """Returns the exit status: 1 if a result was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="measure systems against one another")
    run.add_argument("--workload", default="W1,W2,W3,W4", help="such as W1,W2")
    run.add_argument("--system", default="*", help="names or patterns, such as nitocris,ray*")
    run.add_argument("--workers", type=int, default=2)
    run.add_argument("--rounds", type=int)
    run.add_argument("--short", action="store_true", help="a tenth of the items, two rounds")
    run.set_defaults(do=run_peers)
    figures = commands.add_parser("paper", help="measure the paper's figures again")
    figures.add_argument("--short", action="store_true", help="a tenth of the items, two rounds")
    figures.set_defaults(do=run_paper)
    crowd = commands.add_parser("scale", help="measure the coordinator with 10 to 5,000 clients")
    crowd.add_argument("--short", action="store_true", help="10 and 100 clients, a tenth, once")
    crowd.set_defaults(do=run_scale)
    shown = commands.add_parser("report", help="print the tables of what was measured")
    shown.set_defaults(do=print_report)
    options = parser.parse_args()
    return int(options.do(options))


def run_peers(options: argparse.Namespace) -> int:
    """Measures, and prints what was found."""
    names = options.workload.split(",")
    for name in names:
        if name not in workloads.WHAT:
            sys.exit(f"there is no workload {name!r}; use one of {', '.join(workloads.WHAT)}")
    try:
        chosen = systems.chosen(options.system.split(","))
    except ValueError as error:
        sys.exit(str(error))
    patience = SHORT if options.short else runner.Patience()
    if options.rounds:
        patience = replace(patience, rounds=options.rounds)
    with Book(RESULTS / "peers.csv", Context.here()) as book:
        runner.run(names, chosen, options.workers, patience, book)
    return print_report(options)


def run_paper(options: argparse.Namespace) -> int:
    """Measures the paper's figures again."""
    patience = SHORT if options.short else PAPER
    with Book(RESULTS / "paper.csv", Context.here()) as book:
        paper.run(patience, book)
    return print_report(options)


def run_scale(options: argparse.Namespace) -> int:
    """Measures what clients cost the coordinator."""
    with Book(RESULTS / "scale.csv", Context.here()) as book:
        if options.short:
            scale.run(1, 0, scale.COUNTS[:2], scale.CHUNKS // 10, book)
        else:
            scale.run(3, 1, scale.COUNTS, scale.CHUNKS, book)
    return print_report(options)


def print_report(_: argparse.Namespace) -> int:
    """Prints the tables."""
    measurements, context = read(sorted(RESULTS.glob("*.csv")))
    if context is None:
        sys.exit("there is nothing to report: measure first, with `python -m benchmarks run`")
    print(f"\n{report.heading(context)}\n\n{report.peers(measurements)}\n")
    print(report.error_rate(measurements))
    return 1 if summary.errors(measurements).count else 0


if __name__ == "__main__":
    sys.exit(main())
