"""The owner's own modules: which they are, which files of them travel, what is said of them."""

from __future__ import annotations

import importlib
import importlib.machinery
import io
import sys
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nitocris import archives, own_modules
from nitocris.captures import examine
from nitocris.errors import NotSendableError
from nitocris.function import encode_function, encode_items, modules_used_by
from nitocris.imports import imports_of_source
from nitocris.own_modules import needs

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path; what was imported from it is forgotten after the test."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def write(project: Path) -> Write:
    def write(name: str, content: str | bytes = "") -> Path:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        importlib.invalidate_caches()
        return path

    return write


def files(*names: str) -> list[str]:
    return [file for module in needs(names).modules for file in module.files]


def test_a_package_travels_whole_without_what_is_no_part_of_it(write: Write) -> None:
    """Modules and data files; no caches, environments, hidden files or bytecode."""
    for name in (
        *("own_a/__init__.py", "own_a/core.py", "own_a/data/table.csv", "own_a/inner/__init__.py"),
        *("own_a/__pycache__/core.pyc", "own_a/.git/config", "own_a/.env", "own_a/old.pyc"),
        *("own_a/venv/pyvenv.cfg", "own_a/venv/lib.py", "own_a/x.egg-info/top", "own_a/core.py~"),
    ):
        write(name, "")

    assert files("own_a.core") == [
        "own_a/__init__.py",
        "own_a/core.py",
        "own_a/data/table.csv",
        "own_a/inner/__init__.py",
    ]


def test_imports_are_followed_but_only_those_that_are_needed(write: Write) -> None:
    """Relative and circular ones, inside functions too; modules that nobody imports bring none."""
    write("own_a/__init__.py", "")
    write("own_a/core.py", "from . import inner\nfrom .inner import deep as d\nimport own_b\n")
    write("own_a/inner/__init__.py", "from ..core import nothing\n")
    write("own_a/inner/deep.py", "def f():\n    import json, yaml\n    from own_c.x import y\n")
    write("own_a/plots.py", "import matplotlib\nimport own_d\n")
    write("own_b.py", "import own_a.core, numpy.linalg\nif __name__ == '__main__':\n import tqdm\n")
    write("own_c/x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\n")
    write("own_d.py", "")

    found = needs(["own_a.core"])

    assert [module.name for module in found.modules] == ["own_a", "own_b", "own_c"]
    assert found.imports == {"numpy", "yaml"}


def test_imports_are_read_as_the_code_says_them() -> None:
    """Levels of relative imports, stars and aliases."""
    source = b"import a.b as c\nfrom . import d\nfrom ..e import f as g\nfrom h import *\n"

    assert imports_of_source(source, "top.sub") == {
        *("a.b", "top.sub", "top.sub.d", "top.e", "top.e.f", "h")
    }


def test_what_is_installed_or_python_s_is_not_own(write: Write) -> None:
    """Nor is the library itself, wherever it was installed from."""
    write("own_a.py", "import json, pytest, nitocris, cloudpickle, _thread, no_such_module\n")

    found = needs(["own_a"])

    assert [module.name for module in found.modules] == ["own_a"]
    assert found.imports == {"pytest", "no_such_module"}


def test_own_modules_are_no_packages(write: Write) -> None:
    """But what they import is, also where only items know of them."""
    write("own_a.py", "import numpy\nclass Box: pass\ndef f(x): return x\n")
    own = importlib.import_module("own_a")

    assert modules_used_by(own.f) == {"numpy"}
    assert modules_used_by(abs, [own.Box()]) == {"numpy"}


def test_the_same_files_give_the_same_bytes(write: Write) -> None:
    """Whenever they were written, so that a device does not fetch them again."""
    write("own_a/__init__.py", "A = 1\n")
    path = write("own_a/b.py", "B = 1\n")
    (first,) = needs(["own_a"]).modules

    path.unlink()
    write("own_a/b.py", "B = 1\n")
    (second,) = needs(["own_a"]).modules
    write("own_a/b.py", "B = 2\n")
    (third,) = needs(["own_a"]).modules

    assert first.archive == second.archive != third.archive
    with zipfile.ZipFile(io.BytesIO(third.archive)) as archive:
        assert archive.read("own_a/b.py") == b"B = 2\n"


def test_large_files_and_keys_stay_behind_and_are_named(write: Write) -> None:
    """With the limit, and what to do instead."""
    write("own_a/__init__.py", "")
    write("own_a/weights.bin", bytes(archives.MAX_FILE_BYTES + 1))
    write("own_a/server.pem", "secret")

    found = needs(["own_a"])

    assert found.modules[0].files == ("own_a/__init__.py",)
    assert found.warnings == (
        "the own module own_a travels without own_a/weights.bin (8.0 MB): files of more than 8 MB "
        "stay here; pass what is in them as an item or by share",
        "the own module own_a travels without own_a/server.pem (0.0 MB), which looks like a key",
    )


