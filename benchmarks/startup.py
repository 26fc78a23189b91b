"""Measures how soon a page computes, against bare Pyodide in the same browser.

    .venv/bin/python -m benchmarks.startup            7 rounds of everything, some minutes
    .venv/bin/python -m benchmarks.startup --short    2 rounds, to see that it works

Bare Pyodide is a page with as many Web Workers, each of which calls `loadPyodide`, `loadPackage`
for the same wheel, and the same function.  It gets the same files, compressed alike, from a server
in this process.  Both pages are timed by one clock, from the navigation until the first result is
here, and until every worker has given one; Start is pressed as soon as it can be.

In each round every case runs bare and with Nitocris, one right after the other, in a browser with a
profile of its own: the first visit, then, in a browser started anew, the second.  Shown are medians
with their range, and the median of the rounds' ratios, which a machine that is busy for a while
changes least.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, Playwright, sync_playwright

from nitocris import DistributedExecution, WorkerLostError
from tests.support.chromium import ARGUMENTS, find_chromium
from tests.support.numpy_wheel import numpy_wheel

from .bare import Bare

PATIENCE_SECONDS = 120
BUSY_SECONDS = 0.5
STAY_SECONDS = 5.0
"""A visitor stays for some seconds, after which the browser has stored what it wants to keep."""
VISITS = ("first visit", "second visit")

PRESS_START = """
new MutationObserver(() => {
  const start = [...document.querySelectorAll('button')].find(
    (button) => button.textContent === 'Start' && !button.disabled);
  if (start && !globalThis.pressed) { globalThis.pressed = true; start.click(); }
}).observe(document, {subtree: true, childList: true, attributes: true});
"""


@dataclass(frozen=True)
class Case:
    """What is loaded, by how many workers."""

    packages: tuple[str, ...]
    workers: int

    def __str__(self) -> str:
        """Names the case in the table."""
        loaded = "+".join(self.packages) or "core"
        return f"{loaded}, {self.workers} {'worker' if self.workers == 1 else 'workers'}"


@dataclass
class Times:
    """Seconds from the navigation, in the order in which the workers' first results came."""

    began: float = 0.0
    results: list[float] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def add(self) -> None:
        """Notes that a worker has given its first result."""
        with self.arrived:
            self.results.append(time.perf_counter() - self.began)
            self.arrived.notify_all()

    def wait(self, workers: int) -> None:
        """Waits until all have."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.results) >= workers, PATIENCE_SECONDS):
                raise TimeoutError(f"{len(self.results)} of {workers} workers gave a result")


def first_result(packages: tuple[str, ...]) -> str:
    """Returns the expression whose value is a worker's first result."""
    return "__import__('numpy').square(3).item()" if "numpy" in packages else "3 ** 2"


CASES = [Case(packages, workers) for packages in ((), ("numpy",)) for workers in (1, 4)]


BARE_PAGE = """<!doctype html><title>bare</title><script type="module">
const query = new URLSearchParams(location.search);
for (let i = 0; i < Number(query.get('workers')); i++) {
  const worker = new Worker('/worker.js');
  worker.postMessage([query.get('wheel'), query.get('code')]);
  worker.onmessage = () => fetch('/done');
}
</script>"""

BARE_WORKER = """
onmessage = async ({data: [wheel, code]}) => {
  importScripts('/runtime/pyodide.js');
  const pyodide = await loadPyodide({indexURL: location.origin + '/runtime/'});
  if (wheel) await pyodide.loadPackage(location.origin + wheel);
  postMessage(pyodide.runPython(code));
};
"""

PAGES = {"": BARE_PAGE, "worker.js": BARE_WORKER}


def address(bare: Bare, case: Case) -> str:
    """Returns the address of the page that computes this case."""
    wheel = f"/{bare.wheel.name}" if case.packages else ""
    code = quote(first_result(case.packages))
    return f"{bare.url}/?workers={case.workers}&wheel={wheel}&code={code}"


@contextmanager
def browser(playwright: Playwright, profile: Path, workers: int) -> Iterator[Page]:
    """Opens a window in a browser of its own, in which Start is pressed wherever there is one."""
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=find_chromium(), args=ARGUMENTS
    )
    try:
        context.add_init_script(
            "Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', "
            f"{{value: {workers + 1}}});{PRESS_START}"
        )
        yield context.new_page()
    finally:
        context.close()


def visit_bare(page: Page, bare: Bare, case: Case) -> Times:
    """Returns when the workers of the bare page gave their results."""
    times = Times(time.perf_counter())
    bare.done = times.add
    page.goto(address(bare, case), wait_until="commit")
    times.wait(case.workers)
    return times


