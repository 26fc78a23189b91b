"""Which wheels the workers need, and where they come from."""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nitocris.downloads import download, wheel_cache
from nitocris.errors import PackageError
from nitocris.packages import Places, Wheel, folders_from_environment
from nitocris.packages import resolve as resolve_in
from nitocris.pyodide_lock import Lock, find_lock, read_lock
from tests.support.wheels import Release, served, write_wheel


def resolve(packages: Sequence[str], **places: Any) -> list[Wheel]:
    """Resolves in these places, without a package index."""
    return resolve_in(packages, Places(**places))


def no_fetch(url: str, _limit: int) -> bytes:
    """A machine without a network."""
    raise OSError(f"{url}: no network")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for wheels."""
    path = tmp_path / "wheels"
    path.mkdir()
    return path


@pytest.fixture
def release() -> Release:
    """A release with the packages that most tests need."""
    release = Release()
    release.add("numpy", "2.0.2", imports=["numpy"])
    release.add("openblas", "0.3.26", filename="openblas-0.3.26.zip", install_dir="dynlib")
    release.add("openssl", "1.1.1w", filename="openssl-1.1.1w.zip", install_dir="dynlib")
    release.add("ssl", "1.0.0", depends=["openssl"], imports=["ssl", "_ssl"])
    release.add("scipy", "1.14.1", depends=["numpy", "openblas"], imports=["scipy"])
    release.add("joblib", "1.4.0", imports=["joblib"])
    release.add(
        "scikit-learn", "1.6.1", depends=["scipy", "joblib", "threadpool_ctl"], imports=["sklearn"]
    )
    release.add("threadpool-ctl", "3.5.0")
    release.add("Pillow", "10.2.0", imports=["PIL"])
    return release


@pytest.fixture
def lock(release: Release, tmp_path: Path) -> Lock:
    """The lock of `release`."""
    return release.lock(tmp_path / "runtime")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that does not exist yet."""
    return tmp_path / "cache"


@pytest.fixture
def offline(lock: Lock, folder: Path, cache: Path) -> Callable[..., list[Wheel]]:
    """Resolves names with the folder only."""
    return lambda *packages: resolve(
        packages, lock=lock, folders=[folder], cache=cache, fetch=no_fetch
    )


