"""A journal and real processes: an owner that is killed, workers that stay, the command."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import cloudpickle
import pytest

from nitocris import DistributedExecution, JournalError, codec
from nitocris.cli import main
from nitocris.journal import Journal
from tests.chaos.fleet import Fleet
from tests.support.owner_script import ITEMS, Owner

cloudpickle.register_pickle_by_value(sys.modules[__name__])
Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


def test_a_native_worker_survives_the_owner(tmp_path: Path) -> None:
    """SIGKILL in the middle of a map, the same script again: the worker rejoins by itself."""
    with Owner(tmp_path) as owner, Fleet(owner.worker_url, 1) as fleet:
        first = owner.results(20)
        owner.kill()
        with Owner(tmp_path) as again:
            results = again.results(ITEMS)
            reused = again.end()
        assert fleet.workers[0].poll() is None

    assert first == [x * x for x in range(20)]
    assert results == [x * x for x in range(ITEMS)]
    assert 20 <= reused < ITEMS


def total(x: int, y: int = 1) -> int | float | complex:
    if x == 2:
        return 1j
    return x + y if x else float("nan")


def test_the_command_and_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is reused, what is in the file, and how it becomes smaller."""
    path = tmp_path / "run.nitocris"
    with Execution(journal=path, local_workers=1) as d:
        d.map(total, range(4))
        assert d.map(total, range(1, 6), range(5)) == [1, 1j, 5, 7, 9]
        assert d.map(total, range(5))[1:] == [2, 1j, 4, 5]
        report = d.report()
        assert (report.items, report.reused, report.journal_problem) == (5, 4, "")
        assert "from the journal     4 items" in str(report)
        with pytest.raises(JournalError, match="in use by another execution"):
            Execution(journal=path).stats()
        assert main(["journal", "show", str(path)]) == 1
    assert "in use" in capsys.readouterr().err

    assert main(["journal", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "total" in shown
    assert "10 items of 1 functions" in shown

    assert main(["journal", "export", str(path)]) == 0
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert [(line["item"], line["result"]) for line in lines[:2]] == [(1, 2), (3, 4)]
    assert ([1, 0], 1) in [(line["item"], line["result"]) for line in lines]
    assert captured.err.startswith("3 results are no plain data")

    assert main(["journal", "export", "--format", "csv", str(path)]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [(row["function"], row["item"], row["result"]) for row in rows[:2]] == [
        ("total", "1", "2"),
        ("total", "3", "4"),
    ]

    assert main(["journal", "compact", str(path)]) == 0
    assert "dropped 0 items of 0 functions" in capsys.readouterr().out
    assert main(["journal", "compact", str(path), "--drop", rows[0]["hash"]]) == 0
    assert "dropped 10 items of 1 functions" in capsys.readouterr().out
    assert main(["journal", "export", str(tmp_path / "none")]) == 1
    assert "there is no journal" in capsys.readouterr().err


FULL = """
import resource
import sys
sys.dont_write_bytecode = True  # Python would keep what it wrote of a file
from nitocris import DistributedExecution

def large(x):
    return bytes([x]) * 5_000

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
with DistributedExecution(
    host="127.0.0.1", local_workers=1, journal="run.nitocris", durability="always"
) as d:
    assert d.map(large, range(200), chunk_size=5) == [large(x) for x in range(200)]
    assert "could not be written" in d.report().journal_problem, d.report()
    assert "could not be written" in str(d.report())
"""


def test_a_file_that_cannot_grow(tmp_path: Path) -> None:
    """As on a full disk: all results, one warning, a word in the report, and the next run reuses.

    The limit is the operating system's, so SQLite meets a real error.
    """
    (tmp_path / "full.py").write_text(FULL)
    done = subprocess.run(
        [sys.executable, "full.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("could not be written") == 1
    journal = Journal(tmp_path / "run.nitocris")
    rows = list(journal.rows())
    journal.close()
    assert 5 <= len(rows) < 200
    assert all(codec.decode(row.value) == bytes(codec.decode(row.item)) * 5_000 for row, _ in rows)  # type: ignore[call-overload]
