"""Blobs live as long as a map needs them, and no longer."""

from __future__ import annotations

from nitocris.blobs import Blobs
from nitocris.pickling import Blob

ONE, TWO = Blob("1" * 64, b"one"), Blob("2" * 64, b"two")


def test_a_chunk_s_blob_goes_with_the_chunk() -> None:
    """Unless another chunk refers to it too."""
    blobs = Blobs()
    blobs.keep(1, [ONE, TWO])
    blobs.keep(1, [ONE])

    blobs.release(1, [ONE, TWO])

    assert blobs.get(ONE.id) == b"one"
    assert blobs.get(TWO.id) is None


def test_a_map_s_blobs_go_with_the_map() -> None:
    """Unless another map refers to them too."""
    blobs = Blobs()
    blobs.keep(1, [ONE, TWO])
    blobs.keep(2, [ONE])

    blobs.drop(1)

    assert blobs.get(ONE.id) == b"one"
    assert blobs.get(TWO.id) is None


def test_releasing_twice_takes_nothing_from_others() -> None:
    """What is released after its map ended, or once too often, changes nothing."""
    blobs = Blobs()
    blobs.keep(1, [ONE])
    blobs.keep(2, [ONE])

    blobs.release(1, [ONE])
    blobs.release(1, [ONE])
    blobs.release(3, [ONE])

    assert blobs.get(ONE.id) == b"one"
