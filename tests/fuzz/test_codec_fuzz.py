"""The fuzzer in the ordinary run; `python -m tests.fuzz.codec_fuzz` runs it for longer."""

from __future__ import annotations

import pytest

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


def test_the_oracle_sees_a_value_that_cannot_be_used() -> None:
    """The fuzzer uses what was decoded: an int too long to be written out is tolerated, no more."""
    many_digits = b"\x01\x04" + b"\xa0\x1f" + b"\x01" * 4000

    assert check(many_digits, Report()) is None
