"""What is said of a value that a function takes along: that it cannot be sent, or should not be."""

from __future__ import annotations

import io
import os
import re
import socket
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import Executor
from typing import Any

from .pickling import pickled

LARGE_BYTES = 1_000_000
"""From here on a capture is pointed out: every device downloads it."""

_SECRET = re.compile(
    r"(?i)(^|_)(password|passwd|pwd|passphrase|secrets?|tokens?|api_?keys?|credentials?|private_?key)"
    r"($|_)"
)
_MAX_PARTS = 1_000
"""Of a container or an object, so many are looked at by name."""
_MAX_DEPTH = 6
_ENVIRONMENT_ENTRIES = 5
"""A mapping with so many of this process's variables is a copy of the environment."""

_LOCKS = (
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Condition,
    threading.Semaphore,
    threading.Event,
    threading.Barrier,
)


def remarks_on(name: str, value: Any, size: int) -> str | None:
    """Returns what an owner should know of a value that can be sent, or None.

    Args:
        name: As the function calls it.
        value: The value.
        size: How many bytes travel.
    """
    remarks = [
        f"{name} has {size / 1e6:.1f} MB, which each device downloads once"
        if size > LARGE_BYTES
        else None,
        f"{name} is an open file, of which workers get the content as it is now"
        if isinstance(value, io.IOBase)
        else None,
        _about_environment(name, value),
        _about_secrets(name, value),
    ]
    return "; ".join(filter(None, remarks)) or None


def problem_with(name: str, value: Any) -> str | None:
    """Returns what in a value cannot be sent and what to do, or None if it can be."""
    try:
        pickled(value)
    except Exception as error:
        path, culprit = _culprit(name, value, _MAX_DEPTH)
        what, remedy = _kind_of(culprit)
        if not what:
            return f"{path} ({type(culprit).__qualname__}) cannot be pickled: {error}"
        return f"{path} is {what}, which cannot be sent; {remedy}"
    return None


def _culprit(name: str, value: Any, depth: int) -> tuple[str, Any]:
    """Follows what cannot be pickled to the innermost part that has a name."""
    if depth and not _kind_of(value)[0]:
        for path, part in _parts(name, value):
            try:
                pickled(part)
            except Exception:
                return _culprit(path, part, depth - 1)
    return name, value


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        parts = ((f"{name}[{key!r}]", each) for key, each in value.items())
    elif isinstance(value, list | tuple):
        parts = ((f"{name}[{index}]", each) for index, each in enumerate(value))
    else:
        parts = ((f"{name}.{key}", each) for key, each in named_parts(value))
    yield from parts


def named_parts(value: object) -> list[tuple[str, Any]]:
    """Returns the attributes of an instance, as far as its own names go."""
    found = list(getattr(value, "__dict__", {}).items())
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                found.append((name, getattr(value, name)))
    return [each for each in found if not each[0].startswith("__")][:_MAX_PARTS]


def _kind_of(value: Any) -> tuple[str, str]:
    """Returns what something is that no pickle can hold, and what to do instead."""
    match value:
        case io.IOBase():
            return "an open file", "open it inside the function, or pass its content"
        case socket.socket():
            return "a socket", "connect inside the function, on native workers only"
        case Generator() | Coroutine() | AsyncGenerator():
            return "a generator", "make a list of it, or map over it"
        case threading.Thread() | Executor():
            return "a thread or a pool", "start it inside the function"
    if isinstance(value, _LOCKS):
        return "a lock", "create it inside the function: workers share no memory anyway"
    if callable(getattr(value, "cursor", None)) and callable(getattr(value, "commit", None)):
        return "a database connection", "connect inside the function, or pass what was read"
    if type(value).__module__.startswith("nitocris."):
        return "a part of the execution itself", "map from the owner's process only"
    return "", ""


def _about_environment(name: str, value: Any) -> str | None:
    if value is not os.environ:
        if not isinstance(value, dict) or len(value) < _ENVIRONMENT_ENTRIES:
            return None
        same = sum(
            1
            for key, each in os.environ.items()
            if key in value and isinstance(value[key], str) and value[key] == each
        )
        if same < _ENVIRONMENT_ENTRIES:
            return None
    return (
        f"{name} has the environment variables of this machine, often with secrets; pass the few "
        "values that are needed"
    )


def _about_secrets(name: str, value: Any) -> str | None:
    named = [(name, name.rpartition(".")[2], value)]
    if isinstance(value, dict):
        entries = list(value.items())[:_MAX_PARTS]
        named += [(f"{name}[{k!r}]", k, each) for k, each in entries if isinstance(k, str)]
    else:
        named += [(f"{name}.{key}", key, each) for key, each in named_parts(value)]
    for path, key, each in named:
        if isinstance(each, str | bytes) and each and _SECRET.search(key):
            return f"{path} looks like a secret, and whoever computes can read it"
    return None
