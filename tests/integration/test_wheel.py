"""What `pip install` leaves on a machine without Node."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import urllib.request
import nitocris
from nitocris import DistributedExecution

with DistributedExecution(local_workers=1, progress=False, host="127.0.0.1") as execution:
    page = execution.url.partition("#")[0]
    with urllib.request.urlopen(page) as response:
        assert b"<script" in response.read()
    print(nitocris.__file__)
    print(execution.map(lambda number: number * number, range(5)))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


def build_wheel(source: Path, folder: Path, **environment: str) -> Path:
    """Builds a wheel with what is installed already, and returns its path."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*pip, "--wheel-dir", str(folder), str(source)],
        check=True,
        env={**os.environ, **environment},
    )
    (wheel,) = folder.glob("nitocris-*.whl")
    return wheel


@pytest.mark.timeout(300)
def test_everything_is_in_the_wheel(wheel: Path) -> None:
    """The page, three runtimes with their locks, and all modules, but no tests and no sources."""
    with ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {
        "distributed_execution.py",
        "nitocris/py.typed",
        "nitocris/codec/__init__.py",
        "nitocris/worker/core.py",
        "nitocris/_page/index.html",
        "nitocris/_page/owner.html",
        "nitocris/_page/sandbox.html",
        "nitocris/_page/runtime/index.json",
    } <= {*names}
    for file in ("packages.json.gz", "pyodide.asm.wasm.gz", "python_stdlib.zip.gz"):
        assert sum(name.endswith(f"/{file}") for name in names) == 3
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "nitocris",
        "distributed_execution.py",
    }


@pytest.mark.timeout(300)
def test_works_without_node(wheel: Path, tmp_path: Path) -> None:
    """Installed somewhere else, with no Node on PATH, the first map gives its squares."""
    scratch = tmp_path / "venv"
    venv.create(scratch)
    python = scratch / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    # The dependencies of this environment, but not this tree: .pth files are read in the scratch
    # environment's own folder only, and the editable install is one.
    (site_packages,) = (scratch / "lib").glob("python*/site-packages")
    (site_packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")

    done = subprocess.run(
        [str(python), "-c", PROGRAM],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": str(scratch / "bin"), "HOME": str(tmp_path)},
        check=False,
    )

    assert done.returncode == 0, done.stderr
    module, squares = done.stdout.splitlines()[-2:]
    assert module.startswith(str(scratch))
    assert squares == "[0, 1, 4, 9, 16]"


@pytest.mark.timeout(300)
def test_sdist_needs_no_node(tmp_path: Path) -> None:
    """An sdist contains the built page: a wheel can be made from it where there is no npm."""
    hatchling = [sys.executable, "-m", "hatchling", "build"]
    subprocess.run(
        [*hatchling, "--target", "sdist", "--directory", str(tmp_path)],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    (sdist,) = tmp_path.glob("nitocris-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())

    made = build_wheel(source, tmp_path / "made", PATH=str(Path(sys.executable).parent))

    with ZipFile(made) as archive:
        assert "nitocris/_page/runtime/index.json" in archive.namelist()


@pytest.mark.timeout(300)
def test_without_page_and_node(tmp_path: Path) -> None:
    """A checkout with neither says what to install, instead of packing a wheel without a page."""
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "src" / "nitocris").mkdir(parents=True)

    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": str(Path(sys.executable).parent)},
        check=False,
    )

    assert done.returncode != 0
    assert "there is no npm to build it: install Node 20" in done.stderr
