"""Each limit of the server at its edge: the value itself is allowed, one more is not."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeAlias

import aiohttp
import pytest
import pytest_asyncio

from nitocris import ServerLimits, protocol
from nitocris.addresses import Proxies
from nitocris.coordinator import Coordinator
from nitocris.environment import Environment, runtimes
from nitocris.job import Job
from nitocris.links import Access, new_access
from nitocris.server import Server
from nitocris.tls import server_context
from tests.attacks.floods import masked, upgrade
from tests.support.certificates import make_certificate

RSV1 = 0x40
"""The bit of a WebSocket frame that says that it is compressed."""
REQUEST = b"GET /worker HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"


@dataclass
class Bench:
    """A server with limits, and how to reach it."""

    access: Access
    coordinator: Coordinator
    server: Server
    port: int
    http: aiohttp.ClientSession
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def connect(
        self, tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls)
        self.writers.append(writer)
        return reader, writer

    async def ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fields: bytes = b""
    ) -> bytes:
        """Sends a whole request, and returns the first line of the answer; empty if none came."""
        with contextlib.suppress(ConnectionError):
            writer.write(REQUEST % self.port + fields + b"\r\n")
            return await reader.readline()
        return b""

    @contextlib.asynccontextmanager
    async def joined(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with self.http.ws_connect(f"{self.base}/socket", max_msg_size=0) as socket:
            await socket.send_bytes(self.hello())
            message, _ = protocol.decode_from_coordinator(await socket.receive_bytes(timeout=10))
            assert isinstance(message, protocol.Welcome)
            yield socket

    def hello(self, token: str | None = None) -> bytes:
        token = self.access.volunteer if token is None else token
        return protocol.encode(protocol.Hello(protocol.PROTOCOL_VERSION, token, "browser", 0))


Open: TypeAlias = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Open]:
    @contextlib.asynccontextmanager
    async def open_(
        proxies: Proxies | None = None, tls: ssl.SSLContext | None = None, **limits: float
    ) -> AsyncIterator[Bench]:
        chosen = ServerLimits(**limits)  # type: ignore[arg-type]
        coordinator, access = Coordinator(limits=chosen), new_access()
        environment = Environment("a test")

        async def ready() -> Environment:
            return environment

        server = Server(
            *(coordinator, access, ready, Job("a test"), None),
            limits=chosen,
            proxies=proxies,
            tls=tls,
        )
        port = await server.start("127.0.0.1", 0)
        async with aiohttp.ClientSession() as http:
            bench = Bench(access, coordinator, server, port, http)
            try:
                yield bench
            finally:
                for writer in bench.writers:
                    writer.transport.abort()
                coordinator.close()
                await server.stop()

    yield open_


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """Reads until the other end has closed."""
    async for _ in socket:
        pass
    return socket.close_code


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
async def test_connections(serve: Open, limit: str) -> None:
    """One too many is closed unheard; its place is free when another one leaves."""
    async with serve(**{limit: 2}) as bench:
        first, second, third = [await bench.connect() for _ in range(3)]

        assert await third[0].read() == b""
        assert await bench.ask(*second) == b"HTTP/1.1 200 OK\r\n"
        first[1].close()
        while len(bench.server._door._visitors) > 1:
            await asyncio.sleep(0)
        assert await bench.ask(*await bench.connect()) == b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Returns what a server says of itself, and a client that believes it."""
    made = make_certificate(tmp_path_factory.mktemp("certificates"))
    context = server_context(made.certfile, made.keyfile)
    assert context
    return context, ssl.create_default_context(cafile=made.authority)


Tls: TypeAlias = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
async def test_handshakes_of_tls(serve: Open, tls: Tls, limit: str) -> None:
    """Those that have said nothing count like all others, before anything is computed for them."""
    context, client = tls
    async with serve(tls=context, waiting_seconds=100.0, **{limit: 2}) as bench:
        first, _, third = [await bench.connect() for _ in range(3)]

        assert await third[0].read() == b""
        first[1].close()
        while len(bench.server._door._visitors) > 1:
            await asyncio.sleep(0)
        assert await bench.ask(*await bench.connect(client)) == b"HTTP/1.1 200 OK\r\n"


