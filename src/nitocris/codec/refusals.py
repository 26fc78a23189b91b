"""What to tell the data scientist whose function returned something that cannot be carried.

The encoder knows the culprit but, to stay quick, not the way to it.  So the way is searched for
afterwards, and only then: `result[3]['model']`.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import io
import os
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

_DATA = (
    "return plain data: numbers, text, bytes, dates, lists, tuples, dicts, sets, dataclasses, "
    "numpy arrays or pandas objects"
)

_REMEDIES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (types.CoroutineType, "the function is async; map a plain function"),
    (io.BytesIO, "return its .getvalue()"),
    (io.StringIO, "return its .getvalue()"),
    (io.IOBase, "an open file cannot be carried; return what was read from it"),
    (collections.abc.Iterator, "an iterator cannot be carried; return list(...) of it"),
    (
        (collections.abc.KeysView, collections.abc.ValuesView, collections.abc.ItemsView),
        "a view of a dict cannot be carried; return list(...) of it",
    ),
    (memoryview, "return bytes(...) of it"),
    (os.PathLike, "return str(...) of it"),
    (types.SimpleNamespace, "return vars(...) of it"),
    (types.MappingProxyType, "return dict(...) of it"),
    (
        (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial),
        "code does not travel back; return what it computes",
    ),
    (types.ModuleType, "a module does not travel back; return what you need of it"),
    (type, "a class does not travel back; return its name or an instance's data"),
    (weakref.ref, "return what it refers to"),
)

_LIBRARY_REMEDIES = {
    "torch": "return tensor.detach().cpu().numpy()",
    "scipy": "return its arrays, such as (m.data, m.indices, m.indptr, m.shape) of a matrix",
    "sklearn": "return numbers and arrays, such as model.get_params() and model.coef_",
    "PIL": "return numpy.asarray(image)",
    "matplotlib": "save the figure to an io.BytesIO and return its .getvalue()",
    "sympy": "return str(...) of it",
    "networkx": "return networkx.node_link_data(graph)",
    "xarray": "return array.to_dict(), or its values and coordinates",
    "polars": "return frame.to_dict(as_series=False)",
    "pyarrow": "return table.to_pydict()",
    "shapely": "return geometry.wkb",
    "pytz": "use zoneinfo.ZoneInfo",
    "dateutil": "use zoneinfo.ZoneInfo",
}

_MAX_SEARCHED = 100_000

_BASES = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)


def explain(root: object, culprit: object, reason: str) -> str:
    """Answer the whole message: what it was, where it was, what to return instead."""
    cls = type(culprit)
    name = (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )
    path = find_path(root, culprit)
    where = f"{path} is" if path else "the result holds"
    return f"{where} a {name}, which cannot be carried: {reason or remedy(culprit)}"


def remedy(value: object) -> str:
    """Answer what to return instead."""
    cls = type(value)
    library = cls.__module__.partition(".")[0]
    if library in _LIBRARY_REMEDIES:
        return _LIBRARY_REMEDIES[library]
    if library == "pandas" and cls.__name__.startswith("Period"):
        return "periods are not carried; use .to_timestamp() or .astype(str)"
    for kinds, text in _REMEDIES:
        if isinstance(value, kinds):
            return text
    np = sys.modules.get("numpy")
    if np is not None and library == "numpy":
        if isinstance(value, np.ma.MaskedArray):
            return "return array.filled(...), or (array.data, array.mask)"
        if isinstance(value, np.ndarray):
            return "return numpy.asarray(...) of it"
    for base in _BASES:
        if isinstance(value, base):
            return f"only {base.__name__} itself is carried; return {base.__name__}(...) of it"
    if hasattr(value, "__dict__"):
        return f"make its class a dataclass, or {_DATA}"
    return _DATA


def find_path(root: object, culprit: object) -> str | None:
    """Answer the expression that leads from the result to a part of it."""
    return _Search(lambda value, _: value is culprit).run(root, "result")


def find_cycle(root: object) -> str | None:
    """Answer the expression that leads back to a container that it lies in."""
    return _Search(lambda value, ancestors: id(value) in ancestors).run(root, "result")


class _Search:
    """Walks through a value, each part once, until one is wanted or patience ends."""

    def __init__(self, wanted: Callable[[object, set[int]], bool]) -> None:
        self.wanted = wanted
        self.ancestors: set[int] = set()
        # By id; the parts themselves are kept, since an id is only unique among the living.
        self.seen: dict[int, object] = {}
        self.depth_left = 100

    def run(self, value: object, path: str) -> str | None:
        if self.wanted(value, self.ancestors):
            return path
        if id(value) in self.seen or self.depth_left == 0 or len(self.seen) > _MAX_SEARCHED:
            return None
        self.seen[id(value)] = value
        self.ancestors.add(id(value))
        self.depth_left -= 1
        for step, child in self.children(value):
            found = self.run(child, path + step)
            if found is not None:
                return found
        self.depth_left += 1
        self.ancestors.discard(id(value))
        return None

    def children(self, value: object) -> list[tuple[str, object]]:
        try:
            return list(islice(_steps(value), _MAX_SEARCHED))
        except Exception:
            # A user's class that fails when it is looked at has no parts to show.
            return []


def _steps(value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield f"[{_short(key)}]", child
        for key in value:
            yield f" key {_short(key)}", key
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from ((f".{name}", child) for name, child in zip(value._fields, value, strict=False))
    elif isinstance(value, (list, tuple, collections.deque)):
        yield from ((f"[{index}]", child) for index, child in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((f" element {_short(child)}", child) for child in value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield f".{field.name}", getattr(value, field.name, None)
    elif type(value).__module__.partition(".")[0] in ("numpy", "pandas"):
        yield from _array_children(value)


def _array_children(value: Any) -> Iterator[tuple[str, object]]:
    kind = type(value).__name__
    if kind == "ndarray" and value.dtype.kind == "O":
        flat = value.ravel()
        for index in range(flat.size):
            yield f".flat[{index}]", flat[index]
    elif kind == "DataFrame":
        for column in range(value.shape[1]):
            yield f".iloc[:, {column}]", value.iloc[:, column]
    elif kind == "Series":
        yield ".array", value.array
        yield ".index", value.index
    elif str(getattr(value, "dtype", "")) == "object":
        yield from ((f"[{index}]", child) for index, child in enumerate(value))


def _short(key: object) -> str:
    try:
        text = repr(key)
    except Exception:
        return f"<{type(key).__qualname__}>"
    return text if len(text) <= 40 else f"{text[:37]}..."
