"""Where requests come from: the other end of the connection, or whom a trusted proxy names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from .errors import ConfigurationError

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_FORWARDED_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*"?([^;"]*)"?', re.IGNORECASE)
_LONGEST_CHAIN = 20
"""Proxies in a row; nobody has as many."""


class Proxies:
    """Those whose word about addresses counts.

    Args:
        trusted: Addresses and networks, such as `"127.0.0.1"` and `"10.0.0.0/8"`.

    Raises:
        ConfigurationError: One of them is neither.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        if isinstance(trusted, str):
            raise ConfigurationError(f"trusted_proxies must be a list, such as [{trusted!r}]")
        self._networks = [_network(each) for each in trusted]

    def trusts(self, address: str | None) -> bool:
        """Returns whether this is the address of a trusted proxy."""
        parsed = _parse(address or "")
        return parsed is not None and any(parsed in network for network in self._networks)

    def client(self, peer: str | None, headers: Mapping[str, str]) -> str | None:
        """Returns the address that a request comes from.

        Each proxy adds to the end of the header whom it got the request from, so that is believed
        from the end on, as long as it comes from a trusted one.

        Args:
            peer: The other end of the connection.
            headers: Of the request.
        """
        if not self.trusts(peer):
            return peer
        for named in reversed(_chain(headers)[-_LONGEST_CHAIN:]):
            parsed = _parse(named)
            if parsed is None:
                return peer
            peer = str(parsed)
            if not self.trusts(peer):
                return peer
        return peer


def neighbourhood(address: str | None) -> str:
    """Returns what stands for an address in limits: of IPv6, one line has a whole /64."""
    parsed = _parse(address or "")
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def is_forwarded(headers: Mapping[str, str]) -> bool:
    """Returns whether a request says that it comes from elsewhere than its connection."""
    return "Forwarded" in headers or "X-Forwarded-For" in headers


def is_this_machine(address: str | None, local: str | None) -> bool:
    """Returns whether a connection comes from the machine that it goes to.

    Args:
        address: From where.
        local: To which of the machine's addresses.
    """
    parsed = _parse(address or "")
    return parsed is not None and (parsed.is_loopback or parsed == _parse(local or ""))


def _chain(headers: Mapping[str, str]) -> list[str]:
    if "Forwarded" in headers:
        elements = headers["Forwarded"].split(",")
        return [
            match[1] if (match := _FORWARDED_FOR.search(element)) else "" for element in elements
        ]
    listed = headers.get("X-Forwarded-For", "")
    return listed.split(",") if listed else []


def _parse(text: str) -> _Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigurationError(
            f"trusted_proxies: {text!r} is no address or network, such as '127.0.0.1' or "
            "'10.0.0.0/8'"
        ) from None
