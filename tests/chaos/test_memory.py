"""The owner's memory, measured in a process that does nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc"),
]


def growth(kind: str, items: int) -> int:
    """Returns the bytes by which an owner grows."""
    measured = subprocess.run(
        [sys.executable, "-m", "tests.chaos.memory", kind, str(items)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    report = json.loads(measured.stdout.splitlines()[-1])
    print(f"{kind}: {report['growth'] / 1e6:.1f} MB in {report['seconds']:.1f} s")
    return int(report["growth"])


@pytest.mark.parametrize("kind", ["imap", "imap_unordered"])
def test_a_million_items_in_flat_memory(kind: str) -> None:
    """From a generator, each result once, in order where that is promised.

    The promise is less than 64 MB; but a million integers that somebody keeps are only 36 MB.
    """
    assert growth(kind, 1_000_000) < 8e6


def test_a_map_leaves_nothing_behind() -> None:
    """All tables are empty after 300,000 items, and four times the same need no more memory.

    What an allocator keeps does not add up; the results of one map, if somebody kept them, are
    10 MB each time.
    """
    assert growth("map", 300_000) < 16e6
