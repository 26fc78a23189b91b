"""What a remote exception becomes at the owner.

A built-in type comes back as a subclass of `RemoteError` and of that type, so that
`except ValueError` works; any other as a plain `RemoteError`.  Types that mean something to the
interpreter itself (SystemExit, KeyboardInterrupt, StopIteration ...) are plain as well: a stranger
must not be able to end the owner's process or loop.

No constructor of a built-in type is called, since each wants other arguments and some misbehave
with the wrong ones; the text that `str()` gives is the one that the worker saw.
"""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from nitocris.errors import EncodeError, ItemTimeoutError, RemoteError, RemoteTraceback

_NAMES = (
    "ArithmeticError", "AssertionError", "AttributeError", "BlockingIOError", "BrokenPipeError",
    "BufferError", "ChildProcessError", "ConnectionAbortedError", "ConnectionError",
    "ConnectionRefusedError", "ConnectionResetError", "EOFError", "FileExistsError",
    "FileNotFoundError", "FloatingPointError", "ImportError", "IndentationError", "IndexError",
    "InterruptedError", "IsADirectoryError", "KeyError", "LookupError", "MemoryError",
    "ModuleNotFoundError", "NameError", "NotADirectoryError", "NotImplementedError", "OSError",
    "OverflowError", "PermissionError", "ProcessLookupError", "RecursionError", "ReferenceError",
    "RuntimeError", "SyntaxError", "SystemError", "TabError", "TimeoutError", "TypeError",
    "UnboundLocalError", "UnicodeDecodeError", "UnicodeEncodeError", "UnicodeError",
    "UnicodeTranslateError", "ValueError", "ZeroDivisionError",
)  # fmt: skip

_BASES: dict[str, type[Exception]] = {
    **{name: getattr(builtins, name) for name in _NAMES},
    "nitocris.errors.EncodeError": EncodeError,
    "nitocris.errors.ItemTimeoutError": ItemTimeoutError,
}

_ATTRIBUTES = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    ImportError: ("name", "path"),
}
"""Attributes that the constructors set from more than `args`; only plain values travel."""

_PLAIN_TYPES = (type(None), int, str, bytes)

_CONTROLS = re.compile(
    # C0 without tab and newline, DEL, C1; marks, embeddings, overrides and isolates of the
    # bidirectional algorithm, which can make a text read as another one.
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]"
)


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """What came of one exception: texts as they came, arguments already decoded."""

    name: str
    text: str
    arguments: tuple[object, ...]
    attributes: list[object]
    notes: list[str]
    trace: str


def build(facts: RemoteFacts) -> RemoteError:
    """Answer the error that the owner catches."""
    name, text, trace = clean(facts.name), clean(facts.text), clean(facts.trace)
    arguments = facts.arguments
    if name == "Exception":
        arguments = (text,)
    elif name not in _BASES:
        arguments = (f"{name}: {text}" if text else name,)
    attributes = [
        clean(value) if isinstance(value, str) else value if type(value) in _PLAIN_TYPES else None
        for value in facts.attributes
    ]
    state = {
        "type_name": name,
        "remote_text": text,
        "remote_args": facts.arguments,
        "remote_traceback": trace,
    }
    error = _restore(name, arguments, attributes, state, RemoteTraceback(trace))
    for note in facts.notes:
        error.add_note(clean(note))
    return error


def attributes_of(name: str) -> tuple[str, ...]:
    """Answer which attributes of a type travel beside its `args`."""
    base = _BASES.get(name)
    for cls, attributes in _ATTRIBUTES.items():
        if base is not None and issubclass(base, cls):
            return attributes
    return ()


def clean(text: str) -> str:
    """Answer a text without control characters, which could repaint the owner's terminal."""
    return _CONTROLS.sub("", text)


@cache
def _class_for(name: str) -> type[RemoteError]:
    base = _BASES[name]
    body = {"__module__": "nitocris", "__str__": _str, "__reduce__": _reduce}
    # In this order, as the first base's __new__ is used: MemoryError has its own.
    return type(f"Remote{base.__name__}", (base, RemoteError), body)


def _str(self: RemoteError) -> str:
    return str(vars(self).get("remote_text", ""))


def _reduce(self: RemoteError) -> tuple[Any, ...]:
    name = self.type_name
    attributes = [getattr(self, attribute, None) for attribute in attributes_of(name)]
    return _restore, (name, self.args, attributes, vars(self).copy(), self.__cause__)


def _restore(
    name: str,
    args: tuple[object, ...],
    attributes: list[Any],
    state: dict[str, Any],
    cause: BaseException | None,
) -> RemoteError:
    """Put an error together, also when it is copied or unpickled by the owner."""
    cls = _class_for(name) if name in _BASES else RemoteError
    error = cls.__new__(cls)
    error.args = args
    vars(error).update(state)
    error.__cause__ = cause
    for attribute, value in zip(attributes_of(name), attributes, strict=False):
        setattr(error, attribute, value)
    if isinstance(error, SyntaxError):
        # Tracebacks show this one instead of str().
        error.msg = state["remote_text"]
    return error
