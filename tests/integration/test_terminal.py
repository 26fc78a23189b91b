"""What the owner sees of a script: in a terminal, in a file, and in a function of their own."""

from __future__ import annotations

import os
import platform
import pty
import subprocess
import sys
import termios
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from nitocris import ClosedError, ConfigurationError, DistributedExecution
from nitocris.display import SNAPSHOT_SECONDS
from nitocris.stats import Stats

SCRIPT = """
import sys
from nitocris import ClosedError, ConfigurationError, DistributedExecution

def function(x):
    print("computes", x)
    return x

with DistributedExecution(host="127.0.0.1", local_workers=2, **{options}) as d:
    d.wait_for_workers(2)
    for _ in range(2):
        d._display.warn("something is amiss")
    assert d.map(function, range(5)) == [*range(5)]
"""


def in_terminal(options: str, folder: Path) -> str:
    """Returns what a terminal of 100 columns gets of standard error."""
    script = folder / "script.py"
    script.write_text(SCRIPT.replace("{options}", options))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, 100))
    seen: list[bytes] = []

    def read() -> None:
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # the last one has closed the other end
                return
            seen.append(data)

    reader = threading.Thread(target=read)
    with subprocess.Popen([sys.executable, str(script)], stderr=theirs) as running:
        os.close(theirs)
        reader.start()
    reader.join()
    os.close(ours)
    assert running.returncode == 0
    return b"".join(seen).decode()


def test_a_terminal_shows_link_code_and_a_live_line(tmp_path: Path) -> None:
    """Items, rate, workers by kind, what items print, and each warning once."""
    seen = in_terminal("{}", tmp_path)

    assert seen.count("to compute, open http://127.0.0.1:") == 1
    assert "▄▄▄▄▄▄▄" in seen
    assert "5/5" in seen
    assert "items/s" in seen
    assert "2 native, 2 warnings" in seen
    assert "item 3: computes 3" in seen
    assert seen.count("something is amiss") == 1


def test_a_terminal_stays_empty_if_that_is_wanted(tmp_path: Path) -> None:
    """With `progress=False`."""
    assert in_terminal("{'progress': False}", tmp_path) == ""


def test_a_log_file_gets_lines_and_no_bar(tmp_path: Path) -> None:
    """Neither codes nor bars pile up where nobody can see them move."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("{options}", "{}"))

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)

    first, second, *others = done.stderr.splitlines()
    assert first.startswith("Nitocris: to compute, open http://127.0.0.1:")
    assert second.startswith("Nitocris: for you alone, to watch")
    assert others[0] == "Nitocris: something is amiss"
    assert sorted(others[1:]) == [f"item {index}: computes {index}" for index in range(5)]
    assert done.stdout == ""


def test_a_function_gets_statistics_in_the_place_of_a_bar(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """At the end as well; nothing is printed, and no token is logged."""
    seen: list[Stats] = []
    caplog.set_level("INFO", "nitocris")

    with DistributedExecution(host="127.0.0.1", local_workers=1, progress=seen.append) as d:
        d.map(print, range(5))
        token = d.worker_url.partition("#")[2]

    assert seen[-1].done == 5
    times = [stats.running for stats in seen[:-1]]
    assert all(later - earlier >= SNAPSHOT_SECONDS for earlier, later in pairwise(times))
    assert capfd.readouterr() == ("", "")
    assert "the server listens at http://127.0.0.1:" in caplog.text
    assert "item 4: 4" in caplog.text
    assert token not in caplog.text


def test_a_function_that_raises_does_not_end_the_map(caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, however often it raises."""

    def broken(_: Stats) -> None:
        raise LookupError("not mine")

    with DistributedExecution(host="127.0.0.1", local_workers=1, progress=broken) as d:
        assert d.map(abs, [-1]) == [1]
        assert d.map(abs, [-2]) == [2]

    assert caplog.text.count("raised LookupError: not mine") == 1


def test_a_report_outlives_the_execution() -> None:
    """Scripts look at it when all is done; before the first map there is none."""
    with DistributedExecution(host="127.0.0.1", local_workers=1, progress=False) as d:
        with pytest.raises(ConfigurationError, match="before the first map"):
            d.report()
        d.map(abs, range(-5, 0))
        during = d.report()

    after = d.report()

    assert (after.function, after.items, after.is_over) == ("abs", 5, True)
    assert after.workers == during.workers
    assert after.provenance == during.provenance
    assert after.provenance.python == platform.python_version()
    with pytest.raises(ClosedError):
        d.stats()