class TestFolders:
    """Wheels that the owner gives."""

    def test_wheel_is_described(self, offline: Callable[..., list[Wheel]], folder: Path) -> None:
        """A folder's wheel comes with its size and its own SHA-256."""
        path = write_wheel(folder, "tiny", "1.0")

        assert offline("tiny") == [
            Wheel(
                name="tiny",
                version="1.0",
                filename="tiny-1.0-py3-none-any.whl",
                path=path,
                size=path.stat().st_size,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
        ]

    def test_folder_comes_before_the_release(
        self, offline: Callable[..., list[Wheel]], folder: Path
    ) -> None:
        """A wheel in a folder wins over another version in the lock, and nothing is fetched."""
        path = write_wheel(folder, "numpy", "2.0.1", "cp312-cp312-pyodide_2024_0_wasm32")

        assert [wheel.path for wheel in offline("numpy")] == [path]

    def test_newest_fitting_wheel_wins(
        self, offline: Callable[..., list[Wheel]], folder: Path
    ) -> None:
        """Versions are compared as versions, and wheels for other machines do not count."""
        for version in ("1.9", "1.10", "1.2"):
            write_wheel(folder, "tiny", version)
        write_wheel(folder, "tiny", "3.0", "cp312-cp312-manylinux_2_28_x86_64")

        assert [wheel.version for wheel in offline("tiny")] == ["1.10"]

    def test_wheel_for_exactly_this_release_wins(
        self, offline: Callable[..., list[Wheel]], folder: Path
    ) -> None:
        """Of two builds of one version, the one for the release's own platform is taken."""
        write_wheel(folder, "fast", "1.0", "cp312-cp312-emscripten_3_1_39_wasm32")
        path = write_wheel(folder, "fast", "1.0", "cp312-cp312-emscripten_3_1_58_wasm32")

        assert [wheel.path for wheel in offline("fast")] == [path]

    @pytest.mark.parametrize(
        ("tag", "fits"),
        [
            ("py3-none-any", True),
            ("py2.py3-none-any", True),
            ("py312-none-any", True),
            ("py313-none-any", False),
            ("py2-none-any", False),
            ("cp312-cp312-pyodide_2024_0_wasm32", True),
            ("cp312-cp312-emscripten_3_1_58_wasm32", True),
            ("cp312-cp312-pyemscripten_2024_0_wasm32", True),
            ("cp311-cp311-emscripten_3_1_46_wasm32", False),
            ("cp313-cp313-pyodide_2024_0_wasm32", False),
            ("cp39-abi3-pyodide_2024_0_wasm32", True),
            ("cp313-abi3-pyodide_2024_0_wasm32", False),
            ("cp312-cp312-manylinux_2_17_x86_64", False),
            ("cp39-abi3-win_amd64", False),
        ],
    )
    def test_tags(
        self, offline: Callable[..., list[Wheel]], folder: Path, tag: str, fits: bool
    ) -> None:
        """A wheel fits when it is pure, or for WebAssembly and this Python (here 3.12)."""
        path = write_wheel(folder, "tiny", "1.0", tag)

        if fits:
            assert [wheel.path for wheel in offline("tiny")] == [path]
        else:
            with pytest.raises(PackageError, match=r"is not for Python 3\.12 in browsers"):
                offline("tiny")

    def test_names_are_normalised(self, offline: Callable[..., list[Wheel]], folder: Path) -> None:
        """`Tiny.Tool` and `tiny_tool` are one package, as everywhere in Python."""
        write_wheel(folder, "tiny-tool", "1.0")

        assert offline("Tiny.Tool") == offline("tiny_tool")

    def test_other_files_are_left_alone(
        self, offline: Callable[..., list[Wheel]], folder: Path
    ) -> None:
        """Files in the folder that are no wheels do no harm."""
        write_wheel(folder, "tiny", "1.0")
        (folder / "notes.txt").write_text("mine")
        (folder / "half.whl").write_text("no wheel's name")

        assert len(offline("tiny")) == 1

    def test_missing_folder(self, lock: Lock, tmp_path: Path, cache: Path) -> None:
        """A folder that does not exist is an error at once, not a package not found."""
        with pytest.raises(PackageError, match=r"nowhere' cannot be read .*NITOCRIS_WHEELS"):
            resolve([], lock=lock, folders=[tmp_path / "nowhere"], cache=cache)

    def test_folders_from_environment(self) -> None:
        """NITOCRIS_WHEELS is written as PATH is."""
        value = os.pathsep.join(["/a", "", "/b"])

        assert folders_from_environment({"NITOCRIS_WHEELS": value}) == [Path("/a"), Path("/b")]
        assert folders_from_environment({}) == []


class TestHashes:
    """What folders, the lock and the cache say about bytes."""

    @pytest.mark.parametrize("name", ["SHA256SUMS", "tiny-1.0-py3-none-any.whl.sha256"])
    @pytest.mark.parametrize("line", ["{hash}  {name}\n", "{hash} *{name}\n"])
    def test_folder_says_the_same(
        self, offline: Callable[..., list[Wheel]], folder: Path, name: str, line: str
    ) -> None:
        """A wheel with the hash that its folder names is taken."""
        path = write_wheel(folder, "tiny", "1.0")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / name).write_text(line.format(hash=digest.upper(), name=path.name))

        assert [wheel.sha256 for wheel in offline("tiny")] == [digest]

    @pytest.mark.parametrize("name", ["SHA256SUMS", "tiny-1.0-py3-none-any.whl.sha256"])
    @pytest.mark.parametrize("mark", [" ", "*"])
    def test_folder_says_otherwise(
        self, offline: Callable[..., list[Wheel]], folder: Path, name: str, mark: str
    ) -> None:
        """A wrong hash is one error that names both hashes and the path."""
        path = write_wheel(folder, "tiny", "1.0")
        (folder / name).write_text(f"{'0' * 64} {mark}{path.name}\n")
        actual = hashlib.sha256(path.read_bytes()).hexdigest()

        with pytest.raises(PackageError) as caught:
            offline("tiny")
        for part in (str(path), actual, "0" * 64, name):
            assert part in str(caught.value)

    def test_cdn_serves_something_else(self, release: Release, lock: Lock, cache: Path) -> None:
        """What comes over the network must be what the lock says, and is not kept otherwise."""
        with pytest.raises(PackageError, match="has the SHA-256") as caught:
            resolve(["numpy"], lock=lock, cache=cache, fetch=lambda _url, _limit: b"malware")

        for part in (hashlib.sha256(b"malware").hexdigest(), lock.packages["numpy"].sha256):
            assert part in str(caught.value)
        assert not cache.exists()
        assert release.files


