"""What `nitocris doctor` makes of versions, page and folders."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

import pytest

from nitocris.commands import installation
from nitocris.commands.installation import (
    check_browsers,
    check_folders,
    check_python,
    check_versions,
)


def test_python() -> None:
    """A runtime with the same Python; another one; none at all."""
    runtimes = {"3.12": {"version": "0.27.8"}, "3.13": {"version": "0.29.5"}}

    assert "Pyodide 0.27.8" in check_python("3.12", runtimes).text
    other = check_python("3.15", runtimes)
    assert (other.status, other.text) == ("error", "3.15; browsers have 3.12, 3.13")
    assert "make page" in (check_python("3.12", {}).remedy or "")


def test_page(tmp_path: Path) -> None:
    """Without it nobody can take part by browser."""
    assert check_browsers(tmp_path).status == "error"
    (tmp_path / "index.html").touch()
    assert check_browsers(tmp_path).status == "ok"


def test_versions_of_this_environment() -> None:
    """All that this version needs is named."""
    (found,) = check_versions()

    assert found.status == "ok"
    assert "aiohttp 3." in found.text


def test_an_old_and_a_missing_dependency(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has the command that mends it."""

    def version(name: str) -> str:
        if name == "tqdm":
            raise importlib.metadata.PackageNotFoundError(name)
        return {"aiohttp": "3.0"}.get(name, importlib.metadata.version(name))

    monkeypatch.setattr(installation, "version", version)

    broken = {each.about: each for each in check_versions() if each.status == "error"}

    assert set(broken) == {"aiohttp", "tqdm"}
    assert "3.0 is installed" in broken["aiohttp"].text
    assert "pip install 'tqdm" in (broken["tqdm"].remedy or "")


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in a folder's place, and a folder of wheels that is none."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("NITOCRIS_WHEELS", os.pathsep.join([str(tmp_path), str(tmp_path / "no")]))

    found = {each.about: each for each in check_folders()}

    assert found["links"].status == "ok"
    assert found["cache"].status == "warning"
    assert "packages cannot be kept" in found["cache"].text
    assert str(tmp_path / "no") in found["NITOCRIS_WHEELS"].text
