"""What is between this machine and others: addresses, port, firewall, proxies.

Nobody can see from here whether another device gets through; what speaks against it can be seen.
"""

from __future__ import annotations

import ipaddress
import platform
import socket
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import ifaddr

from .. import links
from .finding import Finding

EVERYWHERE = "0.0.0.0"  # noqa: S104  # what executions listen on by default
_VIRTUAL = (
    *("docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "vEthernet"),
    *("utun", "tun", "tap", "wg", "tailscale", "zt"),
)
"""How interfaces are named that lead to no other device, or through a tunnel to some."""


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 address of this machine.

    Attributes:
        interface: The name of the interface that has it.
        ip: The address.
    """

    interface: str
    ip: str

    @property
    def leads(self) -> str | None:
        """Who can reach it; None if that is only this machine."""
        ip = ipaddress.IPv4Address(self.ip)
        if ip.is_loopback or ip.is_link_local:
            return None
        if self.interface.startswith(_VIRTUAL):
            return "containers, virtual machines or a VPN"
        return "devices of the same network" if ip.is_private else "the internet, or your network"


def own_addresses() -> list[Address]:
    """Returns the IPv4 addresses of all interfaces: what executions listen on by default."""
    return [
        Address(adapter.nice_name, str(each.ip))
        for adapter in ifaddr.get_adapters()
        for each in adapter.ips
        if each.is_IPv4
    ]


def check_addresses(
    port: int = 0, addresses: list[Address] | None = None, chosen: str | None = None
) -> Iterator[Finding]:
    """Which links lead here, and does the one that is printed lead others here?

    Args:
        port: The one that the owner means to use, 0 for any.
        addresses: Those of this machine.
        chosen: The one that links are made of.
    """
    addresses = own_addresses() if addresses is None else addresses
    chosen = links.reachable_address(EVERYWHERE) if chosen is None else chosen
    others = [each for each in addresses if each.leads]
    for each in others:
        printed = ", the one that is printed" if each.ip == chosen else ""
        link = f"{links.base_url(each.ip, 0).removesuffix(':0')}:{port or 'PORT'}/#TOKEN"
        yield Finding("address", "ok", f"{link} for {each.leads} ({each.interface}){printed}")
    choice = next((each for each in addresses if each.ip == chosen), Address("?", chosen))
    if not others:
        yield Finding(
            "address",
            "warning",
            "this machine is in no network, so nobody else can open the link",
            "join a network (a phone's hotspot is one), or use local_workers=",
        )
    elif choice.leads is None or choice.interface.startswith(_VIRTUAL):
        better = next(
            (each for each in others if not each.interface.startswith(_VIRTUAL)), others[0]
        )
        yield Finding(
            "address",
            "warning",
            f"links have {chosen} ({choice.interface}), which others may not reach",
            f"give the address that they can reach: public_url='http://{better.ip}:8000' with "
            "server_port=8000",
        )


def check_port(port: int = 0, host: str = EVERYWHERE) -> Finding:
    """Can an execution listen?

    Args:
        port: The one that the owner means to use, 0 for any.
        host: Where it listens.
    """
    with socket.socket() as probe:
        if sys.platform != "win32":  # where it would mean to share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            remedy = "take another number from 1024 on, end what uses this one, or leave it out"
            return Finding("port", "error", f"{port or 'none'} is not to be had: {error}", remedy)
        found = "can be listened on" if port else f"one was free: {probe.getsockname()[1]}"
    return Finding("port", "ok", f"{port} {found}" if port else found)


def check_firewall(
    system: str = sys.platform, release: str = platform.release(), root: Path = Path("/")
) -> Finding:
    """Is something here that lets no one in?

    Args:
        system: As `sys.platform`.
        release: Of the operating system.
        root: Where its files are.
    """
    if "microsoft" in release.lower():
        return Finding(
            "firewall",
            "warning",
            "this is WSL, whose network others do not reach by default",
            "set networkingMode=mirrored in .wslconfig, or run Python in Windows itself",
        )
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        return Finding(
            "firewall",
            "warning",
            "this is a container, in which others reach published ports only",
            "publish one (docker run -p 8000:8000) and use server_port=8000 and "
            "public_url='http://ADDRESS-OF-THE-HOST:8000'",
        )
    if "ENABLED=yes" in _text(root / "etc/ufw/ufw.conf").split():
        return Finding("firewall", "warning", "ufw is on", "sudo ufw allow 8000/tcp")
    if (root / "run/firewalld").is_dir():
        return Finding(
            "firewall", "warning", "firewalld is on", "sudo firewall-cmd --add-port=8000/tcp"
        )
    where = {
        "darwin": "macOS asks once whether Python may be reached; System Settings, Network, "
        "Firewall has the answer",
        "win32": "Windows asks once whether Python may be reached; allow it in private networks",
    }
    unknown = "none was found here; your router or a cloud may have one"
    return Finding("firewall", "ok", where.get(system, unknown))


def check_proxies(proxies: Mapping[str, str] | None = None) -> Finding:
    """Which proxies are set, and what goes through them?"""
    found = urllib.request.getproxies() if proxies is None else proxies
    named = {scheme: url for scheme, url in found.items() if scheme in ("http", "https", "all")}
    if not named:
        return Finding("proxy", "ok", "none is set")
    shown = ", ".join(f"{scheme}: {_without_password(url)}" for scheme, url in named.items())
    return Finding(
        "proxy",
        "warning",
        f"{shown}; packages are downloaded through it, workers connect without",
        "if a browser uses it too, take the link's address out of what goes through it",
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _without_password(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]
