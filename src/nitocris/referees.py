"""The referees of all maps: which maps are judged, since when, and what becomes of a verdict.

    Coordinator --open, judge, expect, over--> Referees --> Referee of the map
    Devices --joined, left-->                     '--verdicts--> scheduler, owner, or a device goes

Results of volunteers on this machine need no referee; the first volunteer from elsewhere brings
one to each map that runs, unless the owner wants it otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import assert_never

from . import events as ev
from .arbiter import Arbiter
from .history import History
from .open_map import OpenMap
from .referee import Referee
from .roster import Roster, Worker
from .trust import Trust
from .verdicts import Arbitrate, Regret, Verdict
from .verify import OUTSIDE, Verify


@dataclass(slots=True)
class _Judged:
    current: OpenMap
    new_referee: Callable[[int], Referee]
    """Makes one for a map of which so many items are delivered."""
    referee: Referee | None = None
    known: int = 0
    """Minus how many known items were lent."""


class Referees:
    """Has those maps judged whose results are to be believed.

    Args:
        roster: Who is connected.
        history: Is told what maps are judged by.
        handle: Tells the scheduler.
        perform: Does what is to be done at once.
        dismiss: Sends a device away.
        tell: Takes sentences that the owner should read.
    """

    def __init__(
        self,
        roster: Roster,
        history: History,
        *,
        handle: Callable[[ev.Event], None],
        perform: Callable[[ev.Command], None],
        dismiss: Callable[[ev.Dismiss], None],
        tell: Callable[[str], None],
    ) -> None:
        self._roster = roster
        self._history = history
        self._handle = handle
        self._perform = perform
        self._dismiss = dismiss
        self._tell = tell
        self._trust = Trust(SystemRandom().random)
        self._maps: dict[int, _Judged] = {}
        self._used_outside = False
        """Whether a volunteer has come from another machine."""
        self._told_outside = False

    def open(
        self,
        number: int,
        current: OpenMap,
        verify: Verify | None,
        *,
        timeout: float,
        keep_going: bool,
        hold: bool,
        hidden: int,
    ) -> bool:
        """Notes a map; returns whether it is judged from its beginning.

        Args:
            number: The map's.
            current: What it is.
            verify: How results of volunteers are to be believed, None for as they come.
            timeout: Seconds that this machine may take for an item.
            keep_going: Whether an item that fails is delivered like any other.
            hold: Whether results that may be undone are kept until the map is over.
            hidden: How many leading arguments of each item the owner did not give.
        """
        if verify is None:
            return False

        def new_referee(delivered: int) -> Referee:
            return Referee(
                number,
                verify,
                self._trust,
                Arbiter(current.function, current.registry, timeout),
                self._execute,
                self._roster.present,
                keep_going=keep_going,
                hold=hold,
                trust_here=verify is OUTSIDE,
                delivered=delivered,
                hidden=hidden,
            )

        judged = self._maps[number] = _Judged(current, new_referee)
        if verify is not OUTSIDE:
            judged.referee = new_referee(0)
        return judged.referee is not None

    def started(self, number: int) -> None:
        """Notes that the scheduler has a map, and the history."""
        judged = self._maps.get(number)
        if judged and judged.referee:
            self._history.verified(number, judged.referee.quorum.credibility)
        elif self._used_outside:
            self._verify_from_now(number)

    def judge(self, command: ev.Answered | ev.AllAnswered) -> None:
        """Takes what the scheduler wants judged."""
        referee = self._maps[command.map].referee
        assert referee is not None
        referee.judge(command)

    def expect(self, number: int, results: Sequence[object]) -> int | None:
        """Notes the results of known items, which are lent from now on.

        Returns:
            The index of the first of them, which is negative; None if the map is not judged.
        """
        judged = self._maps.get(number)
        if judged is None or judged.referee is None:
            return None
        judged.known -= len(results)
        judged.referee.expect(judged.known, results)
        return judged.known

    def over(self, number: int) -> None:
        """Forgets a map."""
        judged = self._maps.pop(number, None)
        if judged and judged.referee:
            judged.referee.close()

    def joined(self, worker: Worker, network: str, *, here: bool) -> None:
        """Notes a device.

        Args:
            worker: The device.
            network: Where it is connected from.
            here: Whether it certainly is on this machine.
        """
        own = not worker.is_browser
        self._trust.joined(worker.number, worker.title, network, own=own, here=here)
        if not own and not here and not self._used_outside:
            self._used_outside = True
            for number in self._maps:
                self._verify_from_now(number)

    def left(self) -> None:
        """Notes that a device is gone."""
        for referee in self._referees():
            referee.left()

    def _referees(self) -> list[Referee]:
        return [judged.referee for judged in self._maps.values() if judged.referee]

    def _verify_from_now(self, number: int) -> None:
        """Has a map judged that was only to be when volunteers come from other machines."""
        judged = self._maps.get(number)
        if judged is None or judged.referee:
            return
        judged.referee = referee = judged.new_referee(self._history.items_of(number))
        self._history.verified(number, referee.quorum.credibility)
        self._handle(ev.MapVerified(number))
        if not self._told_outside:
            self._told_outside = True
            self._tell(
                "a volunteer has joined from another machine, so from now on results of "
                "volunteers are confirmed before you get them, as with verify='auto'; "
                "verify=None takes them as they come."
            )

    def _execute(self, verdict: Verdict) -> None:
        """Performs what the referee of a map says."""
        match verdict:
            case ev.Dismiss():
                self._dismiss(verdict)
                for referee in self._referees():
                    referee.lied(verdict.worker)
            case Arbitrate():
                raise AssertionError("the referee does that")
            case Regret():
                self._regret(verdict)
            case _ if verdict.map not in self._maps:
                pass  # it was given up meanwhile
            case ev.Doubted() | ev.Settled():
                self._handle(verdict)
            case ev.Deliver() | ev.Held():
                self._perform(verdict)
            case ev.Fail():
                self._handle(ev.MapCancelled(verdict.map))
                self._perform(verdict)
            case _:
                assert_never(verdict)

    def _regret(self, verdict: Regret) -> None:
        if judged := self._maps.get(verdict.map):
            current = judged.current
            kept = current.withdraw is not None
            self._tell(verdict.told(current.mapped.name, indexed=current.indexed, kept=kept))
            if current.withdraw:
                current.withdraw(verdict.items)
