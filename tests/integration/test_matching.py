"""What browsers get for the distributions that are installed here, and the table of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nitocris.installed import distributions_of
from nitocris.matching import Match, match_modules
from nitocris.packages import Places
from nitocris.pip_resolver import Pip
from nitocris.plan import PlannedPackage, plan
from tests.support.wheels import Release, install, write_wheel


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that Python imports from."""
    path = tmp_path / "site-packages"
    path.mkdir()
    monkeypatch.syspath_prepend(path)
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package index."""
    path = tmp_path / "index"
    path.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(path))
    return path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A release with `quick` 1.4, and an empty folder of the owner's."""
    release = Release()
    release.add("quick", "1.4", imports=["quickly"])
    release.add("other", "1.0", imports=["elsewhere"])
    folder = tmp_path / "wheels"
    folder.mkdir()
    return Places(
        release.lock(tmp_path / "runtime"),
        [folder],
        tmp_path / "cache",
        lambda url, _: release.files[Path(url).name],
        Pip(),
    )


class TestVersions:
    """The owner's version, or the nearest."""

    def test_release_has_it(self, site: Path, places: Places) -> None:
        """A build of the same version is taken, and no index is asked."""
        install(site, "quick", "1.4.0+local", "quickly")
        assert places.pip is not None
        places.pip.stop()

        (match,) = match_modules(["quickly"], places)

        assert match == Match("quick", "1.4.0+local", "1.4", "quickly")
        assert (match.difference, match.requirement) == ("", "quick==1.4")

    def test_index_has_it(self, site: Path, index: Path, places: Places) -> None:
        """A pure wheel of exactly this version wins over the release's and newer ones."""
        install(site, "quick", "1.5", "quickly")
        for version in ("1.5", "1.6"):
            write_wheel(index, "quick", version)

        (match,) = match_modules(["quickly"], places)

        assert match == Match("quick", "1.5", "1.5", "quickly")
        assert [*places.index.folder.glob("*/quick-1.5-py3-none-any.whl")]

    @pytest.mark.parametrize(
        ("offered", "nearest"),
        [(["1.2", "1.7", "2.0"], "1.7"), (["2.0", "3.0"], "1.4"), ([], "1.4")],
    )
    def test_nearest(
        self, site: Path, index: Path, places: Places, offered: list[str], nearest: str
    ) -> None:
        """Else the newest that is not newer, wherever it is; the difference is a sentence."""
        install(site, "quick", "1.8", "quickly")
        for version in offered:
            write_wheel(index, "quick", version)

        (match,) = match_modules(["quickly"], places)

        assert match.there == nearest
        assert match.difference == f"quick 1.8 is installed here, browsers get {nearest}"

    def test_only_newer_ones(self, site: Path, index: Path, places: Places) -> None:
        """The oldest of them is nearest."""
        install(site, "tiny", "1.0", "tiny")
        for version in ("2.0", "3.0"):
            write_wheel(index, "tiny", version)

        assert [match.there for match in match_modules(["tiny"], places)] == ["2.0"]

    def test_folder_decides(self, site: Path, places: Places) -> None:
        """Who puts a wheel into a folder means it."""
        install(site, "quick", "1.4", "quickly")
        write_wheel(Path(places.folders[0]), "quick", "1.1")

        assert [match.there for match in match_modules(["quickly"], places)] == ["1.1"]

    def test_an_index_is_asked_once(self, site: Path, index: Path, places: Places) -> None:
        """What it does not have is remembered, and so is what it has instead."""
        install(site, "quick", "1.8", "quickly")
        write_wheel(index, "quick", "1.7")
        assert places.pip is not None

        first = match_modules(["quickly"], places)
        places.pip.stop()

        assert match_modules(["quickly"], places) == first

    def test_nothing_for_browsers(self, site: Path, index: Path, places: Places) -> None:
        """A package with wheels for other machines only is named, with who can compute."""
        install(site, "torch-like", "2.0", "torchy")
        write_wheel(index, "torch-like", "2.0", "cp312-cp312-manylinux_2_28_x86_64")

        (match,) = match_modules(["torchy"], places)

        assert match.there is None
        assert "torch-like cannot be had for browsers" in match.difference
        assert "native workers" in match.difference

    def test_not_installed(self, places: Places) -> None:
        """A module of the release that is imported inside a function needs no installation."""
        assert match_modules(["elsewhere", "nowhere"], places) == [
            Match("other", None, "1.0", "elsewhere")
        ]


class TestInstalled:
    """Which distribution brings a module."""

    def test_own_modules(self, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file beside the script is the owner's own, although an installed one has its name."""
        install(site, "crowded", "1.0", "helpers")
        beside = tmp_path / "beside"
        beside.mkdir()
        (beside / "helpers.py").touch()

        assert [each.name for each in distributions_of(["helpers"])[0]] == ["crowded"]
        monkeypatch.syspath_prepend(beside)
        assert distributions_of(["helpers"]) == ([], [])

    def test_editable_installs(self, site: Path) -> None:
        """They are the owner's own, too."""
        install(
            site,
            "mine",
            "1.0",
            "mine",
            origin='{"url": "file:///x", "dir_info": {"editable": true}}',
        )

        assert distributions_of(["mine"]) == ([], [])

    def test_bundled(self) -> None:
        """Every worker has cloudpickle."""
        assert distributions_of(["cloudpickle", "nowhere"]) == ([], ["nowhere"])

    def test_shared_name(self, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of the distributions of a namespace, those whose modules are loaded are meant."""
        (site / "space").mkdir()
        for part in ("one", "two"):
            (site / "space" / f"{part}.py").touch()
            install(site, f"space-{part}", "1.0", "space")
            record = site / f"space_{part}-1.0.dist-info" / "RECORD"
            record.write_text(f"space/{part}.py,,\n")
        (site / "space.py").unlink()
        for name in ("space", "space.two"):
            monkeypatch.delitem(sys.modules, name, raising=False)

        assert {each.name for each in distributions_of(["space"])[0]} == {"space-one", "space-two"}
        __import__("space.two")
        assert [each.name for each in distributions_of(["space"])[0]] == ["space-two"]
        for name in ("space", "space.two"):
            monkeypatch.delitem(sys.modules, name)


class TestPlan:
    """The table before anything is shared."""

    def test_rows(self, site: Path, index: Path, places: Places) -> None:
        """Versions on both sides, size, origin, difference; what is lacking is a row as well."""
        install(site, "quick", "1.8", "quickly")
        install(site, "torch-like", "2.0", "torchy")
        path = write_wheel(index, "app", "1.0", requires=["base"])
        write_wheel(index, "base", "3.0")

        rows = {row.name: row for row in plan(["app", "nowhere"], ["quickly", "torchy"], places)}

        assert {*rows} == {"app", "base", "quick", "torch-like", "nowhere"}
        assert rows["app"] == PlannedPackage(
            "app", None, "1.0", path.stat().st_size, "package index", ""
        )
        assert rows["quick"].source == "Pyodide 0.27.8"
        assert rows["quick"].note == "quick 1.8 is installed here, browsers get 1.4"
        for name in ("torch-like", "nowhere"):
            assert (rows[name].there, rows[name].bytes) == (None, None)
        assert rows["torch-like"].here == "2.0"
        assert "native workers" in rows["torch-like"].note
        assert "no package 'nowhere'" in rows["nowhere"].note

    def test_nothing_needed(self, places: Places) -> None:
        """An empty table."""
        assert plan([], [], places) == ()
