"""What the owner learns of a map before anybody else computes it, in real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cloudpickle
import numpy as np
import pytest

from nitocris import DistributedExecution, RemoteError, WorkerLostError
from tests.support.wheels import write_wheel

# Else all of the tests would travel, and whatever they import be looked up.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def execution() -> Iterator[DistributedExecution]:
    """Looks at each map, and is shared with nobody."""
    with DistributedExecution(host="127.0.0.1", progress=False, check=True) as execution:
        yield execution


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module beside the script."""
    (tmp_path / "geometry.py").write_text("def area(x):\n    return x * x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import geometry  # type: ignore[import-not-found]

    yield geometry
    del sys.modules["geometry"]


def test_a_table_before_anything_is_shared(own_module: ModuleType, tmp_path: Path) -> None:
    """No server runs: what travels, what browsers get, how long an item takes, what it is worth."""
    write_wheel(tmp_path, "polygons", "1.5")
    table, api_token = np.zeros(200_000), "not for others"

    def work(x: float) -> float:
        time.sleep(0.02)
        return float(own_module.area(x) + table.sum() + len(api_token))

    execution = DistributedExecution(packages=["polygons"], wheels=[tmp_path], progress=False)
    check = execution.check(work, 2.0)

    assert check.dry_run is not None
    assert check.dry_run.seconds is not None
    assert check.dry_run.seconds >= 0.02
    assert check.dry_run.bytes_once > table.nbytes
    assert check.error is None
    assert [(each.name, each.here, each.there) for each in check.packages] == [
        ("polygons", None, "1.5")
    ]
    assert [each.name for each in check.modules] == ["geometry"]
    assert len(check.warnings) == 2  # a large value, a secret
    assert not check.ok
    text = str(check)
    for part in ("work", "polygons", "geometry", "1.6 MB", "api_token", "worth sharing"):
        assert part in text
    assert "<table>" in check._repr_html_()
    assert "not started" in repr(execution)


def test_nothing_is_computed_without_an_item() -> None:
    """There is no advice then, but all that can be seen from outside."""
    check = DistributedExecution(progress=False).check(abs)

    assert check.dry_run is None
    assert check.advice == ""
    assert check.ok


def absent(_: object) -> object:
    import a_module_that_nobody_has  # type: ignore[import-not-found]

    return a_module_that_nobody_has


@pytest.mark.parametrize(
    ("function", "error", "said"),
    [
        (absent, ModuleNotFoundError, "ModuleNotFoundError: No module named 'a_module_that"),
        (lambda x: (x for _ in ()), TypeError, "generator"),
        (lambda _: os.kill(os.getpid(), signal.SIGSEGV), WorkerLostError, "signal 11"),
        (lambda _: os._exit(3), WorkerLostError, "exit code 3"),
    ],
)
def test_what_would_fail_elsewhere_fails_here(
    function: object, error: type[Exception], said: str
) -> None:
    """A missing module, a result that cannot travel, a crash: the check says it and goes on."""
    check = DistributedExecution(progress=False).check(function, 1)  # type: ignore[arg-type]

    assert isinstance(check.error, error)
    assert said in str(check)


def test_the_owners_folder_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is found by its name alone, where the owner works, is missing elsewhere."""
    (tmp_path / "nearby.py").write_text("")
    monkeypatch.chdir(tmp_path)

    check = DistributedExecution(progress=False).check(__import__, "nearby")

    assert isinstance(check.error, ModuleNotFoundError)


def test_an_item_that_takes_too_long_here() -> None:
    """The check ends in time, and so does the process."""
    with pytest.raises(TimeoutError, match=r"within 0\.5 s"):
        DistributedExecution(progress=False).check(time.sleep, 60, timeout=0.5)


def test_a_map_that_cannot_be_computed_ends_before_anybody_comes(
    execution: DistributedExecution,
) -> None:
    """No worker is needed to learn of a missing module."""
    with pytest.raises(RemoteError, match="a_module_that_nobody_has") as caught:
        execution.map(absent, range(3))
    with pytest.raises(RemoteError, match="a_module_that_nobody_has"):
        list(execution.imap(lambda x: absent(x), range(3)))

    assert caught.value.index == 0
    assert "a fresh process on this machine" in caught.value.__notes__[0]


def test_a_worker_that_is_quicker_counts(tmp_path: Path) -> None:
    """After its first result the dry run is over, which would fail as soon as it may."""
    started, may_fail = tmp_path / "started", tmp_path / "may fail"

    def wait_for(path: Path) -> None:
        while not path.exists():
            time.sleep(0.01)

    def work(x: int) -> int:
        if "nitocris.worker.child" not in sys.modules:  # the dry run
            started.touch()
            wait_for(may_fail)
            raise ValueError("nobody shall wait for this")
        if x == 0:
            wait_for(started)
        else:
            may_fail.touch()
            time.sleep(1)
        return x

    with DistributedExecution(
        host="127.0.0.1", progress=False, check=True, local_workers=1, chunk_size=1
    ) as execution:
        # One item at a time: the second is taken when the first result is here.
        assert list(execution.imap(work, range(2), buffersize=1)) == [0, 1]


def test_each_function_is_looked_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    """The second map of a function says nothing new."""

    def slow(x: int) -> int:
        time.sleep(0.01)
        return x

    with DistributedExecution(host="127.0.0.1", check=True) as execution:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                execution.map(slow, range(3), timeout=1.5)

    assert capfd.readouterr().err.count("Before you share slow") == 1


SCRIPT = """
import sys
from beside import double
from nitocris import DistributedExecution

with DistributedExecution() as d:
    d.wait_for_workers(3)
    print("link", d.url, sys.argv[1:])
    d.map(double, range(int(sys.argv[1])))
    print("never")
"""


def nitocris_check(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nitocris", "check", str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_a_script_is_run_as_far_as_its_first_map(tmp_path: Path) -> None:
    """No link, no waiting, nobody else; what the map needs is said."""
    (tmp_path / "beside.py").write_text("def double(x):\n    return 2 * x\n")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    done = nitocris_check(script, "4", "--flag")

    assert done.returncode == 0, done.stderr
    assert "link (no link: this is a check) ['4', '--flag']" in done.stdout
    assert "Before you share double" in done.stdout
    assert "beside" in done.stdout
    assert "never" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        ("from nitocris import *\nDistributedExecution().map(abs, 'a')", 1, "TypeError: bad oper"),
        ("from nitocris import *\nDistributedExecution(packages='numpy')", 1, "must be a list"),
        ("1 + 1", 2, "came to its end without a map"),
        (None, 2, "there is no script"),
    ],
)
def test_a_script_that_cannot_be_shared(
    content: str | None, code: int, said: str, tmp_path: Path
) -> None:
    """The exit code tells programs, a sentence tells people."""
    script = tmp_path / "script.py"
    if content is not None:
        script.write_text(content)

    done = nitocris_check(script)

    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
