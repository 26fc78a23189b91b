"""Volunteers without a browser: a process with the volunteers' link, honest or not.

python -m tests.support.volunteer LINK ADDRESS HOW...

They come by a proxy that says ADDRESS, or by none where that is empty.  Each HOW is a device that
computes with the real worker core, and says what it makes of the results: "honest", "wrong"
(another value), "raise" (an invented exception).
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

from nitocris import codec, protocol
from nitocris.worker.core import WorkerCore


@contextmanager
def volunteers(link: str, *ways: str, address: str = "") -> Iterator[None]:
    """Has a device of each of these ways in another process, until the block is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.volunteer", link, address, *ways]
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def twisted(way: str, frame: bytes) -> bytes:
    """Returns a result frame as a volunteer of this way sends it."""
    message, payload = protocol.decode_from_worker(frame)
    if way == "honest" or not isinstance(message, protocol.Result):
        return frame
    decoded: Any = codec.decode(payload, codec.Registry(()))
    values, failures = decoded
    if way == "wrong":
        values = ["a lie"] * len(values)
        return protocol.encode(message, codec.encode((values, failures)))
    last = len(values) - 1
    lie = protocol.Result(message.lease, message.offset, len(values), 1, True)
    failures = [(last, ValueError("invented"), False)]
    return protocol.encode(lie, codec.encode((values, failures)))


async def volunteer(link: str, address: str, way: str) -> None:
    """Computes until it is sent away."""
    base, _, token = link.partition("/#")
    headers = {"X-Forwarded-For": address} if address else {}
    core = WorkerCore(time.monotonic)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{base}/socket", max_msg_size=0, headers=headers) as socket,
    ):

        async def send(message: protocol.FromWorker) -> None:
            await socket.send_bytes(protocol.encode(message))

        parts: list[bytes | memoryview] = []
        await send(protocol.Hello(protocol.PROTOCOL_VERSION, token, "browser", 0))
        async for received in socket:
            if received.type is not aiohttp.WSMsgType.BINARY:
                break
            frame = received.data
            message, payload = protocol.decode_from_coordinator(frame)
            if isinstance(message, protocol.Part):
                parts.append(payload)
                if not message.last:
                    continue
                frame = b"".join(parts)
                parts.clear()
                message, _ = protocol.decode_from_coordinator(frame)
            match message:
                case protocol.Welcome():
                    await send(protocol.Capacity(1, message.environment))
                case protocol.Cancel():
                    await send(protocol.Cancelled(message.lease))
                case protocol.Map() | protocol.Chunk() | protocol.Forget():
                    core.receive(frame, [])
                    while frame := core.step():
                        await socket.send_bytes(twisted(way, frame))


async def main(link: str, address: str, *ways: str) -> None:
    """Has a device of each of these ways."""
    await asyncio.gather(*(volunteer(link, address, way) for way in ways))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
