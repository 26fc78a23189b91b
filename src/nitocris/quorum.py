"""Decides which answers of a map are believed, and what to do about the others.

    Answered --> own worker, check, trusted device ---> believed --> Deliver, Settled
                 other stranger --> Case: more votes --^  |
                                     ^-- Doubted          +-- held until the map is over, so that
                 lie: Dismiss, and what rests on the liar     a lie that is found later undoes it
                 alone becomes a Case again

No clock, socket, thread or randomness: chance is `Trust`'s.  What is believed of one item decides
the `Judge`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from . import events as ev
from .cases import Case, Findings, How, Vote
from .credibility import Credibility
from .errors import ConfigurationError
from .handed_over import HandedOver
from .judge import Judge, misuse
from .known import KnownItems
from .tally import Tally
from .trust import Trust
from .verdicts import Regret, Verdict, Verdicts
from .verify import Verify


class Quorum:
    """Judges the answers of one map.

    Args:
        number: The map's.
        verify: What the owner wants.
        trust: The reputation of the devices.
        arguments: Returns an item by its payload and its place in that, for `verify.check`.
        present: Returns the devices that compute at the moment.
        keep_going: Whether an item that fails is delivered like any other.
        hold: Whether results are kept until the map is over, so that they can be undone.
        trust_here: Whether browsers on this machine are believed as its native workers are.
        delivered: Items that were delivered before, as the owner's own.
    """

    def __init__(
        self,
        number: int,
        verify: Verify,
        trust: Trust,
        *,
        arguments: Callable[[object, int], object],
        present: Callable[[], Set[int]],
        keep_going: bool,
        hold: bool,
        trust_here: bool = False,
        delivered: int = 0,
    ) -> None:
        self._number = number
        self._verify = verify
        self._trust = trust
        self._keep_going = keep_going
        self._hold = hold
        self._trust_here = trust_here
        self._cases: dict[int, Case] = {}
        self._open: dict[int, Case] = {}
        """Those of them in which nothing is believed."""
        self._voted: dict[int, set[int]] = {}
        """The cases in which a device has a vote."""
        self._all_answered = False
        self._findings = Findings()
        self._tally = Tally(delivered)
        self._verdicts = Verdicts(number, trust)
        self._handed_over = HandedOver()
        self._judge = Judge(
            verify,
            trust,
            arguments=arguments,
            present=present,
            keep_going=keep_going,
            findings=self._findings,
            tally=self._tally,
            verdicts=self._verdicts,
            believe=self._believe,
        )
        self._known = KnownItems(
            lambda result, value: self._judge.equal(result, value, False),
            arbiter=verify.arbiter is not None,
            findings=self._findings,
            tally=self._tally,
            verdicts=self._verdicts,
        )

    # What happened

    def answered(self, answer: ev.Answered) -> list[Verdict]:
        """Takes what a worker answered."""
        if answer.start < 0:
            self._answered_known(answer)
            return self._finished()
        alone = answer.worker is not None and self._believes(answer.worker)
        for index, value in enumerate(answer.values, answer.start):
            if self._verdicts.over:
                break
            if not answer.copy:
                self._cases[index] = self._open[index] = Case(answer.parcel, answer.payload)
            case = self._open.get(index)
            if case is not None:
                self._vote(index, case, answer, value, alone)
        return self._finished()

    def expect(self, start: int, results: Sequence[object]) -> list[Verdict]:
        """Notes the results of known items, which are lent from now on; all are below 0."""
        self._known.expect(start, results)
        return []

    def arbitrated(self, index: int, value: object, failed: ev.Failed | None) -> list[Verdict]:
        """Takes what this machine made of an item."""
        if index < 0:
            self._arbitrated_known(index, value, failed)
            return self._finished()
        was_alone = self._judge.computed(index)
        case = self._open.get(index)
        if case is None:
            return []
        self._judge.arbitrated(index, case, Vote(None, True, value, failed), was_alone=was_alone)
        verdicts = self._finished()
        for each in self._judge.take_waiting():
            if waiting := self._open.get(each):
                self._judge.look_again(each, waiting)
        return [*verdicts, *self._finished()]

    def lied(self, worker: int) -> list[Verdict]:
        """Notes a device that was found to lie in another map."""
        self._undo(worker)
        return self._finished()

    def all_answered(self) -> list[Verdict]:
        """Notes that there are no more first answers."""
        self._all_answered = True
        return self._finished()

    def left(self) -> list[Verdict]:
        """Looks for items that only devices could confirm which are not there any more."""
        self._judge.left(list(self._open.items()))
        return self._finished()

    def credibility(self) -> Credibility:
        """Returns how results were believed so far."""
        return self._tally.credibility()

    # Answers

    def _believes(self, worker: int) -> bool:
        if self._is_own(worker) or self._trust.is_banned(worker):
            return False
        return self._trust.leaves_alone(worker, self._verify.trust_after, self._verify.recheck)

    def _is_own(self, worker: int) -> bool:
        return self._trust.is_own(worker, here=self._trust_here)

    def _vote(
        self, index: int, case: Case, answer: ev.Answered, value: object, alone: bool
    ) -> None:
        worker = answer.worker
        own = worker is None or self._is_own(worker)
        if worker is not None and not own and not self._trust.is_banned(worker):
            self._voted.setdefault(worker, set()).add(index)
        vote = Vote(worker, own, value, answer.failures.get(index))
        self._judge.vote(index, case, vote, alone=alone)

    def _answered_known(self, answer: ev.Answered) -> None:
        worker = answer.worker
        if worker is None or self._is_own(worker) or self._trust.is_banned(worker):
            return
        try:
            self._known.answered(answer, worker)
        except Exception as error:
            self._end(misuse("equal", "a known item", error))

    def _arbitrated_known(self, index: int, value: object, failed: ev.Failed | None) -> None:
        try:
            self._known.arbitrated(index, value, failed)
        except ConfigurationError as error:
            self._end(error)
        except Exception as error:
            self._end(misuse("equal", "a known item", error))

    def _end(self, error: Exception) -> None:
        """Ends the map because of what the owner gave."""
        self._verdicts.fail(0, ev.Failed(error, "this machine", 1))

    def _believe(self, index: int, case: Case, group: list[Vote], how: How) -> None:
        """Believes some votes of a case; the others were lies."""
        for vote in case.votes:
            if vote.worker is None or vote.own:
                continue
            if vote not in group:
                self._findings.liars.append((vote.worker, index))
            elif len(group) > 1:
                self._findings.confirmed.add(vote.worker)
        case.belief = next((vote for vote in group if vote.own), group[0])
        case.votes, case.how = group, how
        del self._open[index]
        if case.belief.failed and not self._keep_going:
            self._verdicts.fail(index, case.belief.failed)
        elif self._hold and how in (How.SINGLE, How.QUORUM):
            if not case.told:
                self._verdicts.hold(failed=case.belief.failed is not None)
            case.told = True
        else:
            self._verdicts.ready[index] = case

    # What follows

    def _finished(self) -> list[Verdict]:
        """Draws the consequences, and returns all verdicts."""
        liars, confirmed = self._findings.liars, self._findings.confirmed
        while liars and not self._verdicts.over:
            self._ban(*liars.pop())
        for worker in sorted(confirmed):
            if not self._trust.is_banned(worker):
                self._trust.confirmed(worker)
        confirmed.clear()
        if self._verdicts.over:
            return self._verdicts.take()
        if self._all_answered and not (self._open or self._known.pending):
            self._verdicts.ready.update(self._cases)
        for index, case in self._verdicts.ready.items():
            self._tally.believed(case.how)
            self._forget(index, case)
        return self._verdicts.take()

    def _ban(self, worker: int, index: int) -> None:
        if self._trust.is_banned(worker):
            return
        self._trust.lied(worker)
        self._tally.banned.append(self._trust.name(worker))
        item = "an item whose result is known" if index < 0 else f"item {index}"
        self._verdicts.add(ev.Dismiss(worker, f"its result for {item} was found to be wrong"))
        self._undo(worker)

    def _undo(self, worker: int) -> None:
        """Believes nothing any more because of a device that lies."""
        if doubtful := self._handed_over.lied(worker):
            self._tally.doubtful += doubtful
            self._verdicts.add(Regret(self._number, self._trust.name(worker), doubtful))
        for each in sorted(self._voted.pop(worker, ())):
            case = self._cases.get(each)
            if case is None or (case.belief and case.how is How.CHECK):
                continue
            case.disowned += [vote for vote in case.votes if vote.worker == worker]
            case.votes = [vote for vote in case.votes if vote.worker != worker]
            if case.belief and not case.votes:
                case.belief = None
                self._verdicts.ready.pop(each, None)
                self._open[each] = case
            if each in self._open:
                self._judge.consider(each, case)

    def _forget(self, index: int, case: Case) -> None:
        del self._cases[index]
        supporters = case.supporters()
        for worker in supporters:
            if worker in self._voted:
                self._voted[worker].discard(index)
        if not self._hold and case.how in (How.SINGLE, How.QUORUM):
            self._handed_over.add(index, supporters)
