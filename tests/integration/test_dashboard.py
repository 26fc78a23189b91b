"""The owner's routes on a real port: who may ask, what is answered, and what a dismissal does."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from nitocris import DistributedExecution, protocol
from nitocris.coordinator import Coordinator
from nitocris.dismissal import BY_OWNER
from nitocris.environment import Environment
from nitocris.job import Job
from nitocris.links import Access, new_access
from nitocris.server import Server

LINK = "http://192.168.1.20:41234/#" + "v" * 22


@dataclass
class Bench:
    """A running server and what a client needs to reach it."""

    coordinator: Coordinator
    access: Access
    base: str
    http: aiohttp.ClientSession

    async def ask(
        self, path: str, token: str | None = None, method: str = "GET", **headers: str
    ) -> tuple[int, str, Any]:
        """Returns status, body and headers of an answer to the owner, or to whoever has a token."""
        given = self.access.owner if token is None else token
        headers = {"Authorization": f"Bearer {given}"} | headers
        async with self.http.request(method, self.base + path, headers=headers) as response:
            return response.status, await response.text(), response.headers

    async def join(self) -> aiohttp.ClientWebSocketResponse:
        """Connects a native worker that computes nothing."""
        socket = await self.http.ws_connect(f"{self.base}/socket")
        hello = protocol.Hello(
            protocol=protocol.PROTOCOL_VERSION,
            token=self.access.worker,
            kind="native",
            capacity=2,
            python=None,
        )
        await socket.send_bytes(protocol.encode(hello))
        return socket


@pytest_asyncio.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    environment = Environment("a test")

    async def ready() -> Environment:
        return environment

    monkeypatch.setattr("nitocris.admission.python_version", lambda: None)
    coordinator, access = Coordinator(), new_access()
    server = Server(
        coordinator, access, ready, Job("a test"), "https://tunnel.example", link=lambda: LINK
    )
    port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as http:
        yield Bench(coordinator, access, f"http://127.0.0.1:{port}", http)
    coordinator.close()
    await server.stop()


ROUTES = [
    ("GET", "/api/stats"),
    ("GET", "/api/link"),
    ("GET", "/metrics"),
    ("POST", "/api/workers/1/dismiss"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("token", ["", "wrong", "x" * 22, "\u00fc"])
async def test_without_the_token_nothing_is_told(
    bench: Bench, method: str, path: str, token: str
) -> None:
    """Nor done; one sentence says where the right token is."""
    status, text, headers = await bench.ask(path, token, method)

    assert status == 401
    assert text == "The owner's token is missing or wrong: use the one of d.dashboard_url.\n"
    assert headers["WWW-Authenticate"] == "Bearer"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("role", ["volunteer", "worker"])
async def test_the_other_tokens_open_other_doors(
    bench: Bench, method: str, path: str, role: str
) -> None:
    """A volunteer sees no addresses of others, and sends nobody away."""
    status, text, _ = await bench.ask(path, getattr(bench.access, role), method)

    assert status == 403
    assert text == "This token is not the owner's: use the one of d.dashboard_url.\n"


@pytest.mark.parametrize("path", ["/api/environment", "/api/job", "/blobs/ab"])
async def test_the_owners_token_opens_no_other_door(bench: Bench, path: str) -> None:
    """Each role has its own."""
    assert (await bench.ask(path))[0] == 401


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("GET", "/owner")])
async def test_other_web_pages_are_not_heard(bench: Bench, method: str, path: str) -> None:
    """Not with a rebound name, and not from another origin, even with the right token."""
    rebound, _, _ = await bench.ask(path, None, method, Host="attacker.example")
    foreign, _, headers = await bench.ask(path, None, method, Origin="https://attacker.example")

    assert (rebound, foreign) == (421, 403)
    assert not [name for name in headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_page_may_ask_beforehand(bench: Bench, method: str, path: str) -> None:
    """A browser asks before it sends a token elsewhere, and is given no leave."""
    preflight = {
        "Origin": "https://attacker.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization",
    }
    status, _, headers = await bench.ask(path, "", "OPTIONS", **preflight)

    assert status == 403
    assert not [name for name in headers if name.startswith("Access-Control")]


async def test_statistics_and_link_are_told_to_the_owner(bench: Bench) -> None:
    """And kept by no cache."""
    socket = await bench.join()
    await bench.coordinator.devices.wait_for_capacity(2)

    status, text, headers = await bench.ask("/api/stats")
    link = json.loads((await bench.ask("/api/link"))[1])
    await socket.close()

    (worker,) = json.loads(text)["workers"]
    assert status == 200
    assert (worker["number"], worker["kind"], worker["address"]) == (1, "native", "127.0.0.1")
    assert headers["Content-Type"].startswith("application/json")
    assert headers["Cache-Control"] == "no-store"
    assert link["url"] == LINK
    assert link["qr"].startswith("data:image/svg+xml")


async def test_there_may_be_no_link_for_volunteers(bench: Bench) -> None:
    """With `results="pickle"`."""
    server = Server(bench.coordinator, bench.access, None, Job("a test"), None)  # type: ignore[arg-type]  # nobody asks for it
    port = await server.start("127.0.0.1", 0)
    bench.base = f"http://127.0.0.1:{port}"

    _, text, _ = await bench.ask("/api/link")
    await server.stop()

    assert json.loads(text) == {"url": None, "qr": None}


async def test_prometheus_reads_the_metrics(bench: Bench) -> None:
    """In the format that the content type names."""
    _, text, headers = await bench.ask("/metrics")

    names = {family.name for family in text_string_to_metric_families(text)}
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert {"nitocris_items_done", "nitocris_workers"} <= names


async def test_a_dismissed_device_is_told_and_gone(bench: Bench) -> None:
    """With the code and the reason after which it stays away; nobody is dismissed twice."""
    socket = await bench.join()
    await bench.coordinator.devices.wait_for_capacity(2)

    first, _, _ = await bench.ask("/api/workers/1/dismiss", method="POST")
    while (message := await socket.receive(timeout=10)).type is aiohttp.WSMsgType.BINARY:
        pass
    while bench.coordinator.devices:
        await asyncio.sleep(0)
    second, text, _ = await bench.ask("/api/workers/1/dismiss", method="POST")

    assert first == 204
    assert (message.data, message.extra) == (protocol.CLOSE_DISMISSED, BY_OWNER)
    assert bench.coordinator.capacity == 0
    assert (second, text) == (404, "Worker 1 is not connected (any more).\n")


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("HEAD", 405), ("PUT", 405)])
async def test_only_a_post_sends_away(bench: Bench, method: str, status: int) -> None:
    """A link that somebody opens, or a picture that a page shows, does nothing."""
    assert (await bench.ask("/api/workers/1/dismiss", method=method))[0] == status


async def test_the_page_may_load_nothing_from_elsewhere(bench: Bench) -> None:
    """It has no frames, no workers, no inline scripts, and tells nobody where it was."""
    status, text, headers = await bench.ask("/owner", "")

    assert status == 200
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    assert headers["Referrer-Policy"] == "no-referrer"
    assert bench.access.owner not in text


def test_the_link_is_the_owners_and_told_once(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It is printed beside the other link, and is the same for a day; no log has the token."""
    caplog.set_level(logging.DEBUG)
    with DistributedExecution(host="127.0.0.1", title="a test") as d:
        base, _, token = d.dashboard_url.partition("/owner#")
        request = urllib.request.Request(
            f"{base}/api/stats", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request) as response:
            stats = json.load(response)
        seen, shown = capsys.readouterr().err, repr(d)
        link = d.dashboard_url
    with DistributedExecution(host="127.0.0.1", progress=False) as again:
        assert again.dashboard_url == link

    (line,) = [line for line in seen.splitlines() if token in line]
    assert line == f"Nitocris: for you alone, to watch and to send devices away: {link}"
    assert token not in shown + caplog.text + json.dumps(stats)
    assert stats["title"] == "a test"


def test_prometheus_costs_those_nothing_who_do_not_use_it() -> None:
    """Its client is imported when somebody asks for the metrics."""
    program = (
        "import sys; from nitocris import DistributedExecution\n"
        "with DistributedExecution(host='127.0.0.1', progress=False): "
        "print('prometheus_client' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"


def test_a_dismissed_local_worker_is_not_started_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of it is left, and the owner is told."""
    with DistributedExecution(host="127.0.0.1", local_workers=1) as d:
        d.wait_for_workers(1, timeout=30)
        child = d.map(lambda _: __import__("os").getpid(), [0])[0]
        base, _, token = d.dashboard_url.partition("/owner#")
        urllib.request.urlopen(
            urllib.request.Request(
                f"{base}/api/workers/1/dismiss",
                method="POST",
                headers={"Authorization": f"Bearer {token}"},
            )
        ).close()

        assert d.stats().workers == ()
        while is_alive(child):
            time.sleep(0.01)
    assert "was sent away and is not started again" in capsys.readouterr().err


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
