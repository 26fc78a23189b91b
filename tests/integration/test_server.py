"""The server on a real port: who is heard, who is refused, and how."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from nitocris import protocol
from nitocris.bundle import worker_bundle
from nitocris.bytecode import compiled_wheel
from nitocris.coordinator import Coordinator
from nitocris.environment import PAGE, Environment, python_version
from nitocris.errors import PackageError, PortInUseError
from nitocris.function import encode_function
from nitocris.job import Job, MappedFunction
from nitocris.links import Access, new_access
from nitocris.packages import Wheel
from nitocris.server import Server
from nitocris.server_limits import ServerLimits
from tests.support.wheels import write_wheel


@dataclass
class Bench:
    """A running server and what a client needs to reach it."""

    server: Server
    coordinator: Coordinator
    environment: Environment
    access: Access
    base: str
    http: aiohttp.ClientSession

    async def ready(self) -> Environment:
        return self.environment

    def bearer(self, token: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.access.volunteer}"}

    async def greet(self, frame: bytes) -> protocol.FromCoordinator:
        """Opens a socket, sends a first frame, and returns what comes back."""
        async with self.http.ws_connect(f"{self.base}/socket") as socket:
            await socket.send_bytes(frame)
            message, _ = protocol.decode_from_coordinator(await socket.receive_bytes(timeout=10))
            return message


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    coordinator = Coordinator()
    write_wheel(tmp_path, "tool", "1.0", source=f"# {'x' * 20_000}")
    copy = compiled_wheel(next(tmp_path.glob("*.whl")), "the wheel", tmp_path / "cache")
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    wheel = Wheel("tool", "1.0", "tool-1.0-py3-none-any.whl", copy, copy.stat().st_size, digest)
    environment = Environment("a test", [wheel])

    async def ready() -> Environment:
        return environment

    access = new_access()
    server = Server(coordinator, access, ready, Job("a test"), "https://tunnel.example")
    port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as http:
        yield Bench(server, coordinator, environment, access, f"http://127.0.0.1:{port}", http)
    coordinator.close()
    await server.stop()


def hello(token: str, kind: str = "browser", **changes: object) -> bytes:
    fields: dict[str, object] = {
        "protocol": protocol.PROTOCOL_VERSION,
        "capacity": 0,
        "python": None,
    } | changes
    return protocol.encode(protocol.Hello(token=token, kind=kind, **fields))  # type: ignore[arg-type]


METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
PATHS = ["/", "/owner", "/sandbox", "/api/environment", "/api/job", "/socket", "/nowhere"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", PATHS)
async def test_a_foreign_host_is_misdirected(bench: Bench, method: str, path: str) -> None:
    """DNS rebinding ends at the Host check, whatever the method and the path."""
    headers = {"Host": "attacker.example"} | bench.bearer()

    async with bench.http.request(method, bench.base + path, headers=headers) as response:
        assert response.status == 421


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://127.0.0.1:1"])
async def test_a_foreign_origin_is_forbidden(
    bench: Bench, method: str, path: str, origin: str
) -> None:
    """A page of another origin, or of a sandboxed frame, is not heard by any method."""
    headers = {"Origin": origin} | bench.bearer()

    async with bench.http.request(method, bench.base + path, headers=headers) as response:
        assert response.status == 403
        assert not [name for name in response.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1",
        "127.0.0.1:1",
        "192.0.2.1:{port}",
        "evil@127.0.0.1:{port}",
        "127.0.0.1:{port}/x",
        "[::1",
        "localhost.attacker.example:{port}",
        "127.0.0.1:{port}x",
    ],
)
async def test_a_host_must_be_ours_to_the_letter(bench: Bench, host: str) -> None:
    """Near misses of the right name are foreign too."""
    host = host.replace("{port}", bench.base.rpartition(":")[2])

    async with bench.http.get(bench.base, headers={"Host": host}) as response:
        assert response.status in (400, 421)


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "tunnel.example"])
async def test_our_own_names_are_heard(bench: Bench, host: str) -> None:
    """The address itself, localhost, and the public URL's host are ours, with their origins."""
    host = host.replace("{port}", bench.base.rpartition(":")[2])
    headers = {"Host": host, "Origin": f"https://{host}"} | bench.bearer()

    async with bench.http.get(f"{bench.base}/api/environment", headers=headers) as response:
        assert response.status == 200