async def test_handshakes_of_tls_that_wait(serve: Open, tls: Tls) -> None:
    """The oldest one makes room, and each has its time only; the others are not disturbed."""
    context, client = tls
    async with serve(tls=context, waiting=2, waiting_seconds=0.5) as bench:
        busy = await bench.connect(client)
        assert await bench.ask(*busy) == b"HTTP/1.1 200 OK\r\n"
        oldest, older, newest = [await bench.connect() for _ in range(3)]

        assert await oldest[0].read() == b""
        assert len(bench.server._door._visitors) == 3
        assert await older[0].read() == b""
        assert await newest[0].read() == b""
        assert await bench.ask(*await bench.connect(client)) == b"HTTP/1.1 200 OK\r\n"
        busy[1].write(REQUEST % bench.port + b"\r\n")
        assert (await busy[0].readuntil(b"HTTP/1.1 200 OK")).count(b"native") == 1


async def test_what_is_no_tls_is_ended(
    serve: Open, tls: Tls, caplog: pytest.LogCaptureFixture
) -> None:
    """Quietly: port scanners come by all the time."""
    async with serve(tls=tls[0]) as bench:
        assert await bench.ask(*await bench.connect()) == b""
        while bench.server._door._visitors:
            await asyncio.sleep(0)

    assert caplog.messages == []


async def test_connections_of_an_address_behind_a_proxy(serve: Open) -> None:
    """Those that the proxy names are counted, and not the proxy itself."""
    async with serve(Proxies(["127.0.0.1"]), connections_per_address=1) as bench:

        def socket(address: str) -> aiohttp.client._WSRequestContextManager:
            headers = {"X-Forwarded-For": address}
            return bench.http.ws_connect(f"{bench.base}/socket", headers=headers)

        async with socket("192.0.2.1"):
            async with socket("192.0.2.2"):
                pass
            with pytest.raises(aiohttp.WSServerHandshakeError) as error:
                await socket("192.0.2.1")

    assert error.value.status == 429


async def test_those_who_wait(serve: Open) -> None:
    """The one that has waited longest makes room; who has asked something does not wait."""
    async with serve(waiting=2) as bench:
        busy = await bench.connect()
        assert await bench.ask(*busy) == b"HTTP/1.1 200 OK\r\n"
        oldest, older, newest = [await bench.connect() for _ in range(3)]

        assert await oldest[0].read() == b""
        assert await bench.ask(*older) == b"HTTP/1.1 200 OK\r\n"
        assert await bench.ask(*newest) == b"HTTP/1.1 200 OK\r\n"
        busy[1].write(REQUEST % bench.port + b"\r\n")
        assert (await busy[0].readuntil(b"HTTP/1.1 200 OK")).count(b"native") == 1


async def test_how_long_they_wait(serve: Open) -> None:
    """A byte now and then does not put it off; a whole request does."""
    async with serve(waiting_seconds=0.3) as bench:
        reader, writer = await bench.connect()
        trickle = asyncio.create_task(_trickle(writer))

        # A byte that arrives while it is closed makes that a reset.
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        trickle.cancel()


async def _trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.01)


async def test_the_second_request_has_a_deadline_as_well(serve: Open) -> None:
    """Its bytes are counted from the first one on."""
    async with serve(waiting_seconds=0.3) as bench:
        reader, writer = await bench.connect()
        await bench.ask(reader, writer)
        writer.write(b"G")

        await reader.read()


async def test_the_size_of_a_request(serve: Open) -> None:
    """To the byte; the answer says what is too large."""
    bare = len(REQUEST % 12345) + len(b"X: \r\n\r\n")
    async with serve(header_bytes=bare + 100) as bench:
        spare = 100 + len("12345") - len(str(bench.port))
        allowed = await bench.ask(*await bench.connect(), b"X: %b\r\n" % (b"x" * spare))
        refused = await bench.ask(*await bench.connect(), b"X: %b\r\n" % (b"x" * (spare + 1)))

    assert allowed == b"HTTP/1.1 200 OK\r\n"
    assert refused == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"


