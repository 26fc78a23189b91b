"""What `nitocris doctor` makes of addresses, ports, firewalls and proxies."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from nitocris.commands.network import (
    Address,
    check_addresses,
    check_firewall,
    check_port,
    check_proxies,
    own_addresses,
)

LOOPBACK = Address("lo", "127.0.0.1")
WIFI = Address("wlan0", "192.168.1.20")
DOCKER = Address("docker0", "172.17.0.1")
VPN = Address("tun0", "10.8.0.2")


def test_this_machine_has_its_own_address() -> None:
    """The real interfaces are read."""
    assert "127.0.0.1" in [each.ip for each in own_addresses()]


def test_each_address_with_its_link() -> None:
    """In the form in which it is printed, with who can use it."""
    found = list(check_addresses(8000, [LOOPBACK, WIFI, DOCKER], "192.168.1.20"))

    assert [each.status for each in found] == ["ok", "ok"]
    assert found[0].text == (
        "http://192.168.1.20:8000/#TOKEN for devices of the same network (wlan0), the one that is "
        "printed"
    )
    assert "containers" in found[1].text


@pytest.mark.parametrize(
    ("addresses", "chosen", "said", "remedy"),
    [
        ([LOOPBACK], "127.0.0.1", "in no network", "hotspot"),
        ([LOOPBACK, Address("eth0", "169.254.7.7")], "169.254.7.7", "in no network", "hotspot"),
        ([LOOPBACK, WIFI, VPN], "10.8.0.2", "(tun0)", "public_url='http://192.168.1.20:8000'"),
        ([LOOPBACK, WIFI], "127.0.0.1", "(lo)", "public_url='http://192.168.1.20:8000'"),
    ],
)
def test_a_link_that_others_cannot_open(
    addresses: list[Address], chosen: str, said: str, remedy: str
) -> None:
    """Loopback, no network, a tunnel: the last finding warns and says what to do."""
    last = list(check_addresses(0, addresses, chosen))[-1]

    assert last.status == "warning"
    assert said in last.text
    assert remedy in (last.remedy or "")


def test_ports() -> None:
    """One that is taken must be mended; one that is free, or any, is well."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = check_port(port, "127.0.0.1")

    assert found.status == "error"
    assert str(port) in found.text
    assert check_port(port, "127.0.0.1").status == "ok"
    assert check_port(0, "127.0.0.1").status == "ok"


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        (".dockerenv", "", "container"),
        ("etc/ufw/ufw.conf", "# it is on\nENABLED=yes\n", "ufw is on"),
        ("run/firewalld/pid", "", "firewalld is on"),
    ],
)
def test_firewalls_of_linux(path: str, content: str, said: str, tmp_path: Path) -> None:
    """Seen by the files that they leave, with the command that opens a port."""
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(content)

    found = check_firewall("linux", "6.1.0", tmp_path)

    assert found.status == "warning"
    assert said in found.text
    assert "8000" in (found.remedy or "")


def test_other_systems(tmp_path: Path) -> None:
    """WSL warns; the others say where to look, and ufw that is off says nothing."""
    (tmp_path / "etc/ufw").mkdir(parents=True)
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=no\n")

    assert check_firewall("linux", "5.15-microsoft-standard-WSL2", tmp_path).status == "warning"
    assert "System Settings" in check_firewall("darwin", "24.0", tmp_path).text
    assert "Windows" in check_firewall("win32", "11", tmp_path).text
    assert check_firewall("linux", "6.1.0", tmp_path).status == "ok"


def test_proxies() -> None:
    """They are named without their passwords."""
    found = check_proxies({"http": "http://me:secret@proxy:3128", "no": "localhost"})

    assert found.status == "warning"
    assert "http: http://proxy:3128;" in found.text
    assert check_proxies({}).status == "ok"
