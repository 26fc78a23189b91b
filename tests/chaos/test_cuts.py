"""Connections that are cut at every byte of an exchange, in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import cloudpickle
import pytest

from nitocris import DistributedExecution, protocol
from nitocris.links import parse_worker_url
from nitocris.worker.core import WorkerCore

from .fleet import Fleet
from .proxy import Cut, Direction, Proxy
from .remains import remains, serving

cloudpickle.register_pickle_by_value(sys.modules[__name__])


@contextlib.asynccontextmanager
async def behind_a_proxy() -> AsyncIterator[tuple[DistributedExecution, Proxy]]:
    """An execution whose workers come through a proxy."""
    async with Proxy() as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        with DistributedExecution(host="127.0.0.1", public_url=url, progress=False) as d:
            proxy.target = serving(d)._access.port
            yield d, proxy


async def take_part(http: aiohttp.ClientSession, port: int, token: str) -> None:
    """Computes as a native worker does, until a map is over or the connection is.

    Each item is answered by a result of its own, since every look at this clock takes a second.
    """
    core = WorkerCore(partial(next, itertools.count()))
    hello = protocol.Hello(protocol.PROTOCOL_VERSION, token, "native", 1, python())
    with contextlib.suppress(aiohttp.ClientError, ConnectionError):
        async with http.ws_connect(f"http://127.0.0.1:{port}/socket", max_msg_size=0) as socket:
            await socket.send_bytes(protocol.encode(hello))
            async for message in socket:
                received, _ = protocol.decode_from_coordinator(message.data)
                match received:
                    case protocol.Map() | protocol.Chunk():
                        core.receive(message.data)
                        while result := core.step():
                            await socket.send_bytes(result)
                    case protocol.Cancel():
                        cancelled = protocol.Cancelled(received.lease)
                        await socket.send_bytes(protocol.encode(cancelled))
                    case protocol.Forget():
                        return
                    case _:
                        assert isinstance(received, protocol.Welcome)


def python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_cut_at_every_byte(direction: Direction) -> None:
    """Whatever arrived before it, the map is whole, and nothing of the device is left over.

    From the first byte of the HTTP request to the last one of the closing handshake, with an
    orderly end at even offsets and a reset at odd ones.
    """
    async with behind_a_proxy() as (d, proxy), aiohttp.ClientSession() as http:
        for offset in itertools.count():
            cut = Cut(direction, offset, reset=offset % 2 == 1)
            proxy.cuts.append(cut)
            await an_exchange(d, proxy, http)
            if not proxy.made:
                break
            assert proxy.made.pop() == cut

    print(f"{offset} bytes {direction}")
    assert offset > 500


async def an_exchange(d: DistributedExecution, proxy: Proxy, http: aiohttp.ClientSession) -> None:
    """Maps four items by a device that comes through the proxy, and one that comes after it."""
    _, token = parse_worker_url(d.worker_url)
    mapping = asyncio.create_task(
        asyncio.to_thread(partial(d.map, abs, [-1, -2, -3, -4], chunk_size=2))
    )
    await take_part(http, proxy.port, token)
    helping = asyncio.create_task(take_part(http, proxy.target, token))

    assert await mapping == [1, 2, 3, 4]
    helping.cancel()
    await asyncio.gather(helping, return_exceptions=True)
    async with asyncio.timeout(10):
        while serving(d).coordinator.devices:
            await asyncio.sleep(0.001)
    assert remains(d) == {}


CUTS = [
    Cut("up", 100),  # in the HTTP request
    Cut("up", 350, reset=True),
    Cut("down", 250, reset=True),
    Cut("up", 500),
    Cut("down", 400),
    Cut("up", 650, reset=True),
    Cut("down", 700, reset=True),
    Cut("down", 1000),
]


async def test_a_real_worker_comes_back_after_each_cut() -> None:
    """It connects anew again and again, and the map goes on until it is whole."""
    async with behind_a_proxy() as (d, proxy):
        proxy.cuts.extend(CUTS)
        with Fleet(d.worker_url, 1):
            square = partial(d.map, lambda x: x * x, range(100), chunk_size=1)
            results = await asyncio.to_thread(square)

    assert proxy.made == CUTS
    assert results == [x * x for x in range(100)]
