"""How the results of a map were believed: for people, and to keep."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credibility:
    """How the results of a verified map were believed.

    Attributes:
        own: Items computed by the owner's own native workers.
        single: Items believed because of the device that answered them.
        quorum: Items on which several devices agreed.
        check: Items whose results `Verify.check` found right.
        arbiter: Items that this machine decided.
        disagreements: Items that got different results.
        banned: The names of devices that were found to lie, and sent away.
        answers: Answers of strangers, on average of each of them.
        compared: The share of these that was compared or checked.
        known: Answers of strangers to items of `Verify.known`, which are no items of the map.
        doubtful: Items that were handed over before all devices were found to lie on which their
            results rest: of a stream or of futures, at most the latest 1,000 of each device.
    """

    own: int
    single: int
    quorum: int
    check: int
    arbiter: int
    disagreements: int
    banned: tuple[str, ...]
    answers: float
    compared: float
    known: int = 0
    doubtful: tuple[int, ...] = ()

    def error_bound(self, saboteurs: float = 0.1) -> float:
        """Returns the share of wrong results to be expected at most.

        If a share f of the devices lie, each with a probability of its own, alone and without
        waking up late, n answers each and a share q compared give at most f / (1 - f) / (q n e):
        spot-checking with blacklisting in L. F. G. Sarmenta, "Sabotage-tolerance mechanisms for
        volunteer computing systems", Future Generation Computer Systems 18(4), 2002.

        Args:
            saboteurs: The share f of devices that is assumed to lie, from 0 to below 1.

        Raises:
            ValueError: It is no such share.
        """
        if not 0 <= saboteurs < 1:
            raise ValueError(f"saboteurs must be a share from 0 to below 1, not {saboteurs!r}")
        if not self.single or not saboteurs:
            return 0.0
        checks = self.compared * self.answers
        most = self.single / (self.own + self.single + self.quorum + self.check + self.arbiter)
        bound = saboteurs / (1 - saboteurs) / (checks * math.e) if checks else 1.0
        return min(bound, saboteurs, most)

    def __str__(self) -> str:
        ways = [
            (self.own, "by your own workers"),
            (self.check, "checked"),
            (self.quorum, "by agreement"),
            (self.arbiter, "by this machine"),
            (self.single, "by a single device"),
        ]
        text = ", ".join(f"{count:,} {way}" for count, way in ways if count) or "nothing yet"
        if self.disagreements:
            text += f"; {self.disagreements:,} disagreements"
        if self.known:
            text += f"; {self.known:,} answers compared with known ones"
        if self.banned:
            text += f"; sent away: {', '.join(self.banned)}"
        if self.doubtful:
            text += f"; {len(self.doubtful):,} handed over before a lie was found"
        if self.single:
            text += f"; at most {self.error_bound():.2%} wrong if a tenth of the devices lie"
        return text
