"""Draws the README's chart: three workloads, four ways to map, times relative to the built-in map.

    .venv/bin/python benchmarks/readme_chart.py            measures, writes docs/images/chart.svg

In each round every way runs once, one after the other, and its time is divided by that of the
built-in `map` in the same round; a machine that is busy for a while then slows all of them alike.
Before each workload it waits, for half a minute at most, until nobody else is computing.
Shown are the median of the rounds and their range.  Start-up is not part of any time: pools and
workers are there before the first round, and one round is thrown away.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from math import ceil, log, log10
from pathlib import Path
from typing import Any

# A product of this size gains nothing from more, and two processes would fight over the cores.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np  # reads the line above
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nitocris import DistributedExecution  # noqa: E402  # tests.support needs the path above
from tests.support.numpy_wheel import numpy_wheel  # noqa: E402

PROCESSES = 2
OUTPUT = ROOT / "docs" / "images" / "chart.svg"

random = np.random.default_rng(seed=1)
matrix = random.random((1000, 1000))
vectors = list(random.random((1000, 1000)))


def square(number: int) -> int:
    """Does so little that only the way there and back is measured."""
    return number * number


def multiply(vector: Any) -> Any:
    """Needs 8 MB besides its item."""
    return matrix @ vector


def nth_prime(n: int) -> int:
    """Keeps one processor busy for some ten milliseconds, by the Sieve of Eratosthenes."""
    limit = max(15, ceil(n * (log(n) + log(log(n)))))
    is_prime = bytearray([1]) * limit
    is_prime[:2] = 0, 0
    for number in range(2, int(limit**0.5) + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = bytes(len(range(number * number, limit, number)))
    found = (number for number in range(limit) if is_prime[number])
    return next(prime for count, prime in enumerate(found, start=1) if count == n)


WORKLOADS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "100 primes": (nth_prime, list(range(60_000, 70_000, 100))),
    "1,000 matrix-vector products": (multiply, vectors),
    "10,000 squares": (square, list(range(10_000))),
}

BUILT_IN = "built-in map"
QUIET_SAMPLES = 60

Mapper = Callable[[Callable[..., Any], list[Any]], Iterable[Any]]


@contextmanager
def process_pool() -> Iterator[Mapper]:
    """The standard library's pool with chunks of an eighth, forked, so that it has the matrix."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        list(pool.map(square, range(100)))
        yield lambda function, items: list(
            pool.map(function, items, chunksize=ceil(len(items) / (4 * PROCESSES)))
        )


@contextmanager
def local_workers() -> Iterator[Mapper]:
    """Nitocris with native workers on this machine."""
    with DistributedExecution(
        packages=["numpy"], local_workers=PROCESSES, host="127.0.0.1", progress=False
    ) as execution:
        execution.wait_for_workers(PROCESSES, timeout=60)
        yield execution.map


