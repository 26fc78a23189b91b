"""Runs scenarios by their seeds, and measures.

python -m tests.simulation --seed 17        tells the story of one seed
python -m tests.simulation --seeds 10000    runs many, prints how to replay what failed
python -m tests.simulation --efficiency     measures the table of docs/scheduler.md
python -m tests.simulation --saboteurs      measures the table of docs/trust.md
python -m tests.simulation --crowd          100,000 workers and 10 million items
python -m tests.simulation --growth 1000000 whether a table grows with so many items
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import chaos, efficiency, growth, saboteurs


def main() -> int:
    """Returns the exit status: 1 if a seed failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, help="one scenario, with its story")
    parser.add_argument("--seeds", type=int, help="so many scenarios")
    parser.add_argument("--efficiency", action="store_true", help="the table")
    parser.add_argument("--saboteurs", action="store_true", help="the table of volunteers that lie")
    parser.add_argument("--crowd", action="store_true", help="100,000 workers, 10 million items")
    parser.add_argument("--growth", type=int, metavar="ITEMS", help="whether a table grows")
    parser.add_argument("--first", type=int, default=0, help="the first seed of them")
    options = parser.parse_args()
    if options.seed is not None:
        return tell(options.seed)
    if options.efficiency:
        print(efficiency.table([scenario() for scenario in efficiency.SCENARIOS]), end="")
    if options.crowd:
        print(efficiency.table([efficiency.crowd(workers=100_000, items=10_000_000)]), end="")
    failed: list[object] = []
    if options.growth:
        failed += grown(options.growth)
    if options.saboteurs:
        harms = saboteurs.measure()
        print(saboteurs.table(harms), end="")
        failed += [each for each in harms if each.worst > saboteurs.MOST_WRONG]
        failed += [each for each in harms if each.most_work > saboteurs.MOST_WORK]
    if not options.seeds:
        return 1 if failed else 0
    seeds = range(options.first, options.first + options.seeds)
    broken = [seed for seed in seeds if not passes(seed)]
    print(f"{len(seeds)} seeds, {len(broken)} failed")
    failed += broken
    return 1 if failed else 0


def grown(items: int) -> list[object]:
    """Prints what grows with so many items, and returns it."""
    found: list[object] = []
    with tempfile.TemporaryDirectory() as folder:
        kinds: dict[str, Callable[[int], growth.Peaks]] = {
            "scheduler": growth.plain,
            "verify": growth.verified,
            "journal": partial(growth.journaled, folder=Path(folder)),
        }
        for name, kind in kinds.items():
            began = time.process_time()
            tables = growth.grown_after(kind, items)
            seconds = time.process_time() - began
            print(f"{name}: {items:,} items in {seconds:.0f} s, {tables or 'nothing grows'}")
            found += tables.items()
    return found


def passes(seed: int) -> bool:
    """Runs a scenario; prints how to replay it if it fails."""
    try:
        chaos.run(seed)
    except Exception as error:
        print(f"seed {seed}: {type(error).__name__}: {error}\n    {replay(seed)}", flush=True)
        return False
    return True


def replay(seed: int) -> str:
    """Returns the command that tells the story of a seed."""
    return f"python -m tests.simulation --seed {seed}"


def tell(seed: int) -> int:
    """Prints everything that happens in a scenario."""
    simulation = chaos.prepare(seed, tell=True)
    try:
        chaos.finish(simulation)
    except Exception:
        print(*simulation.story, sep="\n")
        traceback.print_exc()
        return 1
    print(*simulation.story, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