def visit_nitocris(page: Page, execution: DistributedExecution, case: Case) -> Times:
    """Returns when the first result was at the owner's, and when all workers had given one."""
    first = execution.submit(eval, first_result(case.packages))
    times = Times(time.perf_counter())
    page.goto(execution.url, wait_until="commit")
    first.result(PATIENCE_SECONDS)
    times.add()
    execution.wait_for_workers(case.workers, timeout=PATIENCE_SECONDS)
    # Each of them is kept busy for a while, so that no worker gives two.
    statement = f"({first_result(case.packages)}, __import__('time').sleep({BUSY_SECONDS}))"
    execution.map(eval, [statement] * case.workers, chunk_size=1)
    times.results[1:] = [time.perf_counter() - times.began - BUSY_SECONDS] * (case.workers - 1)
    return times


def replacements(execution: DistributedExecution) -> list[float]:
    """Returns the seconds from one death of the only worker to the next, of the same item."""
    deaths: list[float] = []
    handler = logging.Handler()
    handler.emit = lambda record: deaths.append(record.created)  # type: ignore[method-assign]
    handler.addFilter(lambda record: "lost lease" in record.msg)
    logger = logging.getLogger("nitocris.coordinator")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        execution.map(exec, ["import os; os._exit(1)"])
    except WorkerLostError:
        pass
    finally:
        logger.removeHandler(handler)
    return [later - earlier for earlier, later in pairwise(deaths)]


@dataclass
class Series:
    """Seconds of one case, by what was measured; the rounds are in the same order everywhere."""

    bare: dict[str, list[float]] = field(default_factory=dict)
    nitocris: dict[str, list[float]] = field(default_factory=dict)
    replaced: list[float] = field(default_factory=list)

    def note(self, seconds: dict[str, list[float]], visit: str, times: Times) -> None:
        """Adds a round's times of a visit."""
        seconds.setdefault(f"{visit}, first result", []).append(times.results[0])
        seconds.setdefault(f"{visit}, all workers", []).append(times.results[-1])


def measure(rounds: int, cases: list[Case]) -> dict[Case, Series]:
    """Visits everything, round by round."""
    found = {case: Series() for case in cases}
    with Bare(PAGES) as bare, sync_playwright() as playwright:
        for number in range(rounds):
            for case, series in found.items():
                print(f"round {number + 1} of {rounds}: {case}", file=sys.stderr, flush=True)
                with tempfile.TemporaryDirectory() as folder:
                    for visit in VISITS:
                        with browser(playwright, Path(folder, "bare"), case.workers) as page:
                            series.note(series.bare, visit, visit_bare(page, bare, case))
                        run_nitocris(playwright, Path(folder, "nitocris"), case, visit, series)
    return found


def run_nitocris(
    playwright: Playwright, profile: Path, case: Case, visit: str, series: Series
) -> None:
    """Visits a new coordinator, whose link is that of the last one, as when a script runs again."""
    with (
        DistributedExecution(packages=case.packages, host="127.0.0.1", progress=False) as execution,
        browser(playwright, profile, case.workers) as page,
    ):
        series.note(series.nitocris, visit, visit_nitocris(page, execution, case))
        if visit == VISITS[0]:
            time.sleep(STAY_SECONDS)
        if visit == VISITS[-1] and case.workers == 1:
            series.replaced += replacements(execution)


def table(found: dict[Case, Series]) -> str:
    """Returns medians with their ranges and the median of the ratios."""
    lines = [f"{'':44}{'bare Pyodide':>23}{'Nitocris':>23}  ratio"]
    for case, series in found.items():
        for what, bare in series.bare.items():
            mine = series.nitocris[what]
            ratios = [one / other for one, other in zip(mine, bare, strict=True)]
            ratio = statistics.median(ratios)
            lines.append(f"{f'{case}: {what}':44}{spread(bare):>23}{spread(mine):>23}  {ratio:.2f}")
        if series.replaced:
            lines.append(f"{f'{case}: a worker replaced':67}{spread(series.replaced):>23}")
    return "\n".join(lines)


def spread(seconds: list[float]) -> str:
    """Returns "median (least to most)"."""
    if not seconds:
        return "-"
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="two rounds instead of seven")
    parser.add_argument("--rounds", type=int, help="as many")
    parser.add_argument("--only", default="", help="cases with this in their name, such as 'numpy'")
    options = parser.parse_args()
    os.environ.setdefault("NITOCRIS_WHEELS", str(numpy_wheel().parent))
    cases = [case for case in CASES if options.only in str(case)]
    print(table(measure(options.rounds or (2 if options.short else 7), cases)))


if __name__ == "__main__":
    main()
