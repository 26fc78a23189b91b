"""Every Python block of the README and the guides runs, with one worker on this machine.

An expression with a value behind it in a comment, such as `d.map(f, items)  # [0, 1]`, must have
that value.  A block that cannot run alone is preceded by the line `<!-- not run -->`.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.numpy_wheel import BUILDS, numpy_wheel
from tests.support.warm import WarmPython

ROOT = Path(__file__).parents[2]

_BLOCK = re.compile(r"^(<!-- not run -->\n)?```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_LINK = re.compile(r"\]\(([^)\s]+)\)")

# Readers have volunteers; here a native worker stands in for them.
_START = """
import runpy
from nitocris import DistributedExecution
DistributedExecution.__init__.__kwdefaults__.update(
    local_workers=1, host="127.0.0.1", progress=False
)
runpy.run_path("block.py", run_name="__main__")
"""


def blocks() -> list[tuple[str, str]]:
    """Returns a name for each block, and its source."""
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = path.read_text()
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if not match[1]:
                found.append((f"{path.relative_to(ROOT)}:{line}", match[2]))
    return found


def with_checks(source: str) -> str:
    """Returns a program in which values in comments have become assertions."""
    lines = source.splitlines()

    class Checks(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.stmt:  # the name that ast calls
            comment = lines[(node.end_lineno or 0) - 1][node.end_col_offset or 0 :].strip()
            try:
                expected = ast.parse(comment.lstrip("# "), mode="eval").body
                ast.literal_eval(expected)
            except (SyntaxError, ValueError):
                return node
            program = f"_found = {ast.unparse(node.value)}\n"
            program += f"assert _found == {ast.unparse(expected)}, _found"
            return ast.If(ast.Constant(value=True), ast.parse(program).body, [])

    return ast.unparse(ast.fix_missing_locations(Checks().visit(ast.parse(source))))


@pytest.fixture(scope="module")
def python() -> Iterator[WarmPython]:
    """One for all blocks: to import takes as long as to run most of them."""
    with WarmPython("import numpy, nitocris.execution") as python:
        yield python


@pytest.mark.parametrize("source", [pytest.param(text, id=name) for name, text in blocks()])
def test_block(
    source: str, python: WarmPython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader who copies the block gets what it says."""
    (tmp_path / "block.py").write_text(with_checks(source))
    if sys.version_info[:2] in BUILDS:
        monkeypatch.setenv("NITOCRIS_WHEELS", str(numpy_wheel().parent))
    elif "packages=" in source:
        pytest.skip("there is no NumPy in WebAssembly for this Python")

    status, printed = python.run(_START, tmp_path)

    assert status == 0, printed


def pages() -> list[Path]:
    """Returns all Markdown that people read."""
    return [
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "examples").glob("*.md")),
    ]


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in pages()])
def test_links_lead_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading that it has."""
    for target, _, fragment in (each.partition("#") for each in _LINK.findall(page.read_text())):
        if target.startswith(("http://", "https://")):
            continue
        found = (page.parent / target) if target else page
        assert found.exists(), target
        if fragment and found.suffix == ".md":
            assert fragment in headings(found.read_text()), f"{target}#{fragment}"


def headings(text: str) -> set[str]:
    """Returns the fragments by which GitHub knows the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_api_is_what_the_docstrings_say() -> None:
    """`make docs` has been run since the last change of one."""
    script = ROOT / "scripts" / "api_reference.py"

    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_values_in_comments_are_checked() -> None:
    """A wrong value makes a block fail, other comments do not matter."""
    exec(with_checks("1 + 1  # 2\nint('3')  # a number\n'#'  # '#'"), {})

    with pytest.raises(AssertionError, match="2"):
        exec(with_checks("if True:\n    1 + 1  # 3"), {})
