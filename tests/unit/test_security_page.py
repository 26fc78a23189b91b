"""SECURITY.md names the tests that hold what it promises."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")

PAGE = (ROOT / "SECURITY.md").read_text()


@pytest.mark.parametrize(("path", "name"), sorted(set(_NAMED.findall(PAGE))))
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    """The function in its file, or else a file with tests."""
    tree = ast.parse((ROOT / path).read_text())
    tests = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }

    assert tests
    assert not name or name in tests


def test_each_row_names_a_test() -> None:
    """What nothing holds is no promise."""
    rows = [
        line for line in PAGE.splitlines() if line.startswith("| ") and " held by |" not in line
    ]

    assert len(rows) > 15
    assert [row for row in rows if not _NAMED.search(row)] == []


def test_each_module_that_is_named_exists() -> None:
    """In the third column."""
    named = {
        module
        for line in PAGE.splitlines()
        if line.startswith("| ") and line.count("|") == 5
        for module in re.findall(r"`([\w/]+\.py)`", line.split("|")[3])
    }

    assert len(named) > 10
    assert [name for name in named if not (ROOT / "src/nitocris" / name).exists()] == []