async def test_the_size_of_a_hello(serve: Open) -> None:
    """Before anybody has said who they are, little is read."""
    async with serve(hello_bytes=1000) as bench:
        for size, expected in [(1000, "token"), (1001, "malformed"), (100_000, None)]:
            hello = bench.hello("wrong")
            async with bench.http.ws_connect(f"{bench.base}/socket") as socket:
                await socket.send_bytes(hello + bytes(size - len(hello)))
                answer = await socket.receive(timeout=10)
                code = None
                if answer.type is aiohttp.WSMsgType.BINARY:
                    message, _ = protocol.decode_from_coordinator(answer.data)
                    assert isinstance(message, protocol.Refused)
                    code = message.code
                assert code == expected


@pytest.mark.parametrize("message", [protocol.Ping(), protocol.Result(7, 0, 1, 0, True)])
async def test_the_size_of_what_answers_no_lease(serve: Open, message: protocol.FromWorker) -> None:
    """Whatever kind of message it is."""
    async with serve(control_bytes=1000) as bench, bench.joined() as socket:
        await socket.send_bytes(protocol.encode(message, bytes(1000)))
        await socket.send_bytes(protocol.encode(protocol.Ping()))
        while protocol.decode_from_coordinator(await socket.receive_bytes())[0] != protocol.Pong():
            pass
        await socket.send_bytes(protocol.encode(message, bytes(1001)))

        assert await closed(socket) == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_wrong_tokens(serve: Open) -> None:
    """They are answered for a while only; a neighbour with the right one is let in all the same."""
    async with serve(wrong_tokens=2) as bench:
        url, wrong = f"{bench.base}/api/job", {"Authorization": "Bearer wrong"}
        answers = []
        for _ in range(3):
            async with bench.http.get(url, headers=wrong) as response:
                answers.append(response.status)
        async with bench.http.ws_connect(f"{bench.base}/socket") as socket:
            await socket.send_bytes(bench.hello("wrong"))
            guess = await socket.receive(timeout=10)
        async with bench.joined():
            right = {"Authorization": f"Bearer {bench.access.volunteer}"}
            async with bench.http.get(url, headers=right) as response:
                allowed = response.status
        async with bench.http.get(url) as response:
            without = response.status

    assert answers == [401, 401, 429]
    assert guess.type is aiohttp.WSMsgType.CLOSED
    assert allowed == 200
    assert without == 401  # no guess, so nothing is held against it


async def test_silence(serve: Open) -> None:
    """A device that answers no ping is gone."""
    async with serve(silence_seconds=0.2) as bench:
        url = f"{bench.base}/socket"
        async with bench.http.ws_connect(url, autoping=False) as socket:
            await socket.send_bytes(bench.hello())
            while len(bench.coordinator.devices) != 1:
                await asyncio.sleep(0)
            while bench.coordinator.devices:
                await asyncio.sleep(0.01)


async def test_a_download_that_nobody_reads_is_ended(serve: Open) -> None:
    """Its bytes do not stay in memory for ever."""
    async with serve(stalled_seconds=0.2) as bench:
        _, writer = await bench.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        request = b"GET /runtime/%b/pyodide.asm.wasm HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
        version = next(iter(runtimes().values()))["version"].encode()
        for _ in range(5):
            writer.write(request % (version, bench.port))
        while not bench.server._door._visitors:
            await asyncio.sleep(0)
        while bench.server._door._visitors:
            await asyncio.sleep(0.01)


async def test_compression_is_never_agreed_to(serve: Open) -> None:
    """So no message inflates to more than was sent."""
    async with (
        serve() as bench,
        bench.http.ws_connect(f"{bench.base}/socket", compress=15) as socket,
    ):
        assert socket.compress == 0


async def test_a_compressed_message_ends_the_connection(serve: Open) -> None:
    """It is not looked into: ten kilobytes of it may be ten megabytes."""
    async with serve() as bench:
        bomb = zlib.compress(bytes(10_000_000), wbits=-15)
        reader, writer = await bench.connect()
        await upgrade(reader, writer, f"127.0.0.1:{bench.port}")
        frame = masked(bomb)
        writer.write(bytes([frame[0] | RSV1]) + frame[1:])
        answer = await reader.read()

    assert answer[:4] == b"\x88" + bytes([len(answer) - 2]) + b"\x03\xea"
