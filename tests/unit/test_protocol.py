"""Frames: the golden ones both ways, and what strangers may send instead."""

from __future__ import annotations

import contextlib
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nitocris import protocol
from nitocris.errors import ProtocolError
from tests.support.golden import FOLDER, FRAMES


def frame_of(header: object, payload: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + bytes(-(4 + len(text)) % 8) + payload


@pytest.mark.parametrize("name", FRAMES)
def test_a_message_is_encoded_as_its_golden_frame(name: str) -> None:
    """The bytes on the wire do not change by accident."""
    message, payload = FRAMES[name]

    assert protocol.encode(message, payload) == (FOLDER / f"{name}.bin").read_bytes()


@pytest.mark.parametrize("name", FRAMES)
def test_a_golden_frame_is_decoded_as_its_message(name: str) -> None:
    """What the other language writes is read as it was meant."""
    message, payload = FRAMES[name]
    frame = (FOLDER / f"{name}.bin").read_bytes()
    from_worker = type(message) in protocol.FROM_WORKER.values()
    decode = protocol.decode_from_worker if from_worker else protocol.decode_from_coordinator

    decoded, rest = decode(frame)

    assert decoded == message
    assert bytes(rest) == payload


def test_every_message_has_a_golden_frame() -> None:
    """A new message cannot be forgotten in the tests of either language."""
    known = {*protocol.FROM_WORKER.values(), *protocol.FROM_COORDINATOR.values()}

    assert {type(message) for message, _ in FRAMES.values()} == known
    assert {path.stem for path in FOLDER.glob("*.bin")} == set(FRAMES)


def test_payloads_start_at_a_multiple_of_eight() -> None:
    """Arrays can be used where they lie in the frame."""
    for message, _ in FRAMES.values():
        assert (len(protocol.encode(message, b"12345678")) - 8) % 8 == 0


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (b"", "too short"),
        (b"\x05\x00", "too short"),
        (struct.pack("<I", 2**32 - 1), "at most 4096"),
        (struct.pack("<I", 100) + b"{}", "ends inside"),
        (frame_of(b"{"), "no JSON"),
        (frame_of(b"\xff\xfe"), "no JSON"),
        (frame_of(b"[" * 4000), "no JSON"),
        (frame_of([]), "no JSON object"),
        (frame_of({}), "unknown message type"),
        (frame_of({"type": 5}), "unknown message type"),
        (frame_of({"type": "welcome", "protocol": 1}), "unknown message type"),
        (frame_of({"type": "capacity"}), "capacity is missing"),
        (frame_of({"type": "capacity", "capacity": -1}), "capacity cannot be -1"),
        (frame_of({"type": "capacity", "capacity": 1025}), "capacity cannot be 1025"),
        (frame_of({"type": "capacity", "capacity": True}), "capacity cannot be True"),
        (frame_of({"type": "capacity", "capacity": 1.0}), "capacity cannot be 1.0"),
        (frame_of({"type": "capacity", "capacity": 1, "extra": 1}), "unknown field 'extra'"),
        (frame_of({"type": "failed", "lease": 1, "reason": "x" * 501}), "reason cannot be"),
        (
            frame_of(
                {
                    "type": "result",
                    "lease": 2**53,
                    "offset": 0,
                    "count": 1,
                    "raised": 0,
                    "final": True,
                }
            ),
            "lease",
        ),
        (
            frame_of(
                {"type": "result", "lease": 1, "offset": 0, "count": 1, "raised": 0, "final": 1}
            ),
            "final",
        ),
        (frame_of({"type": "ping", "padding": "x" * 4096}), "at most 4096"),
    ],
)
def test_a_malformed_frame_is_a_protocol_error(frame: bytes, problem: str) -> None:
    """Whatever a stranger sends is refused with one kind of error that says what was wrong."""
    with pytest.raises(ProtocolError, match=problem):
        protocol.decode_from_worker(frame)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rate", "NaN"),
        ("rate", "Infinity"),
        ("rate", "-0.1"),
        ("rate", "true"),
        ("rate", '"1"'),
        ("remaining", "null"),
        ("total", "1.5"),
        ("devices", "-1"),
    ],
)
def test_amounts_are_finite_and_not_negative(field: str, value: str) -> None:
    """JSON as Python reads it knows numbers that are none."""
    fields = {"devices": "1", "done": "0", "rate": "0.5", field: value}
    body = ", ".join(f'"{name}": {text}' for name, text in fields.items())

    with pytest.raises(ProtocolError, match=f"{field} cannot be"):
        protocol.decode_from_coordinator(frame_of(f'{{"type": "progress", {body}}}'.encode()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seconds", "NaN"),
        ("seconds", "1e999"),
        ("seconds", "-1"),
        ("slowest", "[[0, NaN]]"),
        ("slowest", "[[0, -1]]"),
        ("slowest", "[[-1, 1]]"),
        ("slowest", "[[0.5, 1]]"),
        ("slowest", "[[0]]"),
        ("slowest", "[0, 1]"),
        ("slowest", '{"0": 1}'),
        ("slowest", "[[0,1],[1,1],[2,1],[3,1],[4,1],[5,1]]"),
    ],
)
def test_times_that_a_stranger_claims_are_finite_and_few(field: str, value: str) -> None:
    """Whatever else they are, they are numbers."""
    fields = {"lease": "1", "offset": "0", "count": "9", "raised": "0", "final": "true"}
    fields |= {"seconds": "0.5", "slowest": "[[1, 0.25]]", field: value}
    body = ", ".join(f'"{name}": {text}' for name, text in fields.items())

    with pytest.raises(ProtocolError, match=f"{field} cannot be"):
        protocol.decode_from_worker(frame_of(f'{{"type": "result", {body}}}'.encode()))


def test_a_header_of_just_the_allowed_length_is_read() -> None:
    """The limit itself is still allowed."""
    text = json.dumps({"type": "ping"}).encode()
    padded = text[:-1] + b" " * (protocol.MAX_HEADER_BYTES - len(text)) + b"}"

    message, payload = protocol.decode_from_worker(frame_of(padded))

    assert message == protocol.Ping()
    assert bytes(payload) == b""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = [
    "protocol",
    "token",
    "kind",
    "capacity",
    "python",
    "name",
    "lease",
    "offset",
    "count",
    "raised",
]
HEADERS = st.dictionaries(
    st.sampled_from([*FIELDS, "final", "reason", "environment"]) | st.text(max_size=5), JSON
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=64) | st.tuples(st.sampled_from(["hello", "result"]), HEADERS))
def test_nothing_but_a_protocol_error_escapes(sent: bytes | tuple[str, dict[str, object]]) -> None:
    """Whatever bytes and whatever JSON come, they are a message or refused."""
    frame = sent if isinstance(sent, bytes) else frame_of({**sent[1], "type": sent[0]})

    with contextlib.suppress(ProtocolError):
        message, _ = protocol.decode_from_worker(frame)
        assert type(message) in protocol.FROM_WORKER.values()
