"""The examples run as their readers run them, and check their own results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests.support.numpy_wheel import BUILDS, numpy_wheel

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody with a browser comes, so the packages for browsers need not."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    if sys.version_info[:2] in BUILDS:
        monkeypatch.setenv("NITOCRIS_WHEELS", str(numpy_wheel().parent))


@pytest.mark.parametrize("path", [pytest.param(each, id=each.stem) for each in SCRIPTS])
def test_script(path: Path, tmp_path: Path) -> None:
    """It ends well, in a folder that is not its own."""
    if sys.version_info[:2] not in BUILDS and "packages=" in path.read_text():
        pytest.skip("there is no NumPy in WebAssembly for this Python")

    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("path", [pytest.param(each, id=each.stem) for each in NOTEBOOKS])
# What Jupyter's own packages warn about is not ours.
@pytest.mark.filterwarnings("ignore")
def test_notebook(path: Path) -> None:
    """All cells run in a real kernel; what is in git has no outputs of anybody's run."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)

    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()


def test_there_are_examples() -> None:
    """Or nothing above would be tested."""
    assert len(SCRIPTS) >= 8
    assert len(NOTEBOOKS) >= 2
