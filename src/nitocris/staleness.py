"""What this process has imported, compared with the files that workers get.

Bytecode is compared, not times: a file that was saved without a change is the same, and a module
that was reloaded is as its file.  Of the values of a module, those are looked at that the file
says as literals.
"""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_SIMPLE = (int, float, complex, str, bytes, bool, type(None), tuple, frozenset)


def stale(sources: Mapping[str, Path]) -> list[str]:
    """Returns a sentence for each module that is not here as its file is.

    Args:
        sources: Modules by name, with their files.
    """
    found = []
    for name, path in sources.items():
        module = sys.modules.get(name)
        # Others, such as pytest's, make code that no file has.
        if module is None or type(_loader(module)) is not importlib.machinery.SourceFileLoader:
            continue
        try:
            functions, values = _parsed(str(path), path.stat().st_mtime_ns)
        except (OSError, SyntaxError, ValueError):
            continue
        if _has_other_code(module, functions):
            found.append(
                f"{path} has changed since {name} was imported, and workers get it as it is now; "
                f"importlib.reload({name}) brings the change here as well"
            )
        else:
            found.extend(_changed_values(module, values, path))
    return found


def _loader(module: ModuleType) -> object:
    return getattr(getattr(module, "__spec__", None), "loader", None)


@lru_cache(maxsize=1024)
def _parsed(path: str, _: int) -> tuple[dict[str, tuple[Any, ...]], dict[str, Any]]:
    """Returns the code of a file's functions and methods, and the values of its literals."""
    source = Path(path).read_bytes()
    code = compile(source, path, "exec", dont_inherit=True)
    functions = {each.co_qualname: _essence(each) for each in _defined(code)}
    values: dict[str, Any] = {}
    several: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        for name in _assigned(node):
            if name in values or name in several:
                values.pop(name, None)
                several.add(name)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                try:
                    values[name] = ast.literal_eval(node.value)
                except ValueError:
                    several.add(name)
            else:
                several.add(name)
    return functions, {k: v for k, v in values.items() if isinstance(v, _SIMPLE)}


def _assigned(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
        yield node.id
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.For | ast.NamedExpr):
        targets = [node.target]
    for target in targets:
        yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def _defined(code: CodeType) -> Iterator[CodeType]:
    """Yields the code of functions in a module, and of methods in its classes."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & 0x2:  # CO_NEWLOCALS: a function, not a class
                if not constant.co_name.startswith("<"):
                    yield constant
            else:
                yield from _defined(constant)


def _essence(code: CodeType) -> tuple[Any, ...]:
    """Returns what a function does, wherever in its file it stands."""
    constants = tuple(
        _essence(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts
    )
    return code.co_code, code.co_names, code.co_varnames, constants


def _has_other_code(module: ModuleType, functions: Mapping[str, tuple[Any, ...]]) -> bool:
    file = getattr(module, "__file__", None)
    for code in _codes(vars(module), module.__name__):
        if code.co_filename != file:
            continue
        if code.co_qualname not in functions or functions[code.co_qualname] != _essence(code):
            return True
    return False


def _codes(space: Mapping[str, Any], module: str) -> Iterator[CodeType]:
    for value in list(space.values()):
        inner = getattr(value, "__func__", value) if not isinstance(value, type) else value
        if isinstance(inner, FunctionType) and inner.__module__ == module:
            yield inner.__code__
        elif isinstance(inner, type) and inner.__module__ == module:
            yield from (
                member.__code__
                for member in vars(inner).values()
                if isinstance(member, FunctionType)
            )


def _changed_values(module: ModuleType, values: Mapping[str, Any], path: Path) -> Iterator[str]:
    for name, written in values.items():
        here = vars(module).get(name, written)
        if type(here) in _SIMPLE and (type(here), here) != (type(written), written):
            yield (
                f"{module.__name__}.{name} is {here!r:.40} here, but {written!r:.40} in "
                f"{path.name}, as workers see it; pass it as an argument"
            )
