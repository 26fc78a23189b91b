"""Browsers that Playwright does not drive: Firefox ESR by WebDriver BiDi, WebKitGTK by WebDriver.

Both protocols are the W3C's, both browsers are Debian's own builds, and neither needs a download
besides: Firefox speaks BiDi itself, without geckodriver.  (Playwright's channel for it,
`moz-firefox`, follows Firefox's newest release and asks an ESR for commands that it lacks.)

An engine has one tab, which goes from page to page; only what these tests need of it is here.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import aiohttp

from nitocris.background import LoopThread

T = TypeVar("T")

Actions = list[dict[str, object]]
"""Sources of input and what they do: both protocols have the same words for it."""

START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 60.0


class Engine(Protocol):
    """One tab of a browser that was started for it.

    Attributes:
        name: With the version.
    """

    name: str

    def goto(self, url: str) -> None:
        """Opens the page, and waits until it is loaded."""

    def evaluate(self, body: str, frame: str = "") -> Any:
        """Runs the body of an async function in the page, or in its frame whose URL ends so."""

    def perform(self, actions: Actions) -> None:
        """Lets the mouse and the keyboard do this."""

    def close(self) -> None:
        """Ends the browser."""


class Firefox:
    """Firefox ESR without a window."""

    def __init__(self, executable: str) -> None:
        with ExitStack() as stack:
            profile = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firefox-")))
            (profile / "user.js").write_text(_preferences(_FIREFOX_PREFERENCES))
            log = stack.enter_context((profile / "log").open("w+"))
            command = [executable, "--headless", "--no-remote", "--profile", str(profile)]
            command += ["--remote-debugging-port", "0", "about:blank"]
            stack.callback(_stop, process := subprocess.Popen(command, stdout=log, stderr=log))
            address = _wait_for(lambda: _bidi_address(profile / "log"), process)
            self._link = BiDi(f"{address}/session")
            stack.callback(self._link.close)
            about = self._link.ask("session.new", capabilities={})["capabilities"]
            self.name = f"Firefox {about['browserVersion']}"
            (tab,) = self._link.ask("browsingContext.getTree")["contexts"]
            self._tab: str = tab["context"]
            self._stack = stack.pop_all()

    def goto(self, url: str) -> None:
        self._link.ask("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, body: str, frame: str = "") -> Any:
        outcome = self._link.ask(
            "script.callFunction",
            functionDeclaration=_as_text(body),
            awaitPromise=True,
            target={"context": self._context(frame)},
        )
        if outcome["type"] == "exception":
            raise RuntimeError(outcome["exceptionDetails"]["text"])
        return _from_text(outcome["result"]["value"])

    def perform(self, actions: Actions) -> None:
        self._link.ask("input.performActions", context=self._tab, actions=actions)

    def close(self) -> None:
        self._stack.close()

    def _context(self, frame: str) -> str:
        if not frame:
            return self._tab
        (tree,) = self._link.ask("browsingContext.getTree", root=self._tab)["contexts"]
        (found,) = [each for each in tree["children"] if each["url"].endswith(frame)]
        context: str = found["context"]
        return context


class WebKit:
    """WebKitGTK's MiniBrowser on a screen that nobody sees."""

    def __init__(self, driver: str, browser: str) -> None:
        with ExitStack() as stack:
            display = _virtual_screen(stack)
            log = stack.enter_context(tempfile.TemporaryFile("w+"))
            # Port 0 would be any, but the driver does not say which one it took.
            port = _free_port()
            process = subprocess.Popen(
                [driver, f"--port={port}"],
                env=os.environ | {"DISPLAY": display, "NO_AT_BRIDGE": "1"},
                stdout=log,
                stderr=log,
            )
            stack.callback(_stop, process)
            base = f"http://127.0.0.1:{port}"
            _wait_for(lambda: _answers(f"{base}/status"), process)
            options = {"binary": browser, "args": ["--automation"]}
            about = _http("POST", f"{base}/session", {
                "capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}
            })  # fmt: skip
            self._session = f"{base}/session/{about['sessionId']}"
            stack.callback(_http, "DELETE", self._session)
            self.name = f"WebKitGTK {about['capabilities']['browserVersion']}"
            self._stack = stack.pop_all()

    def goto(self, url: str) -> None:
        _http("POST", f"{self._session}/url", {"url": url})

    def evaluate(self, body: str, frame: str = "") -> Any:
        if frame:
            found = _http("POST", f"{self._session}/element", {
                "using": "css selector", "value": f"iframe[src$='{frame}']"
            })  # fmt: skip
            _http("POST", f"{self._session}/frame", {"id": found})
        script = f"({_as_text(body)})().then(arguments[0])"
        answer = _http("POST", f"{self._session}/execute/async", {"script": script, "args": []})
        if frame:
            _http("POST", f"{self._session}/frame", {"id": None})
        return _from_text(answer)

    def perform(self, actions: Actions) -> None:
        _http("POST", f"{self._session}/actions", {"actions": actions})

    def close(self) -> None:
        self._stack.close()


