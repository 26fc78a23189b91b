"""What is said before a cluster computes, and the handle that ends it."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nitocris.engines.joining import Joined, check_installed, check_pythons, check_reached
from nitocris.engines.machine import Link, reach
from nitocris.environment import python_version
from nitocris.errors import ConfigurationError
from nitocris.serving import Serving

LINK = Link("http://192.168.1.20:4000/worker#" + 22 * "x")


def test_another_minor_version_is_named_with_both_remedies() -> None:
    check_pythons({"a": f"{python_version()}.99"})

    with pytest.raises(ConfigurationError, match=r"b runs Python 3\.8\.1.* with Python 3\.8, or"):
        check_pythons({"a": f"{python_version()}.99", "b": "3.8.1"})


@pytest.mark.parametrize(("theirs", "words"), [("", "has no nitocris"), ("9", "has nitocris 9")])
def test_what_is_not_installed(theirs: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"a {words}: install nitocris"):
        check_installed({"a": theirs})


@pytest.mark.parametrize(
    ("host", "remedy"),
    [
        ("127.0.0.1", "is for this machine only"),
        ("localhost", "is for this machine only"),
        ("0.0.0.0", "public_url="),
    ],
)
def test_an_owner_who_is_not_reached(host: str, remedy: str) -> None:
    """What was tried is there, the token is not."""
    check_reached({"a": ""}, LINK, host)

    with pytest.raises(ConfigurationError, match="no answer") as caught:
        check_reached({"a": "", "b": "no answer"}, LINK, host)

    assert "b tried http://192.168.1.20:4000 and" in str(caught.value)
    assert remedy in str(caught.value)
    assert "xxx" not in str(caught.value) + repr(LINK)


def test_why_the_owner_is_not_reached() -> None:
    """In words that send nobody to look for certificates."""
    why = asyncio.run(reach(Link("http://127.0.0.1:9/worker#" + 22 * "x")))

    assert "127.0.0.1', 9" in why
    assert "ssl" not in why


@pytest.mark.parametrize(("engine", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_an_engine_that_is_not_installed(
    engine: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which extra to install."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"nitocris.engines.{engine}", raising=False)

    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'nitocris\[{engine}\]'"):
        __import__(f"nitocris.engines.{engine}")


def joined(calls: list[str], error: Exception | None = None) -> tuple[Joined, Any]:
    def leave() -> None:
        calls.append("leave")
        if error:
            raise error

    serving = SimpleNamespace(at_stop=[])
    return Joined(cast(Serving, serving), lambda: None, leave), serving


def test_it_leaves_once_by_whatever_comes_first() -> None:
    calls: list[str] = []
    handle, serving = joined(calls)

    with handle:
        [end] = serving.at_stop
        end()

    assert calls == ["leave"]


def test_a_cluster_that_is_gone_does_not_keep_the_execution(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handle, _ = joined([], OSError("no scheduler"))

    handle.close()

    assert "no scheduler" in caplog.text
