"""The sandbox: whatever a function tries, nothing leaves the compute worker but results."""

from __future__ import annotations

import pytest

from nitocris import WorkerLostError
from tests.browser.canary import Canary
from tests.browser.conftest import Execution, Open
from tests.browser.probes import PRELUDE, PROBES

SETTLE_MILLISECONDS = 2000
"""A request that got away is on loopback in far less."""


FORBIDDEN = """
Worker SharedWorker WebSocket WebSocketStream WebTransport EventSource XMLHttpRequest fetch
importScripts BroadcastChannel indexedDB caches FontFace OffscreenCanvas
"""


@pytest.fixture(scope="module")
def canary() -> object:
    with Canary() as canary:
        yield canary


def test_the_canary_sees_what_an_ordinary_page_sends(canary: Canary, volunteer: Open) -> None:
    """The control: without the sandbox the same requests arrive, so silence means something."""
    page = volunteer("about:blank").page
    before = len(canary.seen)

    page.evaluate(
        "port => fetch(`http://127.0.0.1:${port}/control`, {mode: 'no-cors'})", canary.port
    )
    page.evaluate("port => { new WebSocket(`ws://127.0.0.1:${port}/control`) }", canary.port)
    page.wait_for_timeout(SETTLE_MILLISECONDS)

    assert len(canary.seen) - before >= 2


HOSTILE_WORKER = """
fetch(HTTP, {mode: 'no-cors'}).catch(() => {});
try { new WebSocket(WS); } catch {}
try { new EventSource(HTTP); } catch {}
try { const x = new XMLHttpRequest(); x.open('GET', HTTP); x.send(); } catch {}
try { importScripts(HTTP); } catch {}
import(HTTP).catch(() => {});
try { new Worker(HTTP); } catch {}
try { new WebTransport(HTTP.replace('http', 'https')); } catch {}
try { new FontFace('x', `url(${HTTP})`).load().catch(() => {}); } catch {}
const inner = URL.createObjectURL(
  new Blob([`fetch('${HTTP}', {mode: 'no-cors'})`], {type: 'text/javascript'}));
try { new Worker(inner); } catch {}
import(inner).catch(() => {});
postMessage('tried');
"""


def test_the_policy_alone_keeps_workers_in(canary: Canary, volunteer: Open) -> None:
    """The content security policy is the wall: a worker that still has `fetch` gets no further."""
    with Execution() as d:
        page = volunteer(d.url)
        page.start()
        before = len(canary.seen)
        (frame,) = [each for each in page.page.frames if each.url.endswith("/sandbox")]
        source = f"const HTTP = 'http://127.0.0.1:{canary.port}/';"
        source += f"const WS = 'ws://127.0.0.1:{canary.port}/';{HOSTILE_WORKER}"

        said = frame.evaluate(
            """source => new Promise(resolve => {
                const blob = new Blob([source], {type: 'text/javascript'});
                new Worker(URL.createObjectURL(blob)).onmessage = ({data}) => resolve(data);
            })""",
            source,
        )
        page.page.wait_for_timeout(SETTLE_MILLISECONDS)

    assert said == "tried"
    assert canary.seen[before:] == []


@pytest.mark.timeout(180)
def test_no_probe_reaches_the_canary(canary: Canary, volunteer: Open) -> None:
    """From the compute worker, no way of JavaScript's, Pyodide's or Python's makes a request."""
    prelude, port = PRELUDE, canary.port

    def attempt(name: str, source: str) -> str:
        address = f"127.0.0.1:{port}/{name.replace(' ', '-')}"
        names: dict[str, object] = {
            "HTTP": f"http://{address}",
            "HTTPS": f"https://{address}",
            "WS": f"ws://{address}",
            "HOST": "127.0.0.1",
            "PORT": port,
        }
        try:
            exec(prelude, names)
            exec(source, names)
        except BaseException as error:
            return f"{type(error).__name__}: {error}"
        return "nothing was raised"

    with Execution() as d:
        page = volunteer(d.url)
        page.start()
        before = len(canary.seen)
        outcomes: dict[str, str] = {}
        for name, source in PROBES.items():
            try:
                (outcomes[name],) = d.map(attempt, [name], [source], timeout_in_seconds=20)
            except WorkerLostError as error:
                outcomes[name] = str(error)
        page.page.wait_for_timeout(SETTLE_MILLISECONDS)
        alive = d.map(abs, [-1])

    reached = canary.seen[before:]
    print("\n".join(f"{name}: {outcome:.100}" for name, outcome in outcomes.items()))
    assert reached == []
    assert alive == [1]
    assert len(outcomes) >= 59
    assert not [name for name, outcome in outcomes.items() if "SyntaxError" in outcome]


@pytest.mark.timeout(120)
def test_what_stores_or_tells_is_not_there(volunteer: Open) -> None:
    """Nothing can be kept on the device or told to other pages of it."""
    names = FORBIDDEN.split()

    def present(name: str) -> bool:
        import js  # type: ignore[import-not-found]

        found = js.self
        while found is not None:
            if js.Object.getOwnPropertyNames(found).includes(name):
                return True
            found = js.Object.getPrototypeOf(found)
        return False

    with Execution() as d:
        volunteer(d.url).start()
        found = d.map(present, names)

    assert [name for name, there in zip(names, found, strict=True) if there] == []
