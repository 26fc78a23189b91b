"""Limits, the pace of messages, wrong tokens, and who an address stands for."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from nitocris import ConfigurationError, ServerLimits
from nitocris.addresses import Proxies, neighbourhood
from nitocris.pace import Pace
from nitocris.wrong_tokens import WINDOW_SECONDS, WrongTokens


@pytest.mark.parametrize("name", [field.name for field in fields(ServerLimits)])
@pytest.mark.parametrize("value", [0, -1, True, "5", None, math.inf, math.nan])
def test_a_limit_that_is_none_is_refused(name: str, value: object) -> None:
    """With its name and the value."""
    with pytest.raises(ConfigurationError, match=rf"{name} must be .*, not {value!r}"):
        ServerLimits(**{name: value})  # type: ignore[arg-type]


def test_so_many_messages_at_once_and_no_more() -> None:
    """The next one waits for its part of a second."""
    pace = Pace(100)

    waits = [pace.take(5.0) for _ in range(101)]

    assert waits[:100] == [0.0] * 100
    assert waits[100] == pytest.approx(0.01)


def test_a_pause_earns_a_second_s_messages_at_most() -> None:
    """However long it was."""
    pace = Pace(10)
    for _ in range(10):
        pace.take(5.0)

    assert pace.take(5.5) == 0.0
    assert [pace.take(1000.0) > 0 for _ in range(11)] == [False] * 10 + [True]


def test_wrong_tokens_are_forgotten_after_a_while() -> None:
    """And those of others do not count."""
    now = 100.0
    wrong = WrongTokens(2, lambda: now)

    assert [wrong.note("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert wrong.note("192.0.2.2")
    now += WINDOW_SECONDS
    assert wrong.note("192.0.2.1")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "None"),
    ],
)
def test_what_an_address_stands_for(address: str | None, place: str) -> None:
    """Whoever has an IPv6 line has 2**64 addresses."""
    assert neighbourhood(address) == place


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("192.0.2.9", {"X-Forwarded-For": "198.51.100.1"}, "192.0.2.9"),
        ("127.0.0.1", {}, "127.0.0.1"),
        ("127.0.0.1", {"X-Forwarded-For": "198.51.100.1"}, "198.51.100.1"),
        ("127.0.0.1", {"X-Forwarded-For": "1.1.1.1, 198.51.100.1"}, "198.51.100.1"),
        ("127.0.0.1", {"X-Forwarded-For": "198.51.100.1, 10.1.2.3"}, "198.51.100.1"),
        ("127.0.0.1", {"X-Forwarded-For": "10.1.2.3, 10.1.2.4"}, "10.1.2.3"),
        ("127.0.0.1", {"X-Forwarded-For": "198.51.100.1, <script>"}, "127.0.0.1"),
        ("127.0.0.1", {"X-Forwarded-For": "198.51.100.1:4711"}, "198.51.100.1"),
        ("127.0.0.1", {"Forwarded": 'for="[2001:db8::1]:4711";proto=https'}, "2001:db8::1"),
        ("127.0.0.1", {"Forwarded": "proto=https;For=198.51.100.1"}, "198.51.100.1"),
        ("127.0.0.1", {"Forwarded": "for=1.1.1.1, for=198.51.100.1"}, "198.51.100.1"),
        ("127.0.0.1", {"Forwarded": "for=unknown"}, "127.0.0.1"),
        (None, {"X-Forwarded-For": "198.51.100.1"}, None),
    ],
)
def test_only_trusted_proxies_are_believed(
    peer: str | None, headers: dict[str, str], client: str | None
) -> None:
    """From the end of the chain, as anybody can write its beginning."""
    assert Proxies(["127.0.0.1", "10.0.0.0/8"]).client(peer, headers) == client


@pytest.mark.parametrize("trusted", ["10.0.0.1", ["proxy.example"], ["10.0.0.0/99"]])
def test_a_proxy_that_is_no_address_is_refused(trusted: object) -> None:
    """The error says what one looks like."""
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        Proxies(trusted)  # type: ignore[arg-type]
