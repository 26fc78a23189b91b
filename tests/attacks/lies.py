"""Devices that take chunks and answer with what is no result, in twelve ways."""

from __future__ import annotations

import pickle
import random

import aiohttp

from nitocris import codec, protocol

from .floods import Target

_HUGE = bytes.fromhex("ffffffffffffffff7f")
"""The count 2**63 - 1."""
_HONEST = codec.encode(([1], []))


def _array(dtype: bytes, shape: str, data: bytes) -> bytes:
    head = b"\x01\x40\x00" + bytes([len(dtype)]) + dtype + b"\x00" + bytes.fromhex(shape)
    return head + bytes(-len(head) % 8) + data


def _flood() -> bytes:
    """Returns a set of numbers that all have one hash."""
    return b"\x01\x23" + codec.encode([k * (2**61 - 1) for k in range(20_000)])[2:]


HOSTILE_RESULTS: dict[str, bytes] = {
    "a pickle": pickle.dumps(([1], [])),
    "a count that is a lie": b"\x01\x20\x00" + _HUGE,
    "brackets without end": b"\x01" + b"\x20\x00\x01" * 100_000,
    "300,000 values": b"\x01\x20\x00\xe0\xa7\x12" + bytes(300_000),
    "a flood of hashes": _flood(),
    "pointers": _array(b"|O8", "01 01", bytes(8)),
    "a shape that overflows": _array(b"<f8", f"03 {_HUGE.hex()} {_HUGE.hex()} 00", b""),
    "a class of nobody": bytes.fromhex("01 30 00 02 6f 73 00"),
    "a megabyte of noise": b"\x01" + random.Random(1).randbytes(1_000_000),
    "half of a result": _HONEST[:-3],
    "more than was asked for": codec.encode(([1, 1, 1], [])),
    "an exception of nobody": codec.encode(([1], [(0, "ValueError", False)])),
}


async def lie(target: Target, rounds: int) -> int:
    """Answers each chunk with the next hostile result, so often with each of them.

    It joins again whenever it is sent away.

    Returns:
        How often it was.
    """
    sent_away = 0
    left = list(HOSTILE_RESULTS.items()) * rounds
    async with aiohttp.ClientSession() as http:
        while left:
            async with http.ws_connect(target.socket, max_msg_size=0) as socket:
                await socket.send_bytes(target.hello())
                async for message in socket:
                    header, _ = protocol.decode_from_coordinator(message.data)
                    if isinstance(header, protocol.Welcome):
                        capacity = protocol.Capacity(1, header.environment)
                        await socket.send_bytes(protocol.encode(capacity))
                    elif isinstance(header, protocol.Chunk) and left:
                        name, payload = left.pop()
                        raised = int(name == "an exception of nobody")
                        result = protocol.Result(header.lease, 0, 1, raised, True)
                        await socket.send_bytes(protocol.encode(result, payload))
                sent_away += socket.close_code == protocol.CLOSE_BAD_RESULTS
    return sent_away