@contextmanager
def browser_page() -> Iterator[Mapper]:
    """Nitocris with one page in a browser without a window."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        DistributedExecution(packages=["numpy"], host="127.0.0.1", progress=False) as execution,
        sync_playwright() as playwright,
    ):
        # Chromium needs --no-sandbox when it is started by root; our own sandbox is not touched.
        arguments = ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"]
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        page = browser.new_page()
        page.goto(execution.url)
        start = page.get_by_role("button", name="Start", exact=True)
        expect(start).to_be_enabled(timeout=60_000)
        slider = page.get_by_role("slider", name="Workers")
        if slider.count():
            slider.fill(str(PROCESSES))
        start.click()
        execution.wait_for_workers(PROCESSES, timeout=120)
        yield execution.map
        browser.close()


WAYS: dict[str, Callable[[], Any]] = {
    "ProcessPoolExecutor": process_pool,
    "Nitocris, native workers": local_workers,
    "Nitocris, one page": browser_page,
}
COLOURS = ("#6b7280", "#0f766e", "#c2410c")

Times = dict[str, dict[str, list[float]]]
"""Seconds of each round, by workload and way."""


def measure(rounds: int) -> Times:
    """Runs every way of every workload, in turn."""
    os.environ.setdefault("NITOCRIS_WHEELS", str(numpy_wheel().parent))
    times: Times = {workload: {way: [] for way in (BUILT_IN, *WAYS)} for workload in WORKLOADS}
    with ExitStack() as stack:
        # The pool comes first: it forks, and must not fork the threads of the others.
        mappers = {way: stack.enter_context(start()) for way, start in WAYS.items()}
        mappers = {BUILT_IN: lambda function, items: list(map(function, items))} | mappers
        for _ in range(rounds + 1):
            for workload, (function, items) in WORKLOADS.items():
                wait_for_quiet()
                expected = None
                for way, mapper in mappers.items():
                    began = time.perf_counter()
                    found = mapper(function, items)
                    times[workload][way].append(time.perf_counter() - began)
                    expected = found if expected is None else expected
                    assert np.array_equal(found, expected) or np.allclose(found, expected), way
                shown = ", ".join(
                    f"{way} {taken[-1]:.4f} s" for way, taken in times[workload].items()
                )
                print(f"{workload}: {shown}", flush=True)
    return {
        workload: {way: taken[1:] for way, taken in ways.items()}  # the first warms up
        for workload, ways in times.items()
    }


def wait_for_quiet() -> None:
    """Returns when the machine is idle; gives up, and says so, after half a minute."""
    for _ in range(QUIET_SAMPLES):
        idle_before = idle_seconds()
        time.sleep(0.5)
        if idle_seconds() - idle_before > 0.8 * 0.5 * (os.cpu_count() or 1):
            return
    print("somebody else is computing on this machine", flush=True)


def idle_seconds() -> float:
    """Returns the idle time of all processors together; Linux only."""
    return float(Path("/proc/uptime").read_text().split()[1])


WIDTH, LEFT, RIGHT, TOP, GROUP, ROW = 760, 230, 60, 64, 92, 22


def draw(times: Times) -> str:
    """Returns the chart as SVG: a logarithmic axis, for 0.5 and 500 have to stand side by side."""
    ratios = {workload: relative(ways) for workload, ways in times.items()}
    every = [value for ways in ratios.values() for values in ways.values() for value in values]
    low, high = 0.3, max(every) * 1.5
    height = TOP + GROUP * len(ratios) + 44

    def x(value: float) -> float:
        share = (log10(value) - log10(low)) / (log10(high) - log10(low))
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    bottom = TOP + GROUP * len(ratios)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13">',
        "<title>Wall time relative to the built-in map</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="20" y="28" font-size="15" fill="#111827">Wall time relative to the built-in '
        f"map, {PROCESSES} workers on {PROCESSES} cores (less is better)</text>",
    ]
    for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000):
        if not low < tick < high:
            continue
        colour = "#111827" if tick == 1 else "#e5e7eb"
        parts.append(
            f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 8}" y2="{bottom}" '
            f'stroke="{colour}"/>'
            f'<text x="{x(tick):.1f}" y="{bottom + 18}" text-anchor="middle" '
            f'fill="#374151">{tick:g}</text>'
        )
    parts.append(
        f'<text x="{x(1) - 6:.1f}" y="{TOP - 14}" text-anchor="end" fill="#374151">faster</text>'
        f'<text x="{x(1) + 6:.1f}" y="{TOP - 14}" fill="#374151">slower</text>'
    )
    for group, (workload, ways) in enumerate(ratios.items()):
        top = TOP + group * GROUP
        seconds = statistics.median(times[workload][BUILT_IN])
        taken = f"{seconds:.1f} s" if seconds >= 0.95 else f"{seconds * 1000:.0f} ms"
        parts.append(
            f'<text x="20" y="{top + 16}" fill="#111827">{workload}</text>'
            f'<text x="20" y="{top + 34}" fill="#6b7280">{BUILT_IN}: {taken}</text>'
        )
        for row, ((way, values), colour) in enumerate(zip(ways.items(), COLOURS, strict=True)):
            y = top + 12 + row * ROW
            middle = statistics.median(values)
            parts.append(
                f'<line x1="{x(min(values)):.1f}" x2="{x(max(values)):.1f}" y1="{y}" y2="{y}" '
                f'stroke="{colour}" stroke-width="2"/>'
                f'<circle cx="{x(middle):.1f}" cy="{y}" r="5" fill="{colour}"/>'
                f'<text x="{x(max(values)) + 10:.1f}" y="{y + 4}" fill="{colour}" '
                f'stroke="#ffffff" stroke-width="4" paint-order="stroke">'
                f"{middle:.{2 if middle < 10 else 0}f}</text>"
            )
            if group > 0:
                continue
            parts.append(
                f'<circle cx="{WIDTH - 210}" cy="{y}" r="5" fill="{colour}"/>'
                f'<text x="{WIDTH - 198}" y="{y + 4}" fill="#111827">{way}</text>'
            )
    parts.append(
        f'<text x="20" y="{bottom + 38}" font-size="11" fill="#6b7280">Median and range of '
        f"{len(next(iter(times.values()))[BUILT_IN])} interleaved rounds; "
        f"CPython {sys.version_info.major}.{sys.version_info.minor}; start-up not counted; "
        "benchmarks/readme_chart.py</text></svg>"
    )
    return "\n".join(parts) + "\n"


def relative(ways: dict[str, list[float]]) -> dict[str, list[float]]:
    """Divides each round's times by that of the built-in map in the same round."""
    return {
        way: [one / other for one, other in zip(ways[way], ways[BUILT_IN], strict=True)]
        for way in WAYS
    }


def main() -> None:
    """Measures and draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    options.output.write_text(draw(measure(options.rounds)))


if __name__ == "__main__":
    main()
