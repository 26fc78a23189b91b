"""Packages of the owner's index, by the real pip with a small index on this machine."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from nitocris.errors import ClosedError, PackageError
from nitocris.packages import Places, Wheel, resolve
from nitocris.pip_resolver import Pip
from tests.support.wheels import Release, served, write_wheel

COMPILED = "cp312-cp312-pyemscripten_2024_0_wasm32"


@dataclass(frozen=True, slots=True)
class Bench:
    """An index, a release whose files are at hand, and a cache."""

    index: Path
    release: Release
    places: Places

    def resolve(self, *packages: str | os.PathLike[str]) -> dict[str, Wheel]:
        return {wheel.name: wheel for wheel in resolve(packages, self.places)}

    def versions(self, *packages: str | os.PathLike[str]) -> dict[str, str]:
        return {name: wheel.version for name, wheel in self.resolve(*packages).items()}

    @property
    def offline(self) -> Bench:
        """The same machine with the cache only."""

        def fetch(url: str, _limit: int) -> bytes:
            raise OSError(f"{url}: no network")

        lock, folders, cache = self.places.lock, self.places.folders, self.places.cache
        return Bench(self.index, self.release, Places(lock, folders, cache, fetch, None))


@pytest.fixture(autouse=True)
def only_this_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pip's configuration as an owner without the internet has it."""
    index = tmp_path / "an index"
    index.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", index.as_uri())
    return index


@pytest.fixture
def bench(tmp_path: Path, only_this_index: Path) -> Bench:
    """A release with NumPy, which needs a library, and parallels."""
    release = Release()
    release.add("libblas", "0.3w", filename="libblas-0.3w.zip", install_dir="dynlib")
    release.add("numpy", "2.0.2", depends=["libblas"], imports=["numpy"])
    release.add("parallels", "1.4", filename="parallels-1.4-py3-none-any.whl")
    release.add("learn", "1.6", depends=["numpy", "parallels"])
    lock = release.lock(tmp_path / "runtime")
    folder = tmp_path / "wheels"
    folder.mkdir()
    places = Places(
        lock, [folder], tmp_path / "cache", lambda url, _: release.files[Path(url).name], Pip()
    )
    return Bench(only_this_index, release, places)


def test_dependencies_come_from_both(bench: Bench) -> None:
    """Pip sees the release's packages beside those of the index; libraries go with them."""
    write_wheel(bench.index, "app", "2.0", requires=["base>=1", "learn"])
    write_wheel(bench.index, "base", "1.5")

    wheels = bench.resolve("app")

    assert {name: (wheel.version, wheel.source) for name, wheel in wheels.items()} == {
        "libblas": ("0.3w", "Pyodide 0.27.8"),
        "numpy": ("2.0.2", "Pyodide 0.27.8"),
        "parallels": ("1.4", "Pyodide 0.27.8"),
        "learn": ("1.6", "Pyodide 0.27.8"),
        "app": ("2.0", "package index"),
        "base": ("1.5", "package index"),
    }
    assert wheels["libblas"].install_dir == "dynlib"
    for wheel in wheels.values():
        assert hashlib.sha256(wheel.path.read_bytes()).hexdigest() == wheel.sha256


def test_cache_is_enough_afterwards(bench: Bench) -> None:
    """The same packages, and parts of them, need neither pip nor a network again."""
    write_wheel(bench.index, "app", "2.0", requires=["base>=1", "numpy"])
    write_wheel(bench.index, "base", "1.5")
    first = bench.resolve("app")

    assert bench.offline.resolve("app") == first
    assert bench.offline.versions("base>=1") == {"base": "1.5"}
    with pytest.raises(PackageError, match=r"the cache has 1\.5"):
        bench.offline.resolve("base>=2")
    assert not [*bench.places.cache.glob("fetching-*")]


