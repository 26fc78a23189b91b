"""The pytest plugin, in a pytest of its own, as its users have it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nitocris import ConfigurationError, ItemTimeoutError, WorkerLostError
from nitocris.testing import LocalExecution

USER_TESTS = """
import os, socket, sys, threading
import pytest
from nitocris import EncodeError, NotSendableError
import lengths

class Secret:
    pass

@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def forbidden(*arguments):
        raise AssertionError("a network")
    for name in ("bind", "connect"):
        monkeypatch.setattr(socket, "socket", type("Socket", (socket.socket,), {name: forbidden}))

def test_own_modules_and_codec(nitocris_execution):
    assert nitocris_execution.map(lengths.length, ["a", "bc"]) == [1, 2]
    assert sys.modules["lengths"] is lengths
    with pytest.raises(NotSendableError):
        nitocris_execution.map(len, [threading.Lock()])
    with pytest.raises(EncodeError):
        nitocris_execution.map(lambda _: Secret(), [1])

def test_another_process(nitocris_execution):
    assert nitocris_execution.submit(os.getpid).result() != os.getpid()
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:asyncio",
            *arguments,
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )


def test_fixture(tmp_path: Path) -> None:
    """Own modules travel, what cannot is refused, and no port is opened."""
    (tmp_path / "lengths.py").write_text("def length(text):\n    return len(text)\n")
    (tmp_path / "test_theirs.py").write_text(USER_TESTS)

    done = run(tmp_path, "-W", "error")

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_it_costs_others_nothing(tmp_path: Path) -> None:
    """A pytest that does not ask for the fixture imports neither server nor worker."""
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n"
        "def test_imports():\n"
        "    assert 'nitocris.pytest_plugin' in sys.modules\n"
        "    found = {'aiohttp', 'cloudpickle', 'nitocris.execution', 'nitocris.errors'}\n"
        "    assert not found & sys.modules.keys()\n"
    )

    done = run(tmp_path)

    assert done.returncode == 0, done.stdout


def test_limits_hold() -> None:
    """A call that takes too long is stopped, and a worker that dies is replaced."""
    import os
    import time

    with LocalExecution(local_workers=2) as d:
        with pytest.raises(ItemTimeoutError):
            d.map(time.sleep, [60], item_timeout=0.1)
        with pytest.raises(WorkerLostError):
            d.map(os._exit, [3])
        assert d.map(abs, [-1]) == [1]
        assert d.stats().capacity == 2
        for name in ("url", "worker_url", "dashboard_url"):
            with pytest.raises(ConfigurationError, match="no links"):
                getattr(d, name)
        with pytest.raises(ConfigurationError, match="no links"):
            d.revoke()
