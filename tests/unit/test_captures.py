"""What a function takes along by value, and what is said of it."""

from __future__ import annotations

import functools
import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import cloudpickle
import numpy as np
import pytest

from nitocris.captures import Capture, Examination, examine
from nitocris.errors import NotSendableError
from nitocris.function import encode_function

cloudpickle.register_pickle_by_value(sys.modules[__name__])

TABLE = {"rows": list(range(1000))}
api_key = "sk-123"
tokenizer = "words"


def helper(x: int) -> int:
    return x + len(TABLE)


def uses_a_helper(x: int, scale: str = "cm", *, unit: tuple[str, ...] = ("m",)) -> Any:
    return helper(x), np.float64(x), scale, unit


def uses_a_key(x: int) -> Any:
    return api_key, tokenizer, x


class Model:
    def __init__(self, **parts: Any) -> None:
        self.__dict__.update(parts)

    def predict(self, x: int) -> int:
        return x

    def __call__(self, x: int) -> int:
        return x


def found(function: object) -> dict[str, Capture]:
    return {each.name: each for each in examine(function).captures}


def warning(function: object, name: str) -> str:
    return found(function)[name].warning or ""


def test_globals_closures_and_defaults_are_listed() -> None:
    """Also those of functions that travel along; numbers are too plain to be told."""
    weights = np.ones(1000)

    def work(x: int) -> Any:
        return uses_a_helper(x), weights

    captures = found(work)

    assert {name: each.kind for name, each in captures.items()} == {
        "weights": "closure",
        "TABLE": "global",
        "scale": "default",
        "unit": "default",
    }
    assert 8000 < captures["weights"].bytes < 8300
    assert all(each.warning is None for each in captures.values())
    assert next(iter(captures)) == "weights"  # the largest first
    assert examine(work).imports == {"numpy"}


def test_attributes_and_arguments_are_listed() -> None:
    """Of bound methods, callables and partials."""
    model = Model(weights=[1, 2])

    assert found(model.predict)["self.weights"].kind == "attribute"
    assert found(model)["self.weights"].kind == "attribute"
    assert found(functools.partial(pow, "base", mod="m")).keys() == {"argument 0", "mod"}


def test_what_travels_by_name_is_no_capture() -> None:
    """Nothing of a library's own globals is told of."""
    assert examine(np.square) == Examination((), frozenset({"numpy"}), ())
    assert examine(abs) == Examination((), frozenset(), ())


def test_large_captures_are_named_with_their_size() -> None:
    """Over a megabyte."""
    large, small = np.ones(300_000), np.ones(100_000)

    def work() -> Any:
        return large, small

    assert warning(work, "large") == "large has 2.4 MB, which each device downloads once"
    assert warning(work, "small") == ""


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        *[(name, True) for name in ("password", "db_passwd", "API_KEY", "secret", "auth_token")],
        *[(name, False) for name in ("tokenizer", "secretary", "keys", "passage")],
    ],
)
def test_names_of_secrets_are_pointed_out(name: str, is_secret: bool) -> None:
    """As names, as keys, as attributes; only where a text is behind them."""
    words = {name: "hunter2"}
    model = Model(**words)
    count = Model(**{name: 7})

    def work() -> Any:
        return words, model, count

    assert (f"words['{name}'] looks like a secret" in warning(work, "words")) is is_secret
    assert (f"model.{name} looks like a secret" in warning(work, "model")) is is_secret
    assert warning(work, "count") == ""


def test_a_global_with_the_name_of_a_secret_is_pointed_out() -> None:
    """It would be read by whoever computes."""
    assert warning(uses_a_key, "api_key").startswith("api_key looks like a secret")
    assert warning(uses_a_key, "tokenizer") == ""


@pytest.mark.parametrize("copied", [False, True])
def test_the_environment_is_pointed_out(copied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Itself and a copy of it, but not the few values that are needed."""
    for index in range(6):
        monkeypatch.setenv(f"NITOCRIS_TEST_{index}", str(index))
    environment = dict(os.environ) if copied else os.environ
    few = {"NITOCRIS_TEST_1": "1"}

    def work() -> Any:
        return environment, few

    assert "environment variables of this machine" in warning(work, "environment")
    assert "environment variables" not in warning(work, "few")


def numbers() -> Iterator[int]:
    yield 1


def unsendable() -> Iterator[tuple[Any, str]]:
    with (
        open(os.devnull, "w") as file,
        closing(socket.socket()) as connection,
        closing(sqlite3.connect(":memory:")) as database,
    ):
        yield file, "an open file"
        yield connection, "a socket"
        yield database, "a database connection"
        yield threading.Lock(), "a lock"
        yield threading.RLock(), "a lock"
        yield threading.Event(), "a lock"
        yield numbers(), "a generator"
        yield threading.current_thread(), "a thread or a pool"


def test_what_cannot_be_sent_is_named_with_the_way_to_it() -> None:
    """In the examination and in the error, with what to do instead."""
    for thing, what in unsendable():
        settings = {"log": [1, thing]}

        def work(settings: Any = settings) -> Any:
            return settings

        capture = found(work)["settings"]
        assert not capture.sendable
        assert capture.warning is not None
        assert capture.warning.startswith(f"settings['log'][1] is {what}, which cannot be sent; ")
        with pytest.raises(NotSendableError) as caught:
            encode_function(work)
        assert f"its default settings['log'][1] is {what}" in str(caught.value)


def test_a_file_that_is_read_travels_as_its_content() -> None:
    """As cloudpickle has it, which few expect."""
    with open(os.devnull) as file:
        assert "workers get the content as it is now" in warning(lambda: file, "file")


def test_an_attribute_that_cannot_be_sent_is_named() -> None:
    """Of the object whose method is mapped."""
    model = Model(lock=threading.Lock(), weights=[1])

    with pytest.raises(NotSendableError, match=r"Model\.predict .* attribute self\.lock is a lock"):
        encode_function(model.predict)


def test_what_cannot_be_pickled_for_another_reason_is_named_too() -> None:
    """With pickle's own words."""

    class Stubborn:
        def __reduce__(self) -> str:
            raise TypeError("I stay here")

    stubborn = Stubborn()

    with pytest.raises(NotSendableError, match=r"its closure stubborn \(.*Stubborn\).*I stay here"):
        encode_function(lambda: stubborn)
