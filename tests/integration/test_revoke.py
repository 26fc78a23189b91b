"""`revoke`: a new link, and nobody comes by the old one."""

from __future__ import annotations

import asyncio
from functools import partial

import aiohttp
import pytest

from nitocris import DistributedExecution, RefusedError, links, protocol
from nitocris.admission import REVOKED
from nitocris.worker.native import NativeWorker

Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


async def greet(socket: aiohttp.ClientWebSocketResponse, token: str) -> protocol.FromCoordinator:
    hello = protocol.Hello(protocol.PROTOCOL_VERSION, token, "browser", 0)
    await socket.send_bytes(protocol.encode(hello))
    return await heard(socket)


async def heard(socket: aiohttp.ClientWebSocketResponse) -> protocol.FromCoordinator:
    message, _ = protocol.decode_from_coordinator(await socket.receive_bytes(timeout=10))
    return message


async def test_revoked_links_are_refused_and_their_devices_sent_away() -> None:
    """With a sentence; the new link is remembered, and local workers go on."""
    with Execution(local_workers=1) as d:
        base, _, old = d.url.partition("/#")
        old_worker, dashboard = d.worker_url, d.dashboard_url
        async with aiohttp.ClientSession() as http:
            connect = partial(http.ws_connect, f"{base}/socket")
            async with connect() as before:
                assert isinstance(await greet(before, old), protocol.Welcome)
                native = asyncio.create_task(NativeWorker(old_worker, 1).run())
                await asyncio.to_thread(d.wait_for_workers, 2)
                workers = {worker.number for worker in d.stats().workers}

                await asyncio.to_thread(d.revoke)

                while (goodbye := await heard(before)) != REVOKED:
                    assert isinstance(goodbye, protocol.Progress)
                closing = await before.receive(timeout=10)
                assert closing.type is aiohttp.WSMsgType.CLOSE
                assert closing.data == protocol.CLOSE_REFUSED
            with pytest.raises(RefusedError, match="The owner has replaced this link"):
                await native
            async with connect() as late:
                assert await greet(late, old) == REVOKED
            refused = {"Authorization": f"Bearer {old}"}
            async with http.get(f"{base}/api/job", headers=refused) as response:
                assert response.status == 401
            async with connect() as new:
                assert isinstance(await greet(new, d.url.partition("/#")[2]), protocol.Welcome)
        (local,) = [worker for worker in d.stats().workers if worker.kind == "native"]
        computed = d.map(abs, [-1])
        remembered = links.recall(links.this_owner())

        assert local.number in workers
        assert computed == [1]
        assert d.dashboard_url == dashboard
        assert remembered is not None
        assert d.url.endswith(f"/#{remembered.volunteer}")
        assert d.worker_url.endswith(f"/worker#{remembered.worker}")
        assert remembered.volunteer != old
