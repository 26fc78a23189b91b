"""Measures how soon a page computes, against bare Pyodide in the same browser.

    .venv/bin/python benchmarks/startup.py            7 rounds of everything, some minutes
    .venv/bin/python benchmarks/startup.py --short    2 rounds, to see that it works

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
import gzip
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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, Playwright, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nitocris import DistributedExecution, WorkerLostError  # noqa: E402  # as in the next line
from nitocris.environment import PAGE, python_version, runtime  # noqa: E402
from tests.support.chromium import ARGUMENTS, find_chromium  # noqa: E402
from tests.support.numpy_wheel import numpy_wheel  # noqa: E402  # needs the path above

PATIENCE_SECONDS = 120
BUSY_SECONDS = 0.5
STAY_SECONDS = 5.0
"""A visitor stays for some seconds, after which the browser has stored what it wants to keep."""
STANDARD_LIBRARY = "python_stdlib.zip"
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


class Bare:
    """A server of a page that has nothing but Pyodide in it."""

    def __init__(self) -> None:
        described = runtime()
        assert described is not None, "there is no Pyodide for this Python"
        self.folder = PAGE / "runtime" / described["version"]
        # Ours has bytecode in it.
        published = ROOT / "web" / "node_modules" / f"pyodide-{python_version()}"
        self.library = gzip.compress((published / STANDARD_LIBRARY).read_bytes())
        self.wheel = numpy_wheel()
        self.times = Times()
        bare = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                bare.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Sends a file of the release, the wheel or the page; notes a result."""
        name = request.path.partition("?")[0].rpartition("/")[2]
        kind = {"js": "text/javascript", "wasm": "application/wasm", "json": "application/json"}
        headers = {"Content-Type": kind.get(name.rpartition(".")[2], "application/octet-stream")}
        if name == "done":
            self.times.add()
            body = b""
        elif name in ("", "worker.js"):
            body = (BARE_WORKER if name else BARE_PAGE).encode()
            headers["Content-Type"] = "text/javascript" if name else "text/html"
        elif name.endswith(".whl"):
            body = self.wheel.read_bytes()
            headers["Cache-Control"] = "private, max-age=31536000, immutable"
        elif body := self.runtime_file(name):
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
            headers["Content-Encoding"] = "gzip"
        else:
            request.send_error(404)
            return
        request.send_response(200)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def runtime_file(self, name: str) -> bytes:
        """Returns a file of the release as it was published, gzipped; nothing if there is none."""
        if name == STANDARD_LIBRARY:
            return self.library
        file = self.folder / f"{name}.gz"
        return file.read_bytes() if file.is_file() else b""

    def page(self, case: Case) -> str:
        """Returns the address of the page that computes this case."""
        wheel = f"/{self.wheel.name}" if case.packages else ""
        code = quote(first_result(case.packages))
        return f"{self.url}/?workers={case.workers}&wheel={wheel}&code={code}"


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
    bare.times = times = Times(time.perf_counter())
    page.goto(bare.page(case), wait_until="commit")
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
    with Bare() as bare, sync_playwright() as playwright:
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
