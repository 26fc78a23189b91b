"""Workloads on a page in Chromium, against bare Pyodide in the same browser.

The bare page has as many Web Workers, each with its part of the data, which it makes by itself from
the same seed: there is no coordinator, and nothing travels.  Both pages stay open, and in each
round both compute the same, one right after the other, and the built-in `map` of this process too.
"""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol

from playwright.sync_api import BrowserContext, Page, sync_playwright

from nitocris import DistributedExecution
from tests.browser.conftest import Volunteer, launch_chromium
from tests.support.numpy_wheel import numpy_wheel

from . import workloads
from .bare import Bare
from .check import Errors, check
from .child import Task
from .load import Watch
from .results import Book, Measurement
from .runner import Patience, undisturbed
from .summary import BARE
from .systems import BUILT_IN, OURS, with_shared
from .workloads import Workload, make

WORKERS = (1, 2)
WORKLOADS = {"W4": 0.3, "W2": 1.0, "W1": 1.0}
"""With the part of the items to keep: Python takes two to three times as long in a browser."""
CHECKED_AS_SUMS = "W2"

BARE_PAGE = """<!doctype html><title>bare</title><script type="module">
const query = new URLSearchParams(location.search);
const workers = Array.from({length: Number(query.get('workers'))}, () => new Worker('/worker.js'));
const ask = (worker, code) => new Promise((resolve, reject) => {
  worker.onmessage = ({data: {value, error}}) => error ? reject(new Error(error)) : resolve(value);
  worker.postMessage([query.get('wheel'), code]);
});
globalThis.compute = async (codes) => {
  const began = performance.now();
  const values = await Promise.all(codes.map((code, place) => ask(workers[place], code)));
  return [(performance.now() - began) / 1000, values];
};
</script>"""

BARE_WORKER = """
let loading;
async function load(wheel) {
  importScripts('/runtime/pyodide.js');
  const pyodide = await loadPyodide({indexURL: location.origin + '/runtime/'});
  await pyodide.loadPackage(location.origin + wheel);
  return pyodide;
}
onmessage = async ({data: [wheel, code]}) => {
  try {
    const pyodide = await (loading ??= load(wheel));
    postMessage({value: pyodide.runPython(code)});
  } catch (error) {
    postMessage({error: String(error)});
  }
};
"""

PREPARE = """
workload = make({name!r}, {seed}, {share})
items = workload.items[{part}::{parts}]
None
"""
COMPUTE = "results = [workload.function(*workload.shared, item) for item in items]; None"
TELL = {
    "W1": "import json; json.dumps(results)",
    "W4": "import json; json.dumps(results)",
    "W2": "import json; json.dumps([float(result.sum()) for result in results])",
}


class Way(Protocol):
    """A page, or what it is compared with."""

    name: str

    def compute(self, task: Task, workload: Workload, /) -> tuple[float, Errors]:
        """Returns the seconds that a task took, and what was wrong with its results."""


class BarePage:
    """A page of bare Pyodide.

    Args:
        context: The browser that it is in.
        server: Where it comes from.
        workers: How many it has.
    """

    name = BARE

    def __init__(self, context: BrowserContext, server: Bare, workers: int) -> None:
        self._workers = workers
        self._page: Page = context.new_page()
        self._page.goto(f"{server.url}/?workers={workers}&wheel=/{server.wheel.name}")
        self._run([inspect.getsource(workloads) + "\nNone"] * workers)

    def compute(self, task: Task, workload: Workload) -> tuple[float, Errors]:
        """Has every worker make its part of the data, compute, and tell its results."""
        name, parts = task.workload, self._workers
        self._run(
            [
                PREPARE.format(name=name, seed=task.seed, share=task.share, part=part, parts=parts)
                for part in range(parts)
            ]
        )
        seconds, _ = self._run([COMPUTE] * parts)
        _, told = self._run([TELL[name]] * parts)
        found: list[Any] = [None] * len(workload.items)
        for part in range(parts):
            found[part::parts] = json.loads(told[part])
        expected = workload.expected
        if name == CHECKED_AS_SUMS:
            expected = [float(each.sum()) for each in expected]
        return seconds, check(found, expected)

    def _run(self, codes: list[str]) -> tuple[float, list[Any]]:
        self._page.wait_for_function("globalThis.compute !== undefined")
        seconds, values = self._page.evaluate("(codes) => compute(codes)", codes)
        return seconds, values


class HereAlone:
    """The built-in `map` in this process, outside of the browser."""

    name = BUILT_IN

    def compute(self, _: Task, workload: Workload) -> tuple[float, Errors]:
        """Maps without anybody's help."""
        began = time.perf_counter()
        found = list(map(with_shared(workload), workload.items))
        return time.perf_counter() - began, check(found, workload.expected)


class OurPage:
    """A page of Nitocris, and its owner in this process.

    Args:
        context: The browser that it is in.
        execution: The owner's.
        workers: How many it has.
    """

    name = OURS

    def __init__(
        self, context: BrowserContext, execution: DistributedExecution, workers: int
    ) -> None:
        self._execution = execution
        Volunteer(context, execution.url, cores=workers + 1).start(workers)
        execution.wait_for_workers(workers, timeout=60)

    def compute(self, _: Task, workload: Workload) -> tuple[float, Errors]:
        """Maps, as any owner would."""
        began = time.perf_counter()
        found = self._execution.map(with_shared(workload), workload.items)
        return time.perf_counter() - began, check(found, workload.expected)


@contextmanager
def pages(workers: int) -> Iterator[list[Way]]:
    """Opens both pages in one browser, and has the built-in `map` beside them."""
    os.environ.setdefault("NITOCRIS_WHEELS", str(numpy_wheel().parent))
    with ExitStack() as stack:
        browser = launch_chromium(stack.enter_context(sync_playwright()))
        stack.callback(browser.close)
        context = browser.new_context()
        server = stack.enter_context(Bare({"": BARE_PAGE, "worker.js": BARE_WORKER}))
        execution = stack.enter_context(
            DistributedExecution(packages=["numpy"], host="127.0.0.1", progress=False)
        )
        yield [
            HereAlone(),
            BarePage(context, server, workers),
            OurPage(context, execution, workers),
        ]


def run(patience: Patience, book: Book) -> None:
    """Measures the pages with 1 and 2 workers; what comes of it is in the book."""
    for workers in WORKERS:
        with pages(workers) as ways:
            for name, share in WORKLOADS.items():
                for number in range(-1, patience.rounds):
                    task = Task(name, number + 1, share * patience.share)
                    for way in ways:
                        once = partial(measure, way, workers, task, number)
                        # The round before the first warms up.
                        for each in undisturbed(once, patience.repeats if number >= 0 else 0):
                            if number >= 0:
                                book.add(each)
                                print(f"{name}, {workers}: {each.system} {each.value:.2f} s")


def measure(way: Way, workers: int, task: Task, number: int) -> list[Measurement]:
    """Returns what one way took for the data of one round."""
    workload = make(task.workload, task.seed, task.share)
    watch = Watch()
    seconds, errors = way.compute(task, workload)
    load = watch.stop()
    measurement = Measurement(
        part="browsers",
        workload=task.workload,
        system=way.name,
        workers=workers,
        round=number,
        value=seconds,
        foreign_share=round(load.foreign_share, 3),
        disturbed=load.disturbed,
        results=errors.results,
        wrong=errors.wrong,
        lost=errors.lost,
        doubled=errors.doubled,
    )
    return [measurement]
