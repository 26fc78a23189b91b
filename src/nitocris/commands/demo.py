"""`nitocris demo`: an endless map, so that there is time to open the link on a phone.

It estimates π: of random points in a square, a quarter of π falls into the quarter of a circle.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

from tqdm import tqdm

from ..call import check_count
from ..errors import NitocrisError
from ..execution import DistributedExecution

DESCRIPTION = (
    "Estimate π from random points, on this machine and on every device that opens the link. "
    "It goes on until Ctrl-C."
)

POINTS = 200_000
"""Of one item: some tenths of a second, also in a browser."""
SEED = 42


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument(
        "--workers",
        type=int,
        default=2,
        metavar="N",
        help="native workers on this machine beside those who open the link (default: 2)",
    )
    parser.add_argument("--port", type=int, metavar="PORT", help="the link's port")
    parser.add_argument(
        "--items", type=int, metavar="N", help="end after so many items of 200,000 points"
    )


def run(options: argparse.Namespace) -> int:
    """Computes until interrupted; returns the exit code."""
    estimate = Estimate()
    try:
        if options.items is not None:
            check_count("--items", options.items, low=1)
        with (
            contextlib.suppress(KeyboardInterrupt),
            DistributedExecution(
                local_workers=options.workers,
                server_port=options.port,
                title="π from random points",
                description="A demonstration: of random points in a square, a quarter of π lie "
                "within the quarter of a circle.",
            ) as d,
        ):
            print("Open the link on any device of this network and press Start; Ctrl-C ends it.")
            _show(estimate, results(d, options.items))
    except NitocrisError as error:
        print(f"nitocris demo: {error}", file=sys.stderr)
        return 2
    print(estimate)
    print("Your own: DistributedExecution().map(function, items); see docs/getting-started.md")
    return 0


@dataclass(slots=True)
class Estimate:
    """What is known of π.

    Attributes:
        points: How many there were.
        inside: How many of them lay in the circle.
        by_browsers: How many were drawn in browsers.
    """

    points: int = 0
    inside: int = 0
    by_browsers: int = 0

    def add(self, inside: int, kind: str) -> None:
        """Takes the result of an item."""
        self.points += POINTS
        self.inside += inside
        self.by_browsers += POINTS * (kind == "emscripten")

    def __str__(self) -> str:
        if not self.points:
            return "π is not known yet"
        share = self.inside / self.points
        error = 4 * sqrt(share * (1 - share) / self.points)
        browsers = f", {self.by_browsers / self.points:.0%} by browsers"
        return f"π ≈ {4 * share:.5f} ± {error:.5f} from {self.points:,} points{browsers}"


def results(d: DistributedExecution, items: int | None) -> Iterator[tuple[int, str]]:
    """Returns for each item how many points were inside, and the platform that drew them."""

    # Inside of this function, so that it travels whole: browsers do not have this module.
    def points_inside(points, rng):  # type: ignore[no-untyped-def]  # volunteers read it
        import sys

        hits = sum(rng.random() ** 2 + rng.random() ** 2 <= 1 for _ in range(points))
        return hits, sys.platform

    wanted = itertools.repeat(POINTS) if items is None else itertools.repeat(POINTS, items)
    return d.imap_unordered(points_inside, wanted, buffersize=1000, seed=SEED, seed_kind="random")


def _show(estimate: Estimate, found: Iterator[tuple[int, str]]) -> None:
    with tqdm(unit=" points", unit_scale=True, dynamic_ncols=True) as bar:
        for inside, kind in found:
            estimate.add(inside, kind)
            bar.set_description_str(str(estimate), refresh=False)
            bar.update(POINTS)
