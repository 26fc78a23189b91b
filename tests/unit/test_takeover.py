"""Which execution a notebook's cell replaces when it runs again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nitocris import takeover


class Thing:
    """Stands for an execution."""


@pytest.fixture(autouse=True)
def no_holders() -> Iterator[None]:
    """Each test is a new notebook."""
    takeover._holders.clear()
    yield
    takeover._holders.clear()


def test_the_same_variable() -> None:
    """What was there before is replaced, although the notebook's output still has it."""
    first, second, third = Thing(), Thing(), Thing()

    assert takeover.former(first, {"d": first}) is None
    assert takeover.former(second, {"d": second, "_": first, "Out": {1: first}}) is first
    assert takeover.former(third, {"d": third}) is second


def test_another_variable() -> None:
    """Two executions side by side are two, whether named, kept under another name or nameless."""
    first, second, third = Thing(), Thing(), Thing()

    assert takeover.former(first, {"d": first}) is None
    assert takeover.former(second, {"d": first, "e": second}) is None
    assert takeover.former(third, {"d": third, "old": first, "e": second}) is None
    assert takeover.former(Thing(), {"d": third}) is None


def test_what_is_gone_is_not_held() -> None:
    """Forgotten executions are collected as ever."""
    assert takeover.former(Thing(), {}) is None
    first = Thing()
    takeover.former(first, {"d": first})
    del first
    second = Thing()

    assert takeover.former(second, {"d": second}) is None


def test_outside_of_notebooks() -> None:
    """Nothing is replaced in a program."""
    assert takeover.former(Thing()) is None