@pytest.mark.parametrize("path", ["/api/environment", "/api/job", "/wheels/ab", "/blobs/ab"])
@pytest.mark.parametrize("token", ["", "x" * 22, "wrong"])
async def test_what_is_the_owners_needs_a_token(bench: Bench, path: str, token: str) -> None:
    """Without the link nobody learns what is computed."""
    headers = {"Authorization": f"Bearer {token}"}

    async with bench.http.get(bench.base + path, headers=headers) as response:
        assert response.status == 401


async def test_the_environment_describes_what_a_device_needs(bench: Bench) -> None:
    """Each file is named with the hash that its bytes have."""
    async with bench.http.get(f"{bench.base}/api/environment", headers=bench.bearer()) as response:
        description = await response.json()
    async with bench.http.get(bench.base + description["bundle"]["url"]) as response:
        bundle = await response.read()

    assert description["title"] == "a test"
    assert description["python"] == python_version()
    assert description["bundle"]["sha256"] == hashlib.sha256(bundle).hexdigest()
    assert bundle == worker_bundle()


@pytest.mark.parametrize("accepted", ["gzip, deflate", "identity"])
async def test_a_wheel_travels_compressed_where_the_browser_takes_it(
    bench: Bench, accepted: str
) -> None:
    """What arrives is the wheel that was described, and what travelled as much as was said."""
    described = json.loads(bench.environment.text)["wheels"][0]
    headers = bench.bearer() | {"Accept-Encoding": accepted}

    async with bench.http.get(bench.base + described["url"], headers=headers) as response:
        travelled = int(response.headers["Content-Length"])
        wheel = await response.read()

    assert hashlib.sha256(wheel).hexdigest() == described["sha256"]
    assert len(wheel) == described["size"]
    expected = described["transfer"] if "gzip" in accepted else described["size"]
    assert travelled == expected
    assert described["transfer"] < described["size"] / 2


@pytest.mark.parametrize("token", ["volunteer", "worker"])
async def test_the_job_tells_what_runs(bench: Bench, token: str) -> None:
    """To whoever has one of the links, as it is now."""
    number = await bench.coordinator.start_map(
        encode_function(abs),
        None,
        lambda _: None,
        mapped=MappedFunction("abs", None),
        total=10,
        chunk_size=1,
        timeout=10.0,
    )
    bearer = bench.bearer(getattr(bench.access, token))

    async with bench.http.get(f"{bench.base}/api/job", headers=bearer) as response:
        headers, during = response.headers, await response.json()
    bench.coordinator.cancel_map(number)
    async with bench.http.get(f"{bench.base}/api/job", headers=bearer) as response:
        after = await response.json()

    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert during == {
        "title": "a test",
        "description": None,
        "functions": [{"map": number, "name": "abs", "source": None}],
        "devices": 0,
        "progress": {"done": 0, "total": 10, "rate": 0.0, "remaining": None},
    }
    assert after == during | {"functions": [], "progress": None}


async def test_packages_that_cannot_be_had_are_explained(bench: Bench) -> None:
    """A page is told in words why it cannot take part."""

    async def missing() -> Environment:
        raise PackageError("there is no package 'nunpy'")

    server = Server(bench.coordinator, bench.access, missing, Job("a test"), None)
    port = await server.start("127.0.0.1", 0)

    url = f"http://127.0.0.1:{port}/api/environment"
    async with bench.http.get(url, headers=bench.bearer()) as response:
        status, answer = response.status, await response.json()
    await server.stop()

    assert (status, answer) == (503, {"error": "there is no package 'nunpy'"})


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2findex.html",
        "/assets/.hidden",
        "/runtime/..%2f..%2f/index.json",
        "/runtime/0.25.1/..%2f..%2findex.html",
        "/bundle/" + "0" * 64,
        "/..%2f..%2fetc/passwd",
    ],
)
async def test_only_the_page_s_own_files_are_served(bench: Bench, path: str) -> None:
    """No path leads out of the page's folders."""
    import yarl

    async with bench.http.get(yarl.URL(bench.base + path, encoded=True)) as response:
        assert response.status in (404, 503)


