"""A remote exception comes back as something to catch, read and log; never as something to run."""

from __future__ import annotations

import builtins
import copy
import pickle
import traceback
from typing import Any

import numpy as np
import pytest

from nitocris.codec import decode, encode
from nitocris.errors import EncodeError, NitocrisError, RemoteError, RemoteTraceback

from .samples import EXCEPTIONS, REGISTRY, Point, raised

PLAIN_ONLY = {
    "BaseException",
    "BaseExceptionGroup",
    "Exception",
    "ExceptionGroup",
    "GeneratorExit",
    "KeyboardInterrupt",
    "PythonFinalizationError",
    "StopAsyncIteration",
    "StopIteration",
    "SystemExit",
}
"""Types that steer the interpreter, or say nothing: they come back as plain RemoteError."""

BUILT_IN = [
    value
    for value in vars(builtins).values()
    if isinstance(value, type)
    and issubclass(value, BaseException)
    and not issubclass(value, Warning)
    and value.__name__ not in PLAIN_ONLY
    and not value.__name__.startswith("_")
]

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "UnicodeDecodeError": ("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "UnicodeEncodeError": ("ascii", "é", 0, 1, "ordinal not in range"),
    "UnicodeTranslateError": ("é", 0, 1, "no such character"),
}


def sent(error: BaseException) -> Any:
    """Answer the error that the owner gets for a worker's."""
    back = decode(encode(error, REGISTRY), REGISTRY)
    assert isinstance(back, RemoteError)
    return back


class CustomError(ValueError):
    """An exception of the user's own."""


@pytest.mark.parametrize("cls", {cls.__name__: cls for cls in BUILT_IN}.values())
def test_built_in_types_can_be_caught_as_themselves(cls: type[Exception]) -> None:
    """`except ValueError` catches a remote ValueError, which reads as the original does."""
    original = raised(cls(*ARGUMENTS.get(cls.__name__, ("what happened",))))

    error = sent(original)

    assert isinstance(error, RemoteError)
    assert isinstance(error, cls)
    with pytest.raises(cls):
        raise error
    assert str(error) == str(original)
    assert error.args == original.args
    assert error.type_name == cls.__name__
    assert error.__notes__ == ["while testing"]
    lines = "".join(traceback.format_exception(error))
    assert str(original) in lines.split("direct cause")[1]


@pytest.mark.parametrize("cls", {cls.__name__: cls for cls in BUILT_IN}.values())
def test_built_in_types_without_arguments(cls: type[Exception]) -> None:
    """No constructor is called, so none can be given the wrong arguments."""
    original = cls.__new__(cls)

    error = sent(original)

    assert error.args == ()
    assert isinstance(error, cls)
    "".join(traceback.format_exception(error))
    repr(error)


