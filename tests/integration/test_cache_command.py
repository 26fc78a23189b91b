"""`nitocris cache`: a room without the internet is prepared, looked at and cleared."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nitocris.cli import main
from nitocris.downloads import wheel_cache
from nitocris.index_wheels import IndexWheels
from nitocris.packages import Places, resolve
from nitocris.pyodide_lock import find_lock
from tests.support.wheels import install, write_wheel

PYODIDE = f"Pyodide {find_lock(sys.version_info[:2]).version}"

Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `nitocris cache …`; returns its code, the words of its lines, and its complaint."""

    def call(*arguments: str) -> tuple[int, list[str], str]:
        code = main(["cache", *arguments])
        said = capsys.readouterr()
        return code, [" ".join(line.split()) for line in said.out.splitlines()], said.err

    return call


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index with `app`, which needs `base`."""
    path = tmp_path / "index"
    path.mkdir()
    write_wheel(path, "app", "1.0", requires=["base"])
    write_wheel(path, "base", "2.0", source=f"# {'x' * 20_000}")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path))
    return path


def test_fetch_then_list_then_clear(run: Run, index: Path) -> None:
    """What was fetched is listed with its size and release, works offline, and can be removed."""
    code, lines, _ = run("fetch", "app")
    assert code == 0
    assert f"2 packages, 0.0 MB, are here for {PYODIDE}" in lines
    for path in index.iterdir():
        path.unlink()

    assert len(resolve(["app"], Places(find_lock(sys.version_info[:2])))) == 2
    _, lines, _ = run("list")
    assert lines[:2] == [f"app 1.0 0.00 MB {PYODIDE}", f"base 2.0 0.02 MB {PYODIDE}"]
    run("clear")
    code, lines, _ = run("list")
    assert (code, len(lines)) == (0, 1)
    assert lines[0].startswith("nothing is kept in ")


def test_fetch_the_installed_version_too(
    run: Run, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without `packages=`, a map in the offline room finds what it looks for."""
    site = tmp_path / "site-packages"
    site.mkdir()
    install(site, "app", "0.9", "app")
    monkeypatch.syspath_prepend(site)
    write_wheel(index, "app", "0.9")

    run("fetch", "app")

    assert [line.split()[:2] for line in run("list")[1][:3]] == [
        ["app", "0.9"],
        ["app", "1.0"],
        ["base", "2.0"],
    ]


def test_unknown_name(run: Run) -> None:
    """A typing error is answered by what was meant; the exit code says that it failed."""
    code, _, complaint = run("fetch", "nunpy")

    assert code == 1
    assert complaint.startswith("nitocris cache: no package 'nunpy'")
    assert "did you mean 'numpy'" in complaint


def test_remains_of_an_interruption_are_not_listed(run: Run) -> None:
    """A process that was killed leaves a folder, which nobody takes for packages."""
    cache = wheel_cache(find_lock(sys.version_info[:2]))
    remains = cache / "fetching-1" / "wheels"
    remains.mkdir(parents=True)
    write_wheel(remains, "app", "1.0")

    assert IndexWheels(cache).paths() == []
    assert run("list")[1][0].startswith("nothing is kept in ")


@pytest.mark.usefixtures("index")
def test_no_space() -> None:
    """A full disk is said in words, and leaves nothing behind; later all goes well."""
    command = [sys.executable, "-m", "nitocris", "cache", "fetch", "app"]

    def only_ten_kilobytes() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    failed = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=only_ten_kilobytes,
        check=False,
        # Python would keep what it wrote of a file.
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    cache = wheel_cache(find_lock(sys.version_info[:2]))

    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert "File too large" in failed.stderr
    assert not [*cache.glob("fetching-*")]
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