def test_a_package_that_is_a_whole_project_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both numbers."""
    monkeypatch.setattr(archives, "MAX_TREE_FILES", 2)
    for name in ("__init__", "b", "c"):
        write(f"own_a/{name}.py", "")

    with pytest.raises(NotSendableError, match=r"own_a has 3 files .* at most 2 with 64 MB"):
        needs(["own_a"])


def test_a_c_extension_is_pointed_out(write: Write) -> None:
    """It travels: native workers of this platform can import it."""
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    write("own_a/__init__.py", "from . import fast\n")
    write(f"own_a/fast{suffix}", b"\x7fELF")

    found = needs(["own_a"])

    assert f"own_a/fast{suffix}" in found.modules[0].files
    assert "own_a.fast is a C extension" in found.warnings[0]
    assert "no browser can" in found.warnings[0]


def test_the_name_of_a_standard_module_is_refused(write: Write) -> None:
    """Workers need that one themselves."""
    write("colorsys.py", "")
    sys.modules.pop("colorsys", None)

    with pytest.raises(NotSendableError, match=r"colorsys.*of the standard library.*rename it"):
        needs(["colorsys"])


def test_a_file_that_is_no_python_any_more_is_an_error_here(write: Write) -> None:
    """Not on a volunteer's device."""
    write("own_a.py", "def f(:\n")

    with pytest.raises(NotSendableError, match=r"own_a cannot travel: .*own_a\.py, line 1"):
        needs(["own_a"])


def test_an_import_of_a_module_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no file."""
    monkeypatch.setitem(sys.modules, "own_memory", types.ModuleType("own_memory"))

    with pytest.raises(NotSendableError, match=r"own_memory was made in memory and has no file"):
        needs(["own_memory"])


CHANGES: list[tuple[str, str, str]] = [
    ("def f(x):\n    return x\n", "def f(x):\n    return x + 1\n", "has changed since"),
    ("def f(x):\n    return x\n", "# moved\n\ndef f(x):\n    return x  # same\n", ""),
    ("class A:\n  def f(self): return 1\n", "class A:\n  def f(self): return 2\n", "has changed"),
    ("A = 1\n", "A = 2\n", "own_a.A is 1 here, but 2 in own_a.py"),
    ("A = 1\n", "import os\nA = 1 if os.sep else 2\n", ""),
    ("A = 1\n", "A = 1\nB = 2\n", ""),
    ("def f(x): return x\n", "def g(x): return x\n", "has changed since"),
]


@pytest.mark.parametrize(("before", "after", "sentence"), CHANGES)
def test_a_module_that_is_not_as_its_file_is_pointed_out(
    write: Write, before: str, after: str, sentence: str
) -> None:
    """What it does counts, not when it was written; reloading makes it good."""
    write("own_a.py", before)
    module = importlib.import_module("own_a")
    assert needs(["own_a"]).warnings == ()

    path = write("own_a.py", after)

    warnings = needs(["own_a"]).warnings
    assert len(warnings) == bool(sentence)
    assert sentence in "".join(warnings)
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
    if "def g" not in after:  # what was there before a reload stays
        importlib.reload(module)
        assert needs(["own_a"]).warnings == ()


def test_what_travels_with_the_function_does_not_travel_with_items(write: Write) -> None:
    """Only what it lacks does."""
    write("own_a.py", "class Box: pass\ndef f(x): return x\n")
    own: Any = importlib.import_module("own_a")

    function = encode_function(own.f)
    items = encode_items([(own.Box(),)], 0, function.modules)

    assert function.modules == {"own_a"}
    assert len(function.blobs) == 1
    assert items.blobs == ()
    assert encode_items([(own.Box(),)], 0).blobs == function.blobs


def test_an_examination_names_modules_and_imports(write: Write) -> None:
    """For the table before the link is shared."""
    write("own_a.py", "import numpy\ndef f(x): return x\n")
    own: Any = importlib.import_module("own_a")

    found = examine(lambda x: own.f(x))

    (module,) = found.modules
    assert (module.name, module.files, module.bytes) == ("own_a", ("own_a.py",), module.bytes)
    assert 100 < module.bytes < 1000
    assert found.imports - {"tests"} == {"numpy"}
    assert own_modules.needs(["own_a"]).modules == found.modules
