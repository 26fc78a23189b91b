"""How every browser is tried: what an ordinary page sends, and what hostile code sends.

The canary hears whatever gets out.  Silence means something only where the control was heard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nitocris import DistributedExecution, WorkerLostError
from tests.browser.canary import Canary
from tests.browser.probes import PRELUDE, PROBES

SETTLE_MILLISECONDS = 2000
"""A request that got away is on loopback in far less."""

_FORBIDDEN = """
Worker SharedWorker WebSocket WebSocketStream WebTransport EventSource XMLHttpRequest fetch
importScripts BroadcastChannel indexedDB caches FontFace OffscreenCanvas
"""

_ASKED_BY_CONTROL = (b"GET /socket ", b"GET /request ")

_HOSTILE_WORKER = """
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
import(inner).catch(() => {});
// Firefox at times never returns from this, so it comes after everything is told.
postMessage('tried');
try { new Worker(inner); } catch {}
"""


def control(canary: Canary) -> str:
    """Returns the body of a function that asks the canary twice, from the canary's own page."""
    return f"""
        new WebSocket('ws://127.0.0.1:{canary.port}/socket');
        await fetch('http://127.0.0.1:{canary.port}/request', {{mode: 'no-cors'}});
    """


def is_control(heard: Sequence[bytes]) -> bool:
    """Returns whether all that `control` asks is among what the canary heard."""
    return all(any(each.startswith(asked) for each in heard) for asked in _ASKED_BY_CONTROL)


def hostile_worker(canary: Canary) -> str:
    """Returns the body of a function that starts workers which still have everything.

    For the sandbox's frame: there, the policy alone has to hold them.  One that says that it has
    tried is enough: Firefox at times never runs a worker that it started.
    """
    return f"""
        const source = `const HTTP = 'http://127.0.0.1:{canary.port}/';
            const WS = 'ws://127.0.0.1:{canary.port}/';` + {_HOSTILE_WORKER!r};
        const blob = new Blob([source], {{type: 'text/javascript'}});
        const url = URL.createObjectURL(blob);
        self.hostile = Array.from({{length: 5}}, () => new Worker(url));
        return await Promise.any(self.hostile.map(worker => new Promise(resolve => {{
            worker.onmessage = ({{data}}) => resolve(data);
        }})));
    """


def try_every_probe(execution: DistributedExecution, canary: Canary) -> dict[str, str]:
    """Returns what became of each probe in the execution's one worker."""
    attempt = _attempt_at(canary.port)
    outcomes: dict[str, str] = {}
    for name, source in PROBES.items():
        try:
            (outcomes[name],) = execution.map(attempt, [name], [source], timeout_in_seconds=20)
        except WorkerLostError as error:
            outcomes[name] = str(error)
    print("\n".join(f"{name}: {outcome:.100}" for name, outcome in outcomes.items()))
    assert len(outcomes) >= 59
    assert not [name for name, outcome in outcomes.items() if "SyntaxError" in outcome]
    return outcomes


def _attempt_at(port: int) -> Callable[[str, str], str]:
    prelude = PRELUDE

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

    return attempt


def still_there(execution: DistributedExecution) -> list[str]:
    """Returns what a function finds of the ways to store something or to tell it to others."""
    names = _FORBIDDEN.split()

    def present(name: str) -> bool:
        import js  # type: ignore[import-not-found]

        found: Any = js.self
        while found is not None:
            if js.Object.getOwnPropertyNames(found).includes(name):
                return True
            found = js.Object.getPrototypeOf(found)
        return False

    found = execution.map(present, names)
    return [name for name, there in zip(names, found, strict=True) if there]
