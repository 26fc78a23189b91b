"""The owner's own modules, and what they share, in a real browser."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from nitocris import DistributedExecution, RemoteError
from tests.browser.conftest import Execution, Open

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is imported from; its modules are forgotten after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def execution(volunteer: Open) -> Iterator[DistributedExecution]:
    d = Execution()
    volunteer(d.url).start()
    yield d
    d.close()


@pytest.mark.smoke
def test_modules_with_files_travel_and_a_change_is_seen(
    execution: DistributedExecution, project: Path
) -> None:
    """A package that imports a module beside it and reads a file of its own, then another one."""
    package = project / "browser_shapes"
    package.mkdir()
    (package / "__init__.py").write_text("from .square import area\n")
    (package / "square.py").write_text(
        "from pathlib import Path\nimport browser_units\n"
        "def area(x):\n"
        "    unit = (Path(__file__).parent / 'unit.txt').read_text()\n"
        "    return f'{x * x * browser_units.FACTOR} {unit}'\n"
    )
    (package / "unit.txt").write_text("cm²")
    (project / "browser_units.py").write_text("FACTOR = 10\n")
    shapes = importlib.import_module("browser_shapes")

    assert execution.map(shapes.area, [1, 2]) == ["10 cm²", "40 cm²"]

    (package / "unit.txt").write_text("mm²")
    assert execution.map(shapes.area, [3]) == ["90 mm²"]


def test_a_c_extension_says_that_it_cannot_run_here(
    execution: DistributedExecution, project: Path
) -> None:
    """What a browser raises is a sentence with a way out."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    (project / f"browser_fast{suffix}").write_bytes(b"no browser would look into it")

    def imports_it(_: int) -> object:
        import browser_fast  # type: ignore[import-not-found]

        return browser_fast

    with pytest.raises(ImportError, match=r"C extension .* a browser cannot import it") as caught:
        execution.map(imports_it, [1])
    assert isinstance(caught.value, RemoteError)


def test_shared_and_large_values_arrive(execution: DistributedExecution) -> None:
    """A handle in function and items, and a text of a megabyte that is hoisted out of an item."""
    table = execution.share({"factor": 3, "text": "ä" * 100_000})
    large = "ß" * 1_000_000

    assert execution.map(lambda x: x * table.value["factor"], [1, 2]) == [3, 6]
    found = execution.map(
        lambda pair: (len(pair[0].value["text"]), len(pair[1]), pair[1][-1]),
        [(table, large), (table, large)],
        chunk_size=1,
    )
    assert found == [(100_000, 1_000_000, "ß")] * 2
