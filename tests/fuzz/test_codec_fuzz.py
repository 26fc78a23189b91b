"""The fuzzer in the ordinary run; `python -m tests.fuzz.codec_fuzz` runs it for longer."""

from __future__ import annotations

import pytest

from nitocris.codec import Registry
from nitocris.errors import DecodeError

from .codec_fuzz import SECONDS_PER_INPUT, Report, check, fuzz


@pytest.mark.timeout(120)
def test_no_edited_bytes_do_more_than_raise_decode_error() -> None:
    """50,000 edited encodings decode to usable values or raise DecodeError, all of them quickly."""
    report = fuzz(inputs=50_000, seed=20_240_229)

    assert report.failures == []
    assert report.inputs == 50_000
    assert report.slowest < SECONDS_PER_INPUT
    # Otherwise the edits would be so rough that the decoders are never reached.
    assert report.accepted > 5_000


def test_the_same_seed_gives_the_same_inputs() -> None:
    """A failure can be found again."""
    assert fuzz(200, seed=3).accepted == fuzz(200, seed=3).accepted


class Unusable:
    """A value whose repr fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def test_the_oracle_sees_what_it_must() -> None:
    """An error that escapes and a value that cannot be used are failures; a DecodeError is not."""

    def fail(_: bytes, __: Registry) -> object:
        raise KeyError("escaped")

    def refuse(_: bytes, __: Registry) -> object:
        raise DecodeError("refused")

    assert "escaped" in str(check(b"", Report(), fail))
    assert "no repr" in str(check(b"", Report(), lambda *_: Unusable()))
    assert "no repr" in str(check(b"", Report(), lambda *_: [Unusable()]))
    assert check(b"", Report(), refuse) is None
    assert check(b"", Report(), lambda *_: 10**5000) is None
