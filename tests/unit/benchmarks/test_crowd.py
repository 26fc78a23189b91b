"""The frames that simulated clients make by hand."""

from __future__ import annotations

import pytest

from benchmarks.crowd import BINARY, masked, websocket_frame


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frames_are_read_when_they_are_whole(size: int) -> None:
    length = (
        bytes([size])
        if size < 126
        else b"\x7e" + size.to_bytes(2)
        if size < 65_536
        else b"\x7f" + size.to_bytes(8)
    )
    frame = bytes([BINARY]) + length + bytes(size)

    for end in {1, 2, len(frame) - 1} - {len(frame)}:
        assert websocket_frame(bytearray(b"..." + frame[:end]), 3) is None
    assert websocket_frame(bytearray(b"..." + frame + b"more"), 3) == (
        BINARY,
        bytes(size),
        3 + len(frame),
    )


@pytest.mark.parametrize(("size", "head"), [(125, b"\x82\xfd"), (126, b"\x82\xfe\x00\x7e")])
def test_masks_are_zeros(size: int, head: bytes) -> None:
    body = b"x" * size

    assert masked(BINARY, body) == head + bytes(4) + body
