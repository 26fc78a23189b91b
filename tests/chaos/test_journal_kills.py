"""Twenty kills of an owner with a journal in the ordinary run; `make kills` has two hundred."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(120)
def test_a_killed_owner_loses_at_most_the_last_second() -> None:
    """With `durability="always"` nothing that it was handed; never a wrong or doubled result.

    In a process of its own, because it forks, and this one may have threads.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.journal_kills", "--kills", "20"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )

    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("wrong=[]") == 2