@pytest.mark.parametrize(
    "original",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        StopIteration(5),
        StopAsyncIteration(),
        CustomError("mine", 3),
        ExceptionGroup("two", [ValueError(1), TypeError(2)]),
        Exception("plain"),
        UserWarning("careful"),
        pytest.fail.Exception("outcome"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_types_are_plain(original: BaseException) -> None:
    """Users' types, and those that would end a process or loop, come back as plain RemoteError."""
    error = sent(original)

    assert type(error) is RemoteError
    assert type(original).__name__ in error.type_name
    assert str(original) in str(error)
    assert vars(error)["remote_args"] == tuple(
        arg if isinstance(arg, (str, int, list)) and "Error" not in repr(arg) else repr(arg)
        for arg in original.args
    )


def test_a_users_type_is_named() -> None:
    """The text of a plain RemoteError says which type it was; that of an Exception need not."""
    assert str(sent(CustomError("mine"))) == f"{__name__}.CustomError: mine"
    assert str(sent(CustomError())) == f"{__name__}.CustomError"
    assert str(sent(Exception("plain"))) == "plain"


def test_an_encode_error_stays_one() -> None:
    """A result that could not be encoded fails the item with both errors' type."""
    error = sent(raised(EncodeError("return list(...)")))

    assert isinstance(error, EncodeError)
    assert isinstance(error, TypeError)
    assert isinstance(error, RemoteError)
    assert str(error) == "return list(...)"


def test_the_traceback_is_the_cause() -> None:
    """The remote traceback is shown above the error, as `ProcessPoolExecutor` does."""
    error = sent(EXCEPTIONS["value error"])

    assert isinstance(error.__cause__, RemoteTraceback)
    assert "in raised" in error.remote_traceback
    assert error.remote_traceback in str(error.__cause__)
    assert error.index is None


def test_the_chain_of_causes() -> None:
    """A cause, or a context that is not suppressed, comes back as `remote_cause`."""
    error = sent(EXCEPTIONS["chain"])

    cause = error.remote_cause
    assert isinstance(cause, KeyError)
    assert isinstance(cause, RemoteError)
    assert cause.remote_cause is None
    assert "inner" in error.remote_traceback
    assert "direct cause" in error.remote_traceback

    implicit = ValueError("outer")
    implicit.__context__ = KeyError("inner")
    assert isinstance(sent(implicit).remote_cause, KeyError)
    implicit.__suppress_context__ = True
    assert sent(implicit).remote_cause is None


def test_a_chain_that_bites_its_tail() -> None:
    """A chain of causes that leads back to itself ends."""
    first, second = ValueError(1), ValueError(2)
    first.__cause__, second.__cause__ = second, first

    assert sent(first).remote_cause.remote_cause is None


def test_errors_of_the_system_keep_their_attributes() -> None:
    """`error.errno` and `error.filename` work as on the original, and so does `error.name`."""
    error = sent(EXCEPTIONS["os error"])
    assert (error.errno, error.strerror, error.filename) == (2, "No such file", "data.csv")
    assert isinstance(error, FileNotFoundError)

    assert sent(EXCEPTIONS["import error"]).name == "x"


def test_arguments_that_cannot_be_carried_become_text() -> None:
    """Whatever the arguments are, the owner hears of the exception."""

    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError

    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    error = sent(RuntimeError(object, Unprintable(), [1, Point(1, 2)], np.zeros(10**6), {1: print}))
    assert error.args[0] == repr(object)
    assert "its __repr__ failed" in error.args[1]
    assert error.args[2] == [1, Point(1, 2)]
    assert error.args[3].startswith("array([0., ")
    assert error.args[4] == "{1: <built-in function print>}"

    assert "its __str__ failed" in str(sent(Odd()))
    assert len(sent(ValueError(*range(1000))).args) == 64


def test_exceptions_within_arguments_do_not_multiply() -> None:
    """Exceptions in exceptions' arguments, many deep, travel as text."""
    error = ValueError(0)
    for number in range(100):
        error = ValueError(number, error)

    assert len(encode(error)) < 10_000
    assert sent(error).args[1].startswith("ValueError(98, ValueError(97")


def test_hostile_attributes() -> None:
    """A worker may set anything on an exception; it is encoded all the same."""
    error: Any = OSError(2, "x")
    error.filename = object()
    error.__notes__ = "no list"
    assert "object object" in sent(error).filename

    error.__notes__ = [object(), "kept", *(f"{n}" * 10_000 for n in range(100))]
    assert sent(error).__notes__[0] == "kept"
    assert sum(map(len, sent(error).__notes__)) <= 2**16


def test_control_characters_are_taken_out() -> None:
    """Nothing that a worker says can move the cursor, change colours or reverse the text."""
    bad = "a\x1b[31mb\x07c\x9bd\u202ee\u2066f\u200fg\x7f\r\n\th"
    clean = "a[31mbcdefg\n\th"
    for original in (ValueError(bad), CustomError(bad), SyntaxError(bad), OSError(2, bad, bad)):
        original.add_note(bad)

        error = sent(original)

        assert clean in str(error) or repr(bad) in str(error)
        assert error.__notes__ == [clean]
        text = "".join(traceback.format_exception(error))
        assert not set(text) & set("\x1b\x07\x9b\u202e\u2066\u200f\x7f\r")


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_remote_errors_can_be_copied_and_pickled(name: str) -> None:
    """The owner may copy an error or send it on to another process of theirs."""
    error = sent(EXCEPTIONS[name])

    for again in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.args == error.args
        assert again.remote_traceback == error.remote_traceback
        assert getattr(again, "filename", None) == getattr(error, "filename", None)


def test_a_name_is_no_lookup() -> None:
    """Any name may come, but only the listed ones mean a type."""
    data = encode(ValueError("x"))
    assert data.count(b"\x0aValueError") == 1

    for name in (b"SystemExit", b"__import__", b"StopIterat", b"builtins.x"):
        error: Any = decode(data.replace(b"\x0aValueError", b"\x0a" + name))

        assert type(error) is RemoteError
        assert error.type_name == name.decode()


def test_results_can_be_exceptions() -> None:
    """A function may return an exception among other values."""
    value: Any = decode(encode([1, ValueError("x"), {"e": KeyError("y")}]))

    assert isinstance(value[1], ValueError)
    assert isinstance(value[2]["e"], KeyError)


def test_remote_errors_are_errors_of_this_library() -> None:
    """`except NitocrisError` catches all that the library raises, remote errors included."""
    assert issubclass(type(sent(ValueError())), NitocrisError)