async def test_scripts_travel_compressed_and_are_kept(bench: Bench) -> None:
    """A volunteer on a slow connection waits for a third of the bytes, and once."""
    script = next((PAGE / "assets").glob("page-*.js"))
    async with bench.http.get(f"{bench.base}/assets/{script.name}") as response:
        content = await response.read()

    assert content == script.read_bytes()
    assert response.headers["Content-Encoding"] in ("gzip", "deflate")
    assert "immutable" in response.headers["Cache-Control"]


async def test_answers_carry_no_cookie_and_forbid_sniffing(bench: Bench) -> None:
    """Every answer, also an error, has the security headers."""
    for path in ("/", "/nowhere", "/api/environment"):
        async with bench.http.get(bench.base + path) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert "Set-Cookie" not in response.headers


async def test_a_volunteer_is_welcome(bench: Bench) -> None:
    """The right token in the first message is all it takes."""
    answer = await bench.greet(hello(bench.access.volunteer))

    assert isinstance(answer, protocol.Welcome)
    assert answer.environment == bench.environment.sha256


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (lambda access: hello("x" * 22), "token"),
        (lambda access: hello(""), "token"),
        (lambda access: hello("é" * 22), "token"),
        (lambda access: hello(access.volunteer, "native", python=python_version()), "role"),
        (lambda access: hello(access.worker, "native", python="2.7"), "python"),
        (lambda access: hello(access.worker, "native"), "python"),
        (
            lambda access: hello(access.volunteer, protocol=protocol.PROTOCOL_VERSION + 1),
            "protocol",
        ),
        (lambda access: protocol.encode(protocol.Ping()), "malformed"),
        (lambda access: b"\x80\x05nonsense", "malformed"),
        (lambda access: b"", "malformed"),
    ],
)
async def test_a_wrong_hello_is_refused_with_a_reason(
    bench: Bench, frame: object, code: str
) -> None:
    """Whoever is refused learns why, and what would be accepted."""
    assert callable(frame)

    answer = await bench.greet(frame(bench.access))

    assert isinstance(answer, protocol.Refused)
    assert answer.code == code
    assert answer.message


async def test_a_native_worker_with_the_volunteers_link_learns_what_it_needs(bench: Bench) -> None:
    """A stranger's link must not make anybody run native code, and says so."""
    answer = await bench.greet(hello(bench.access.volunteer, "native", python=python_version()))

    assert isinstance(answer, protocol.Refused)
    assert "d.worker_url" in answer.message


async def test_another_python_is_told_which_one_to_use(bench: Bench) -> None:
    """The refusal names both versions."""
    answer = await bench.greet(hello(bench.access.worker, "native", python="3.99"))

    assert isinstance(answer, protocol.Refused)
    assert "3.99" in answer.message
    assert f"with Python {python_version()}" in answer.message


async def test_a_browser_waits_when_all_places_are_taken(bench: Bench) -> None:
    """It is told so; the owner's own workers have a place, and the next one is free again."""
    server = Server(
        bench.coordinator, bench.access, bench.ready, Job("a test"), None, max_devices=1
    )
    port = await server.start("127.0.0.1", 0)
    full = replace(bench, base=f"http://127.0.0.1:{port}")
    async with bench.http.ws_connect(f"{full.base}/socket") as socket:
        await socket.send_bytes(hello(bench.access.volunteer))
        await socket.receive_bytes(timeout=10)
        second = await full.greet(hello(bench.access.volunteer))
        with_the_worker_link = await full.greet(hello(bench.access.worker))
        native = await full.greet(hello(bench.access.worker, "native", python=python_version()))
    while bench.coordinator.devices:
        await asyncio.sleep(0.001)
    third = await full.greet(hello(bench.access.volunteer))
    await server.stop()

    assert isinstance(second, protocol.Refused)
    assert (second.code, second.message[:20]) == ("full", "All places are taken")
    assert with_the_worker_link == second
    assert isinstance(native, protocol.Welcome)
    assert isinstance(third, protocol.Welcome)


