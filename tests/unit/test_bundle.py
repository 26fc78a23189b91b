"""The zip of worker-side modules."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nitocris.bundle import worker_bundle

SERVER_SIDE = ("aiohttp", "asyncio", "socket", "threading", "packaging", "platformdirs", "tqdm")
"""What coordinators and native workers need, and a browser would load for nothing."""


@pytest.fixture
def sources() -> dict[str, str]:
    """The bundle's modules by name."""
    with zipfile.ZipFile(io.BytesIO(worker_bundle())) as archive:
        names = [name for name in archive.namelist() if not name.endswith(".pyc")]
        return {name: archive.read(name).decode() for name in names}


def test_imports_alone(tmp_path: Path) -> None:
    """With nothing but the zip and the standard library, the worker starts and pickles."""
    bundle = tmp_path / "worker.zip"
    bundle.write_bytes(worker_bundle())
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(bundle)!r})\n"
        "import nitocris.worker.pyodide as pyodide, nitocris.worker.core, cloudpickle\n"
        "pyodide.PyodideWorker()\n"
        "assert all('worker.zip' in m.__file__ for m in (pyodide, cloudpickle)), 'not the zip'\n"
        "assert pyodide.__cached__ == pyodide.__file__ or pyodide.__file__.endswith('.pyc')\n"
        f"print([name for name in {SERVER_SIDE!r} if name in sys.modules])\n"
    )

    # Isolated, and without site-packages: the interpreter sees the zip only.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert done.stderr == ""
    # cloudpickle itself imports threading.
    assert set(ast.literal_eval(done.stdout)) <= {"threading"}


def test_names(sources: dict[str, str]) -> None:
    """Sorted, without caches, tests or data."""
    assert list(sources) == sorted(sources)
    assert {"nitocris/worker/core.py", "nitocris/codec/__init__.py", "cloudpickle/__init__.py"} <= {
        *sources
    }
    assert all(name.endswith(".py") and "__pycache__" not in name for name in sources)


def test_every_module_lies_beside_its_bytecode(sources: dict[str, str]) -> None:
    """A browser compiles nothing of it."""
    with zipfile.ZipFile(io.BytesIO(worker_bundle())) as archive:
        assert {*archive.namelist()} == {*sources} | {f"{name}c" for name in sources}


def test_every_import_of_ours_is_inside(sources: dict[str, str]) -> None:
    """Imports inside functions find their modules too, although starting does not run them."""
    for name, source in sources.items():
        # The package's own __init__ is lazy: most of its names exist at the owner only.
        if name.startswith("nitocris/") and name != "nitocris/__init__.py":
            for module in imported_modules(name, source):
                path = module.replace(".", "/")
                assert f"{path}.py" in sources or f"{path}/__init__.py" in sources, (name, module)


def imported_modules(name: str, source: str) -> set[str]:
    """Returns the modules of nitocris that a file imports, at the top or anywhere."""
    package = name.removesuffix("/__init__.py").removesuffix(".py").split("/")
    if not name.endswith("/__init__.py"):
        package.pop()
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from . import codec` imports a module, `from .errors import X` does not.
            found.update([module] if node.module else (f"{module}.{a.name}" for a in node.names))
    return {module for module in found if module.partition(".")[0] == "nitocris"}


def test_same_sources_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices recognise a bundle by its hash, so it depends on nothing but the sources."""
    first = worker_bundle()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # where none is kept
    worker_bundle.cache_clear()

    assert worker_bundle() == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_bundle_is_made_once_for_all_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept under the hash of the sources is taken as it is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    worker_bundle.cache_clear()
    made = worker_bundle()
    [kept] = tmp_path.rglob("*.zip")
    was_kept = kept.read_bytes()
    kept.write_bytes(b"kept")
    worker_bundle.cache_clear()
    taken = worker_bundle()
    worker_bundle.cache_clear()

    assert was_kept == made
    assert taken == b"kept"


def test_without_a_cache_the_bundle_is_made_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as on a machine whose home is read-only."""
    first = worker_bundle()
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    worker_bundle.cache_clear()

    assert worker_bundle() == first
