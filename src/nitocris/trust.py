"""Which devices are believed, and how often: BOINC's adaptive replication.

A stranger's answers are all confirmed until some have been; from then on each is left alone with
probability 1 - 1/n, where n is how many were confirmed in a row, and never more often than the
owner's share for rechecks allows.  A proven lie ends that for good.
Compared are also the answers by which a device confirms others; one that had fewer of these is
rechecked more, so that no device goes by chance with few comparisons.
Where devices lie that had been trusted, there are more of them: then all are rechecked more.
(D. P. Anderson, "BOINC: A Platform for Volunteer Computing", J. Grid Computing 18, 2020, 5.3.)

Chance comes from outside, so the same numbers give the same decisions.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

PREFIXES = {4: 24, 6: 48}
"""Bits of an address that one network shares, which is often one person's."""

BEHIND, AHEAD = 2.0, 0.25
"""Times the share for rechecks: the probability of one for a device of which less, or more than
that share of its answers was compared, since it also confirms others by chance."""

WARINESS, WARIEST = 20.0, 1.5
"""By how much the share for rechecks grows for each trusted device that lies, as a share of those
that were trusted, and how many times as great it becomes at most: docs/trust.md has the costs."""


class Standing(Enum):
    """What a device is to the owner."""

    OWN = "own"
    HERE = "here"
    STRANGER = "stranger"
    BANNED = "banned"


@dataclass(slots=True)
class _Repute:
    name: str
    network: str
    standing: Standing
    confirmed: int = 0
    trusted: bool = False
    answers: int = 0
    compared: int = 0
    extra: float = 0.0
    """How many more of them than the owner's share were to be compared."""


class Trust:
    """The reputation of all devices, across maps.

    Args:
        chance: Returns numbers from 0 to below 1 that no device can foresee.
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._reputes: dict[int, _Repute] = {}
        self._trusted = 0
        """How many devices have been trusted."""
        self._fallen = 0
        """How many of these were found to lie."""

    def joined(
        self, worker: int, name: str, network: str, *, own: bool, here: bool = False
    ) -> None:
        """Notes a device; nothing is known of a stranger.

        Args:
            worker: The device.
            name: What people call it.
            network: Where it is connected from.
            own: Whether it is a native worker.
            here: Whether it is a browser on the owner's machine.
        """
        standing = Standing.OWN if own else Standing.HERE if here else Standing.STRANGER
        self._reputes[worker] = _Repute(name, network, standing)

    def is_own(self, worker: int, *, here: bool = False) -> bool:
        """Whether a device is the owner's, and believed.

        Args:
            worker: The device.
            here: Whether browsers on the owner's machine are.
        """
        standing = self._reputes[worker].standing
        return standing is Standing.OWN or (here and standing is Standing.HERE)

    def is_banned(self, worker: int) -> bool:
        """Whether a device was found to lie."""
        return self._reputes[worker].standing is Standing.BANNED

    def name(self, worker: int) -> str:
        """What people call a device."""
        return self._reputes[worker].name

    def network(self, worker: int) -> str:
        """Where a device is connected from."""
        return self._reputes[worker].network

    def leaves_alone(self, worker: int, trust_after: int, recheck: float) -> bool:
        """Whether a stranger's next answer is believed without another one; asks chance once.

        Args:
            worker: The device.
            trust_after: Confirmed answers until it is trusted at all.
            recheck: The share of its answers that shall be compared nevertheless.
        """
        repute = self._reputes[worker]
        if repute.confirmed < trust_after:
            return False
        if not repute.trusted:
            repute.trusted = True
            self._trusted += 1
        behind = repute.compared <= recheck * repute.answers + repute.extra  # so with 1, always
        probability = self._wary(recheck) * (BEHIND if behind else AHEAD)
        return self._chance() >= max(probability, 1 / repute.confirmed)

    def answered(self, worker: int, recheck: float, *, compared: bool) -> None:
        """Notes an answer of a stranger.

        Args:
            worker: The device.
            recheck: As for `leaves_alone`.
            compared: Whether it is compared with another answer.
        """
        repute = self._reputes[worker]
        repute.answers += 1
        repute.extra += self._wary(recheck) - recheck
        repute.compared += compared

    def _wary(self, recheck: float) -> float:
        """Returns the share for rechecks, which is greater where trust was abused."""
        abused = self._fallen / max(1, self._trusted)
        return min(1.0, recheck * min(WARIEST, 1 + WARINESS * abused))

    def confirmations(self, worker: int) -> int:
        """How many answers of a device turned out to be right."""
        return self._reputes[worker].confirmed

    def confirmed(self, worker: int) -> None:
        """Notes an answer that turned out to be right."""
        self._reputes[worker].confirmed += 1

    def lied(self, worker: int) -> None:
        """Notes a proven lie."""
        repute = self._reputes[worker]
        self._fallen += repute.trusted
        repute.standing, repute.confirmed = Standing.BANNED, 0


def network_of(address: str | None) -> str:
    """Returns the network of an address, /24 or /48; an empty text if there is none."""
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, PREFIXES[parsed.version]), strict=False))