class TestRelease:
    """Packages of the Pyodide release, from its CDN and the cache."""

    def test_from_the_cdn_then_from_the_cache(
        self, release: Release, tmp_path: Path, cache: Path
    ) -> None:
        """A package is fetched over HTTP once, checked, and kept."""
        with served(release.files) as (address, asked):
            lock = release.lock(tmp_path / "runtime", address)
            first = resolve(["numpy"], lock=lock, cache=cache)
            second = resolve(["numpy"], lock=lock, cache=cache, fetch=no_fetch)

        assert first == second
        assert asked == ["/full/numpy-2.0.2-cp312-cp312-pyodide_2024_0_wasm32.whl"]
        (wheel,) = first
        assert wheel.path.parent == cache
        assert wheel.path.read_bytes() == release.files[wheel.filename]
        assert wheel.size == len(release.files[wheel.filename])
        assert [path.name for path in cache.iterdir()] == [wheel.filename]

    def test_damaged_cache_is_repaired(
        self, release: Release, tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A cached file with a wrong hash is removed and fetched again."""
        with served(release.files) as (address, asked):
            lock = release.lock(tmp_path / "runtime", address)
            (wheel,) = resolve(["numpy"], lock=lock, cache=cache)
            wheel.path.write_bytes(b"half")
            with pytest.raises(PackageError, match="no network"):
                resolve(["numpy"], lock=lock, cache=cache, fetch=no_fetch)
            assert not wheel.path.exists()
            wheel.path.write_bytes(b"half")
            with caplog.at_level(logging.WARNING, "nitocris.packages"):
                assert resolve(["numpy"], lock=lock, cache=cache) == [wheel]

        assert len(asked) == 2
        assert wheel.path.read_bytes() == release.files[wheel.filename]
        assert "wrong SHA-256" in caplog.text

    def test_dependencies_come_first_and_once(
        self, release: Release, lock: Lock, cache: Path
    ) -> None:
        """The list is flat and can be installed in its order; names in the lock are normalised."""
        wheels = resolve(
            ["scikit-learn", "numpy", "scipy"],
            lock=lock,
            cache=cache,
            fetch=lambda url, _limit: release.files[url.rpartition("/")[2]],
        )

        assert [wheel.name for wheel in wheels] == [
            "numpy",
            "openblas",
            "scipy",
            "joblib",
            "threadpool-ctl",
            "scikit-learn",
        ]
        assert [wheel.install_dir for wheel in wheels if wheel.name == "openblas"] == ["dynlib"]

    def test_absolute_address_in_the_lock(
        self, release: Release, tmp_path: Path, cache: Path
    ) -> None:
        """A lock may name a file elsewhere; it is kept under its own name."""
        release.add("far", filename="https://elsewhere.invalid/a/far-1.0-py3-none-any.whl?x=1")
        lock = release.lock(tmp_path / "runtime")
        urls = []

        def fetch(url: str, _limit: int) -> bytes:
            urls.append(url)
            return release.files[url]

        (wheel,) = resolve(["far"], lock=lock, cache=cache, fetch=fetch)
        assert urls == ["https://elsewhere.invalid/a/far-1.0-py3-none-any.whl?x=1"]
        assert wheel.path == cache / "far-1.0-py3-none-any.whl"

    def test_unreachable(self, lock: Lock, cache: Path) -> None:
        """Without a network the error says where the package was looked for, and what to do."""
        with pytest.raises(PackageError) as caught:
            resolve(["numpy"], lock=lock, cache=cache, fetch=no_fetch)

        for part in ("'numpy'", str(cache), "https://cdn.invalid/numpy-2.0.2", "no network"):
            assert part in str(caught.value)

    def test_unwritable_cache(self, release: Release, lock: Lock, tmp_path: Path) -> None:
        """A cache that cannot be written is an error of its own."""
        occupied = tmp_path / "file"
        occupied.touch()

        with pytest.raises(PackageError, match=r"cache .*file cannot be written"):
            resolve(
                ["numpy"],
                lock=lock,
                cache=occupied,
                fetch=lambda url, _limit: release.files[url.rpartition("/")[2]],
            )

    def test_cache_is_by_release(self, lock: Lock) -> None:
        """Two releases may have files of the same name, so each has its own folder."""
        assert wheel_cache(lock) != wheel_cache(replace(lock, version="0.29.5"))


class TestRequirements:
    """Names, versions, markers and dependencies."""

    @pytest.mark.parametrize("name", ["json", "math", "concurrent", "nitocris", "cloudpickle"])
    def test_nothing_to_do(
        self, offline: Callable[..., list[Wheel]], name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What every worker has is no error and needs no wheel; the debug log says so."""
        with caplog.at_level(logging.DEBUG, "nitocris.packages"):
            assert offline(name) == []

        assert name in caplog.text

    def test_standard_library_that_pyodide_packages(
        self, release: Release, lock: Lock, cache: Path
    ) -> None:
        """`ssl` is in the standard library, yet in Pyodide a package, so it is taken from there."""
        wheels = resolve(
            ["ssl"],
            lock=lock,
            cache=cache,
            fetch=lambda url, _limit: release.files[url.rpartition("/")[2]],
        )

        assert [wheel.name for wheel in wheels] == ["openssl", "ssl"]

    def test_specifier_chooses(self, offline: Callable[..., list[Wheel]], folder: Path) -> None:
        """A version that was asked for is chosen, although there is a newer one."""
        write_wheel(folder, "tiny", "1.0")
        write_wheel(folder, "tiny", "2.0")

        assert [wheel.version for wheel in offline("tiny<2")] == ["1.0"]

    def test_specifier_that_nothing_meets(
        self, offline: Callable[..., list[Wheel]], folder: Path
    ) -> None:
        """The error names what there is."""
        path = write_wheel(folder, "numpy", "2.1")

        with pytest.raises(PackageError) as caught:
            offline("numpy>=3")
        for part in ("'numpy>=3'", f"{path} has 2.1", "Pyodide 0.27.8 has 2.0.2"):
            assert part in str(caught.value)

    def test_version_that_is_no_version(self, offline: Callable[..., list[Wheel]]) -> None:
        """The lock has versions such as 1.1.1w; to compare with one is a plain error."""
        with pytest.raises(PackageError, match=r"has 1\.1\.1w"):
            offline("openssl>=1")

    def test_folder_dependencies(self, offline: Callable[..., list[Wheel]], folder: Path) -> None:
        """A wheel brings what its metadata requires on a worker: markers are the worker's."""
        write_wheel(
            folder,
            "app",
            "1.0",
            requires=[
                "base>=1",
                "here; sys_platform == 'emscripten' and python_version == '3.12'",
                "windows; sys_platform == 'win32'",
                "old; python_version < '3.12'",
                "more; extra == 'all'",
                "math",
            ],
        )
        for name in ("base", "here"):
            write_wheel(folder, name, "1.0")

        assert [wheel.name for wheel in offline("app")] == ["base", "here", "app"]

    def test_circle(self, offline: Callable[..., list[Wheel]], folder: Path) -> None:
        """Packages that need each other come once each."""
        write_wheel(folder, "egg", "1.0", requires=["hen"])
        write_wheel(folder, "hen", "1.0", requires=["egg"])

        assert [wheel.name for wheel in offline("egg")] == ["hen", "egg"]

    def test_missing_dependency(self, offline: Callable[..., list[Wheel]], folder: Path) -> None:
        """The error says who needs what is not there."""
        write_wheel(folder, "app", "1.0", requires=["gone>=2"])

        with pytest.raises(PackageError, match=r"no package 'gone>=2', which app 1\.0 needs"):
            offline("app")

    def test_contradiction_and_its_remedy(
        self, offline: Callable[..., list[Wheel]], folder: Path
    ) -> None:
        """The first choice stays; a package named by the owner binds all others."""
        write_wheel(folder, "base", "1.0")
        write_wheel(folder, "base", "2.0")
        write_wheel(folder, "first", "1.0", requires=["base"])
        write_wheel(folder, "second", "1.0", requires=["base<2"])

        with pytest.raises(PackageError, match=r"second 1\.0 needs 'base<2', but base 2\.0 was"):
            offline("first", "second")
        chosen = {wheel.name: wheel.version for wheel in offline("first", "second", "base<2")}
        assert chosen["base"] == "1.0"

    def test_marker_of_the_owner(self, offline: Callable[..., list[Wheel]], folder: Path) -> None:
        """A requirement that is not for the workers is left out, its version too."""
        write_wheel(folder, "tiny", "1.0")

        assert offline("gone; sys_platform == 'linux'") == []
        assert offline("tiny>=2; sys_platform == 'linux'", "tiny")[0].version == "1.0"


class TestErrors:
    """What the owner reads when a package cannot be had."""

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("sklearn", "'scikit-learn'"),
            ("PIL", "'pillow'"),
            ("nunpy", "'numpy'"),
            ("Scikit_Lern", "'scikit-learn'"),
            ("tinny", "'tiny'"),
        ],
    )
    def test_suggestion(
        self, offline: Callable[..., list[Wheel]], folder: Path, written: str, meant: str
    ) -> None:
        """The name of a module or a typing error is answered by the name that was meant."""
        write_wheel(folder, "tiny", "1.0")

        with pytest.raises(PackageError, match=f"no package '{written}'.*did you mean {meant}"):
            offline(written)

    def test_unknown(self, offline: Callable[..., list[Wheel]], folder: Path) -> None:
        """Without a guess the error still says where it was looked for and what to do."""
        with pytest.raises(PackageError) as caught:
            offline("qqqqqq")

        for part in ("'qqqqqq'", str(folder), "Pyodide 0.27.8", "wheels=["):
            assert part in str(caught.value)
        assert "did you mean" not in str(caught.value)

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            ("num py", "is no name of a package"),
            ("", "is no name of a package"),
            ("./tiny-1.0-py3-none-any.whl", "is not there"),
            ("./tiny.whl", "is no wheel"),
            (3, "is no name of a package"),
            ("tiny @ https://cdn.invalid/tiny.whl", "is no wheel"),
            ("tiny @ https://cdn.invalid/tiny-1.0-py3-none-any.whl", "no network"),
            ("other @ https://cdn.invalid/tiny-1.0.tar.gz", "is a source archive"),
            ("./tiny-1.0.tar.gz", "is a source archive"),
        ],
    )
    def test_no_name(self, offline: Callable[..., list[Wheel]], written: object, said: str) -> None:
        """What is no plain requirement is refused with the way to write it."""
        with pytest.raises(PackageError, match=said):
            offline(written)

    def test_one_text_is_no_list(self, lock: Lock) -> None:
        """`packages="numpy"` would be five packages."""
        with pytest.raises(PackageError, match=r"write packages=\['numpy'\]"):
            resolve("numpy", lock=lock)

    @pytest.mark.parametrize("damage", ["text", "cut", "no metadata", "flipped", "deflate"])
    def test_damaged_wheel(
        self, offline: Callable[..., list[Wheel]], folder: Path, damage: str
    ) -> None:
        """A wheel that cannot be read is an error that names the file."""
        path = write_wheel(folder, "tiny", "1.0")
        content = path.read_bytes()
        path.write_bytes(
            {
                "text": b"not found",
                "cut": content[: len(content) // 2],
                "no metadata": content.replace(b"METADATA", b"METADUTU"),
                "flipped": content.replace(b"Version: 1.0", b"Version: 1.1"),
                # Stored data that says it is compressed: method 8 is deflate, in both headers.
                "deflate": content.replace(b"PK\3\4\x14\0\0\0\0", b"PK\3\4\x14\0\0\0\x08").replace(
                    b"PK\1\2\x14\3\x14\0\0\0\0", b"PK\1\2\x14\3\x14\0\0\0\x08"
                ),
            }[damage]
        )

        with pytest.raises(PackageError, match=f"{path.name} is no wheel that can be read"):
            offline("tiny")

    def test_wheel_for_another_python(
        self, offline: Callable[..., list[Wheel]], folder: Path
    ) -> None:
        """`Requires-Python` is compared with the workers' Python, not with this one."""
        write_wheel(folder, "tiny", "1.0", requires_python=">=3.13")

        with pytest.raises(PackageError, match=r"is for Python >=3\.13, .* workers have 3\.12\.7"):
            offline("tiny")


class TestLock:
    """The lock files beside the runtimes."""

    def test_found_by_python(self, tmp_path: Path) -> None:
        """The release with the wanted minor version of Python is taken, and knows its CDN."""
        Release("0.25.1", "3.11.3").write_lock(tmp_path)
        Release("0.27.8", "3.12.7").write_lock(tmp_path)

        lock = find_lock((3, 12), tmp_path)

        assert (lock.version, lock.minor) == ("0.27.8", (3, 12))
        assert lock.base_url == "https://cdn.jsdelivr.net/pyodide/v0.27.8/full/"

    def test_none_for_this_python(self, tmp_path: Path) -> None:
        """The error says which there are."""
        Release("0.25.1", "3.11.3").write_lock(tmp_path)

        with pytest.raises(PackageError, match=r"has Python 3\.14.*there is: 3\.11"):
            find_lock((3, 14), tmp_path)

    @pytest.mark.parametrize(
        "content", [b"", b"no gzip", gzip.compress(b"{}"), gzip.compress(b"[")]
    )
    def test_damaged(self, tmp_path: Path, content: bytes) -> None:
        """A lock that cannot be read is an error that names it."""
        path = tmp_path / "packages.json.gz"
        path.write_bytes(content)

        with pytest.raises(PackageError, match=r"packages\.json\.gz is no lock file"):
            read_lock(path)


class TestDownload:
    """One file over HTTP."""

    def test_limit(self) -> None:
        """A file that is too large is given up, not kept in memory."""
        with served({"big": bytes(2000)}) as (address, _), pytest.raises(OSError, match="1000"):
            download(f"{address}big", 1000)

    def test_cut(self) -> None:
        """A connection that ends early is an error, not a short file."""
        with served({"cut": b"abc"}) as (address, _), pytest.raises(OSError, match="3 of 4 bytes"):
            download(f"{address}cut", 1000)

    def test_not_found(self) -> None:
        """The server's answer is in the message."""
        with served({}) as (address, _), pytest.raises(OSError, match="404"):
            download(f"{address}gone", 1000)

    def test_deadline(self) -> None:
        """A file that comes too slowly is given up."""
        with (
            served({"slow": b"abc"}) as (address, _),
            pytest.raises(TimeoutError, match="0 seconds"),
        ):
            download(f"{address}slow", 1000, deadline=0)

    def test_silence(self) -> None:
        """A server that accepts and says nothing does not block for ever."""
        with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(OSError):  # noqa: PT011
            download(f"http://127.0.0.1:{server.getsockname()[1]}/", 1000, silence=0.05)

    def test_other_schemes(self, tmp_path: Path) -> None:
        """A lock cannot make the coordinator read local files."""
        with pytest.raises(OSError, match="only http and https"):
            download(tmp_path.as_uri(), 1000)