def test_damaged_file_of_the_cache_is_fetched_again(bench: Bench) -> None:
    """A wheel that is not what was kept is never sent to anybody."""
    write_wheel(bench.index, "base", "1.5")
    (wheel,) = bench.resolve("base").values()
    wheel.path.write_bytes(b"half")

    with pytest.raises(PackageError):
        bench.offline.resolve("base")
    assert not wheel.path.exists()
    assert [*bench.resolve("base").values()] == [wheel]


def test_markers_are_those_of_browsers(bench: Bench) -> None:
    """Pip evaluates `sys_platform` and its like for a worker, not for this machine."""
    write_wheel(
        bench.index,
        "app",
        "1.0",
        requires=[
            "browser; sys_platform == 'emscripten' and platform_machine == 'wasm32'",
            f"desktop; sys_platform == '{sys.platform}'",
            "old; python_full_version != '3.12.7'",
        ],
    )
    write_wheel(bench.index, "browser", "1.0")

    assert bench.versions("app", "gone; sys_platform == 'win32'", "json", "cloudpickle") == {
        "app": "1.0",
        "browser": "1.0",
    }


def test_wheels_for_the_release(bench: Bench) -> None:
    """PEP 783 wheels count, those for other machines do not."""
    write_wheel(bench.index, "fast", "1.0", COMPILED)
    write_wheel(bench.index, "fast", "2.0", "cp312-cp312-manylinux_2_28_x86_64")
    write_wheel(bench.index, "fast", "3.0", "cp313-cp313-pyemscripten_2025_0_wasm32")

    assert bench.versions("fast") == {"fast": "1.0"}


def test_pyodide_is_preferred(bench: Bench) -> None:
    """The release's version is taken as long as nothing asks for another, from its own place."""
    for version in ("1.4", "1.5"):
        write_wheel(bench.index, "parallels", version)
    write_wheel(bench.index, "easy", "1.0", requires=["parallels"])
    write_wheel(bench.index, "strict", "1.0", requires=["parallels>=1.5"])

    assert bench.resolve("easy")["parallels"].source == "Pyodide 0.27.8"
    assert bench.versions("strict") == {"strict": "1.0", "parallels": "1.5"}


def test_folders_are_preferred(bench: Bench) -> None:
    """A wheel that the owner put into a folder wins over newer ones elsewhere."""
    path = write_wheel(Path(bench.places.folders[0]), "base", "1.0")
    write_wheel(bench.index, "base", "2.0")
    write_wheel(bench.index, "app", "1.0", requires=["base"])

    assert bench.resolve("app")["base"].path == path


def test_contradictions_are_solved(bench: Bench) -> None:
    """Where the first choice is wrong, pip finds the version that suits everybody."""
    for version in ("1.0", "2.0"):
        write_wheel(bench.index, "base", version)
    write_wheel(bench.index, "first", "1.0", requires=["base"])
    write_wheel(bench.index, "second", "1.0", requires=["base<2"])

    assert bench.versions("first", "second")["base"] == "1.0"


def test_extras(bench: Bench) -> None:
    """`package[extra]` brings what the extra stands for, from the index and from the cache."""
    write_wheel(bench.index, "app", "1.0", requires=["more; extra == 'all'"], extras=["all"])
    write_wheel(bench.index, "more", "1.0")

    assert bench.versions("app") == {"app": "1.0"}
    assert bench.versions("app[all]") == {"app": "1.0", "more": "1.0"}
    assert bench.offline.versions("app[all]") == {"app": "1.0", "more": "1.0"}


def test_extras_of_the_release(bench: Bench) -> None:
    """The release does not say what extras need; a pure wheel of the index does."""
    write_wheel(bench.index, "parallels", "1.4", requires=["more; extra == 'all'"], extras=["all"])
    write_wheel(bench.index, "more", "1.0")

    assert bench.versions("parallels[all]") == {"parallels": "1.4", "more": "1.0"}
    with pytest.raises(PackageError, match="install learn here"):
        bench.offline.resolve("learn[all]")