async def test_silence_is_ended(bench: Bench) -> None:
    """A socket that never says hello is closed by the deadline."""
    limits = ServerLimits(waiting_seconds=0.05)
    server = Server(
        bench.coordinator, bench.access, bench.ready, Job("a test"), None, limits=limits
    )
    port = await server.start("127.0.0.1", 0)

    async with bench.http.ws_connect(f"http://127.0.0.1:{port}/socket") as socket:
        message, _ = protocol.decode_from_coordinator(await socket.receive_bytes(timeout=10))
        assert isinstance(message, protocol.Refused)
        assert message.code == "late"
        assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == protocol.CLOSE_REFUSED
    await server.stop()


async def test_a_device_that_leaves_before_its_hello_is_no_news(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """It broke no rule, so the owner's terminal stays quiet."""
    async with bench.http.ws_connect(f"{bench.base}/socket"):
        pass
    while bench.server._sockets._connections:
        await asyncio.sleep(0.001)

    assert not caplog.records


async def test_text_messages_are_not_understood(bench: Bench) -> None:
    """An admitted device that breaks the protocol is sent away."""
    async with bench.http.ws_connect(f"{bench.base}/socket") as socket:
        await socket.send_bytes(hello(bench.access.volunteer))
        await socket.receive_bytes(timeout=10)
        await socket.receive_bytes(timeout=10)
        await socket.send_str("hello?")
        assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_a_browser_is_told_how_far_the_maps_are(bench: Bench) -> None:
    """Right after its welcome, and again when another device has come."""
    async with bench.http.ws_connect(f"{bench.base}/socket") as socket:
        await socket.send_bytes(hello(bench.access.volunteer))
        messages = [
            protocol.decode_from_coordinator(await socket.receive_bytes(timeout=10))[0]
            for _ in range(2)
        ]
        async with bench.http.ws_connect(f"{bench.base}/socket") as other:
            await other.send_bytes(hello(bench.access.worker, "native", python=python_version()))
            later, _ = protocol.decode_from_coordinator(await socket.receive_bytes(timeout=10))

    assert isinstance(messages[0], protocol.Welcome)
    assert messages[1] == protocol.Progress(1, 0, 0.0, 0)
    assert later == protocol.Progress(2, 0, 0.0, 0)


async def test_pings_are_answered(bench: Bench) -> None:
    """A device can tell a quiet coordinator from a dead one."""
    async with bench.http.ws_connect(f"{bench.base}/socket") as socket:
        await socket.send_bytes(hello(bench.access.volunteer))
        await socket.receive_bytes(timeout=10)
        await socket.receive_bytes(timeout=10)
        await socket.send_bytes(protocol.encode(protocol.Ping()))
        message, _ = protocol.decode_from_coordinator(await socket.receive_bytes(timeout=10))

    assert message == protocol.Pong()


async def test_a_taken_port_is_named(bench: Bench) -> None:
    """The error says which port, and how to choose another."""
    port = int(bench.base.rpartition(":")[2])
    other = Server(bench.coordinator, bench.access, bench.ready, Job("a test"), None)

    with pytest.raises(PortInUseError, match=rf"port {port} is in use.*server_port="):
        await other.start("127.0.0.1", port)


async def test_a_second_port_answers_as_well(bench: Bench) -> None:
    """The paper's `websocket_port` reaches the same socket."""
    import socket as sockets

    with sockets.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        further = probe.getsockname()[1]
    other = Server(bench.coordinator, bench.access, bench.ready, Job("a test"), None)
    await other.start("127.0.0.1", 0, further)

    async with bench.http.ws_connect(f"http://127.0.0.1:{further}/socket") as socket:
        await socket.send_bytes(hello(bench.access.volunteer))
        message, _ = protocol.decode_from_coordinator(await socket.receive_bytes(timeout=10))
    await other.stop()

    assert isinstance(message, protocol.Welcome)
