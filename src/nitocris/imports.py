"""Which modules a piece of code imports, found by reading it: sources as a tree, functions as
bytecode.

A name is as complete as the code says it: `from a.b import c` gives `a.b.c`, of which `c` may be a
module or not; whoever knows the files can tell.
"""

from __future__ import annotations

import ast
import dis
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType


def imports_of_function(function: FunctionType) -> set[str]:
    """Returns what a function imports when it runs, also in functions inside it."""
    space = function.__globals__
    package = space.get("__package__")
    if not isinstance(package, str):
        package = _parent(space)
    return {name for code in _codes(function.__code__) for name in _imports(code, package)}


@lru_cache(maxsize=4096)
def imports_of_source(source: bytes, package: str) -> frozenset[str]:
    """Returns what a module's source imports anywhere, but for `if TYPE_CHECKING` and for scripts.

    Args:
        source: The content of the file.
        package: What relative imports are relative to.

    Raises:
        SyntaxError: It is no Python.
    """
    search = _Search(package)
    search.visit(ast.parse(source))
    return frozenset(search.found)


class _Search(ast.NodeVisitor):
    def __init__(self, package: str) -> None:
        self._package = package
        self.found: set[str] = set()

    def visit_Import(self, node: ast.Import) -> None:  # the name that ast calls
        self.found.update(alias.name for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:  # the name that ast calls
        names = [alias.name for alias in node.names]
        self.found.update(_from(node.module or "", names, node.level, self._package))

    def visit_If(self, node: ast.If) -> None:  # the name that ast calls
        if _is_only_for_others(node.test):
            for each in node.orelse:
                self.visit(each)
        else:
            self.generic_visit(node)


def _is_only_for_others(test: ast.expr) -> bool:
    """Returns whether a condition holds for type checkers or scripts, but not on import."""
    text = ast.unparse(test)
    return text in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")


def _imports(code: CodeType, package: str) -> Iterator[str]:
    before: deque[object] = deque(maxlen=2)
    """Level and names of a `from`, which are pushed before the import."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            level, names = before if len(before) == 2 else (0, None)
            yield from _from(
                instruction.argval,
                [name for name in names if isinstance(name, str)]
                if isinstance(names, tuple)
                else [],
                level if isinstance(level, int) else 0,
                package,
            )
        before.append(instruction.argval)


def _from(module: str, names: list[str], level: int, package: str) -> Iterator[str]:
    if level:
        parts = package.split(".")
        base = parts[: len(parts) - level + 1]
        module = ".".join([*base, *([module] if module else [])])
    if module:
        yield module
        yield from (f"{module}.{name}" for name in names if name != "*")


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _parent(space: dict[str, object]) -> str:
    name = space.get("__name__")
    if not isinstance(name, str):
        return ""
    return name if "__path__" in space else name.rpartition(".")[0]