def test_extras_of_a_wheel_by_path(bench: Bench, tmp_path: Path) -> None:
    """They are written behind the file, as for pip."""
    path = write_wheel(tmp_path, "mine", "1.0", requires=["more; extra == 'all'"], extras=["all"])
    write_wheel(bench.index, "more", "1.0")

    assert bench.versions(path) == {"mine": "1.0"}
    assert bench.versions(f"{path}[all]") == {"mine": "1.0", "more": "1.0"}


def test_pip_is_not_started_in_vain(bench: Bench) -> None:
    """What release, folders, given files and cache suffice for is had at once."""
    write_wheel(bench.index, "base", "1.0")
    bench.resolve("base")
    given = write_wheel(bench.index, "given", "1.0", requires=["base", "numpy"])
    assert bench.places.pip is not None
    bench.places.pip.stop()

    assert {*bench.resolve("learn>=1.6", given)} >= {"learn", "given", "base", "libblas"}
    with pytest.raises(ClosedError):
        bench.resolve("unknown")


@pytest.mark.parametrize("as_path", [True, False])
def test_wheel_by_path(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_path: bool
) -> None:
    """A file is taken whatever else there is, and what it needs comes along."""
    path = write_wheel(tmp_path, "mine", "1.0", requires=["base"])
    write_wheel(bench.index, "mine", "2.0")
    write_wheel(bench.index, "base", "1.0")
    monkeypatch.chdir(tmp_path)

    wheels = bench.resolve(Path(path.name) if as_path else f"./{path.name}")

    assert wheels["mine"].path == path
    assert wheels["mine"].source == str(path)
    assert {*wheels} == {"mine", "base"}


def test_wheel_by_address(bench: Bench, tmp_path: Path) -> None:
    """It is fetched once, compared with the hash in the address, and kept."""
    path = write_wheel(tmp_path, "mine", "1.0")
    content = path.read_bytes()
    places = Places(bench.places.lock, (), bench.places.cache)
    with served({path.name: content}) as (address, asked):
        url = f"{address}{path.name}#sha256={hashlib.sha256(content).hexdigest()}"
        first = resolve([f"mine @ {url}"], places)
        with pytest.raises(PackageError, match="instead of the one that you name"):
            resolve([f"{address}{path.name}#sha256={'0' * 64}"], places)

    assert resolve([url], places) == first
    assert first[0].path.read_bytes() == content
    assert len(asked) == 2


def test_wheel_for_another_python(bench: Bench, tmp_path: Path) -> None:
    """The sentence names the tags of the file, and those that would do."""
    path = write_wheel(tmp_path, "mine", "1.0", "cp313-cp313-win_amd64")

    with pytest.raises(PackageError) as caught:
        bench.resolve(path)
    for part in (path.name, "is for cp313-cp313-win_amd64", "Python 3.12", "py3-none-any"):
        assert part in str(caught.value)


