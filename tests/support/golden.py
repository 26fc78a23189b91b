"""Writes `tests/golden/`: one frame of every message, read by the tests of both languages.

Run `python -m tests.support.golden` after a deliberate change of the protocol, and read the diff.
"""

from __future__ import annotations

import json
from pathlib import Path

from nitocris import protocol

FOLDER = Path(__file__).parents[1] / "golden"

BLOB = "ab" * 32
FRAMES: dict[str, tuple[protocol.Message, bytes]] = {
    "hello_browser": (protocol.Hello(protocol.PROTOCOL_VERSION, "x" * 22, "browser", 0), b""),
    "hello_native": (
        protocol.Hello(
            protocol.PROTOCOL_VERSION, "x" * 22, "native", 4, python="3.11", name="Büro ☀"
        ),
        b"",
    ),
    "capacity": (protocol.Capacity(3), b""),
    "capacity_browser": (protocol.Capacity(3, "cd" * 32), b""),
    "result": (protocol.Result(7, 10, 2, 0, True, 0.75, ((0, 0.25), (1, 0.5))), b"\x01values"),
    "result_partial": (
        protocol.Result(2**53 - 1, 0, 1, 0, False, 0.5, ((0, 0.5),)),
        bytes(range(256)),
    ),
    "result_raised": (protocol.Result(7, 10, 3, 2, False, 1.5), b"\x01values and failures"),
    "output": (protocol.Output(7, 3), b"texts"),
    "failed": (protocol.Failed(7, "memory ran out"), b""),
    "cancelled": (protocol.Cancelled(7), b""),
    "returned": (protocol.Returned(7), b""),
    "ping": (protocol.Ping(), b""),
    "ping_measured": (protocol.Ping(0.0421), b""),
    "welcome": (protocol.Welcome(protocol.PROTOCOL_VERSION, 12, "cd" * 32), b""),
    "refused": (protocol.Refused("token", "This link is not valid (any more)."), b""),
    "environment": (protocol.Environment("ef" * 32), b""),
    "map": (protocol.Map(1, (BLOB,)), b"function"),
    "chunk": (protocol.Chunk(7, 1, 10, 12, (), False), b"items"),
    "chunk_blobs": (protocol.Chunk(8, 1, 0, 1, (BLOB, "cd" * 32), False), b""),
    "chunk_piecewise": (protocol.Chunk(9, 1, 3, 5, (), True), b"items"),
    "cancel": (protocol.Cancel(7), b""),
    "forget": (protocol.Forget(1), b""),
    "progress": (protocol.Progress(12, 340, 2.5, 1000, 264.0), b""),
    "progress_unknown": (protocol.Progress(1, 0, 0.0), b""),
    "pong": (protocol.Pong(), b""),
    "part": (protocol.Part(True), b"the end of a frame"),
}


def main() -> None:
    """Writes each frame as `NAME.bin`, and what is in it as `NAME.json`."""
    FOLDER.mkdir(exist_ok=True)
    for name, (message, payload) in FRAMES.items():
        frame = protocol.encode(message, payload)
        length = int.from_bytes(frame[:4], "little")
        header = json.loads(frame[4 : 4 + length])
        (FOLDER / f"{name}.bin").write_bytes(frame)
        described = {"header": header, "payload_hex": payload.hex()}
        (FOLDER / f"{name}.json").write_text(
            json.dumps(described, indent=2, ensure_ascii=False) + "\n"
        )


if __name__ == "__main__":
    main()
