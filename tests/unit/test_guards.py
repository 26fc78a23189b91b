"""How tokens are compared."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from nitocris.addresses import Proxies
from nitocris.guards import Guards, same_token


@pytest.mark.parametrize("given", ["", "token ", "t\u00f6ken", "\udcff", "token" * 1000])
def test_a_wrong_token_is_only_wrong(given: str) -> None:
    """Bytes that are no text, which reach us as lone surrogates, end no connection with a bug."""
    assert not same_token(given, "token")


def test_the_right_token_is_right() -> None:
    """To the letter."""
    assert same_token("token", "token")


@pytest.mark.parametrize(
    ("options", "is_here"),
    [
        ({"peer": "127.0.0.1"}, True),
        ({"peer": "::1", "local": "::1"}, True),
        ({"peer": "192.0.2.5", "local": "192.0.2.5"}, True),
        ({"peer": "::ffff:192.0.2.5", "local": "192.0.2.5"}, True),
        ({"peer": "192.0.2.6", "local": "192.0.2.5"}, False),
        ({"peer": "127.0.0.1", "public_url": "https://example.org"}, False),
        ({"peer": "127.0.0.1", "headers": {"X-Forwarded-For": "127.0.0.1"}}, False),
        ({"peer": "127.0.0.1", "headers": {"Forwarded": "for=198.51.100.1"}}, False),
        ({"peer": "127.0.0.1", "trusted": ["127.0.0.1"]}, False),
        ({"peer": None}, False),
    ],
)
def test_who_certainly_is_on_this_machine(options: dict[str, Any], is_here: bool) -> None:
    """Not who comes through a tunnel or a proxy, whatever address that has."""
    peer, local = options.get("peer"), options.get("local", "127.0.0.1")
    addresses = {"peername": peer and (peer, 4711), "sockname": (local, 80)}
    transport = mock.Mock(get_extra_info=lambda name, default=None: addresses.get(name, default))
    request: web.Request = make_mocked_request(
        "GET", "/socket", headers=options.get("headers"), transport=transport
    )
    guards = Guards(set(), options.get("public_url"), proxies=Proxies(options.get("trusted", ())))

    assert guards.is_here(request) is is_here