class TestRefusals:
    """What the owner reads when the index does not help."""

    def test_only_source(self, bench: Bench) -> None:
        """A package without wheels is told from one that does not exist."""
        (bench.index / "raw-1.0.tar.gz").write_bytes(b"never opened")

        with pytest.raises(PackageError, match=r"'raw'.* only as source .*pip wheel.* native"):
            bench.resolve("raw")

    def test_constraints_of_the_owner(
        self, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They count, and are named where they leave nothing."""
        for version in ("1.0", "2.0"):
            write_wheel(bench.index, "base", version)
        bounds = tmp_path / "constraints.txt"
        bounds.write_text("base<2\nraw<9\n")
        monkeypatch.setenv("PIP_CONSTRAINT", str(bounds))
        (bench.index / "raw-1.0.tar.gz").write_bytes(b"never opened")

        assert bench.versions("base") == {"base": "1.0"}
        with pytest.raises(PackageError, match=r"'raw' has no wheel .* constraints of your pip"):
            bench.resolve("raw")

    def test_unknown(self, bench: Bench) -> None:
        """A typing error is answered by the name that was meant."""
        with pytest.raises(PackageError, match=r"did you mean 'numpy'.* index does not have"):
            bench.resolve("nunpy")

    def test_version(self, bench: Bench) -> None:
        """The versions that exist for browsers are named, those of the release among them."""
        write_wheel(bench.index, "parallels", "1.5")

        with pytest.raises(PackageError, match=r"'parallels>=9': for browsers there is 1\.4, 1\.5"):
            bench.resolve("parallels>=9")

    def test_contradiction(self, bench: Bench) -> None:
        """Pip's reasons are passed on."""
        write_wheel(bench.index, "app", "1.0")
        write_wheel(bench.index, "other", "1.0", requires=["app<1"])

        with pytest.raises(PackageError, match=r"other 1\.0 depends on app<1"):
            bench.resolve("app", "other")

    def test_no_pip(self, bench: Bench, tmp_path: Path) -> None:
        """Without pip the error says how to get it, and what the release has is had."""
        venv.create(tmp_path / "bare", with_pip=False)
        pip = Pip(str(tmp_path / "bare" / "bin" / "python"))
        places = Places(bench.places.lock, (), bench.places.cache, bench.places.fetch, pip)

        assert [wheel.name for wheel in resolve(["numpy"], places)] == ["libblas", "numpy"]
        with pytest.raises(PackageError, match="pip is not installed here"):
            resolve(["app"], places)


def test_index_that_is_gone(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fetched while there was an index is there without; the rest says what to do."""
    wheel = write_wheel(tmp_path, "base", "1.0")
    page = f'<a href="../{wheel.name}">{wheel.name}</a>'.encode()
    monkeypatch.delenv("PIP_NO_INDEX")
    with served({"base/": page, wheel.name: wheel.read_bytes()}) as (address, asked):
        monkeypatch.setenv("PIP_INDEX_URL", address)
        first = bench.resolve("base")
        assert "/full/base/" in asked

    assert bench.resolve("base") == first
    with pytest.raises(PackageError, match=r"index cannot be reached .*nitocris cache fetch"):
        bench.resolve("other")


def test_release_out_of_reach(bench: Bench) -> None:
    """The index stands in with equal versions, which the cache has then."""

    def unreachable(url: str, _limit: int) -> bytes:
        raise OSError(f"{url} is blocked here")

    write_wheel(bench.index, "parallels", "1.4")
    lock, folders, cache, pip = (
        bench.places.lock,
        bench.places.folders,
        bench.places.cache,
        bench.places.pip,
    )
    places = Places(lock, folders, cache, unreachable, pip)

    (wheel,) = resolve(["parallels"], places)

    assert wheel.source == "package index"
    assert [*bench.offline.resolve("parallels").values()] == [wheel]
    with pytest.raises(PackageError, match="is blocked here"):
        resolve(["numpy"], places)


def test_two_processes_at_once(bench: Bench, tmp_path: Path) -> None:
    """Both get the package, and one file of it is kept."""
    write_wheel(bench.index, "app", "1.0", requires=["base"])
    write_wheel(bench.index, "base", "1.0")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "shared")}
    command = [sys.executable, "-m", "nitocris", "cache"]

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, text=True, env=environment
        )

    answers = [each.communicate() for each in [start("fetch", "app"), start("fetch", "app")]]
    listed, _ = start("list").communicate()

    for said, _ in answers:
        assert "2 packages" in said
    assert [line.split()[0] for line in listed.splitlines()][:2] == ["app", "base"]
    assert len(listed.splitlines()) == 3


def test_closing_does_not_wait_for_an_index(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that says nothing holds up nobody who leaves."""
    caught: list[BaseException] = []

    def work(ask: Callable[[Sequence[str], Places], object]) -> None:
        try:
            ask(["base"], bench.places)
        except ClosedError as error:
            caught.append(error)

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "600")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread = threading.Thread(target=work, args=(resolve,))
        thread.start()
        connection, _ = server.accept()
        assert bench.places.pip is not None
        bench.places.pip.stop()
        thread.join()
        connection.close()

    assert len(caught) == 1