def firefox() -> Callable[[], Engine] | None:
    """Returns what starts Firefox, if it is here."""
    executable = shutil.which("firefox-esr")
    return (lambda: Firefox(executable)) if executable else None


def webkit() -> Callable[[], Engine] | None:
    """Returns what starts WebKitGTK, if all of its parts are here."""
    driver = shutil.which("WebKitWebDriver")
    browsers = sorted(Path("/usr").glob("lib*/**/webkit2gtk-4.*/MiniBrowser"))
    if not driver or not browsers or not shutil.which("Xvfb"):
        return None
    return lambda: WebKit(driver, str(browsers[-1]))


ENGINES: dict[str, Callable[[], Callable[[], Engine] | None]] = {
    "Firefox": firefox,
    "WebKitGTK": webkit,
}


class BiDi:
    """A connection over which commands are asked and answered one by one."""

    def __init__(self, url: str) -> None:
        # Playwright's synchronous interface occupies the event loop of the tests' own thread.
        self._loop = LoopThread("bidi")
        self._number = 0
        self._session, self._socket = self._loop.run(self._connect(url))

    async def _connect(
        self, url: str
    ) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
        session = aiohttp.ClientSession()
        return session, await session.ws_connect(url, max_msg_size=0)

    def ask(self, method: str, **parameters: object) -> Any:
        """Returns the result of a command."""
        return self._run(self._ask(method, parameters))

    def close(self) -> None:
        """Closes the connection."""

        async def close() -> None:
            await self._socket.close()
            await self._session.close()

        self._run(close())
        self._loop.stop()

    def _run(self, coroutine: Coroutine[None, None, Any]) -> Any:
        return self._loop.run(asyncio.wait_for(coroutine, ANSWER_TIMEOUT_S))

    async def _ask(self, method: str, parameters: dict[str, object]) -> Any:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json()
            if answer.get("id") == self._number:
                break
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]


_FIREFOX_PREFERENCES: dict[str, bool | str] = {
    # Otherwise Firefox itself keeps pages from loopback, and our own walls would not be tested.
    "network.lna.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.normandy.enabled": False,
}


def _preferences(preferences: dict[str, bool | str]) -> str:
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in preferences.items()]
    return "\n".join(lines)


def _bidi_address(log: Path) -> str | None:
    marker = "WebDriver BiDi listening on "
    lines = [line for line in log.read_text().splitlines() if line.startswith(marker)]
    return lines[0].removeprefix(marker).strip() if lines else None


def _virtual_screen(stack: ExitStack) -> str:
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    stack.callback(_stop, process)
    output: IO[bytes] = stack.enter_context(process.stdout)  # type: ignore[arg-type]
    return f":{output.readline().decode().strip()}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _as_text(body: str) -> str:
    """Wraps a body so that both protocols carry what it returns or throws: as text."""
    return f"""async () => {{
        try {{ return JSON.stringify([await (async () => {{ {body} }})() ?? null]); }}
        catch (error) {{ return String(error); }}
    }}"""


def _from_text(text: str) -> Any:
    if not text.startswith("["):
        raise RuntimeError(text)
    return json.loads(text)[0]


def _http(method: str, url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=ANSWER_TIMEOUT_S) as answer:
            return json.load(answer)["value"]
    except HTTPError as error:
        with error:
            raise RuntimeError(f"{url}: {error.read().decode()}") from None


def _answers(url: str) -> bool:
    try:
        _http("GET", url)
    except OSError:
        return False
    return True


def _wait_for(found: Callable[[], T | None], process: subprocess.Popen[Any]) -> T:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (value := found()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} did not start; its status is {process.poll()}")
        time.sleep(0.02)
    return value


def _stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
