"""Decides which answers of a map are believed, and what to do about the others.

    Answered --> own worker, check, trusted device ---> believed --> Deliver, Settled
                 other stranger --> Case: more votes --^  |
                                     ^-- Doubted          +-- held until the map is over, so that
                 lie: Dismiss, and what rests on the liar     a lie that is found later undoes it
                 alone becomes a Case again

No clock, socket, thread or randomness: chance is `Trust`'s.  A result must lead by `quorum` votes,
which is margin voting: one vote against it asks for one more in favour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from . import events as ev
from .cases import Case, Findings, How, Vote, groups, says_nothing
from .credibility import Credibility
from .equality import EXACT, Tolerance, same
from .errors import ConfigurationError, DisagreementError
from .handed_over import HandedOver
from .known import KnownItems
from .lone import Choice, LoneDevices
from .tally import Tally
from .trust import Trust
from .verdicts import Regret, Verdict, Verdicts
from .verify import Verify

REMEDY = (
    "if the function draws random numbers, use seed= and its rng; if it walks through a set, sort "
    "it; if it reads the time, pass the time in; or say with Verify(equal=...) what is the same; "
    "verify=False believes results as they come"
)


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
        self._arguments = arguments
        self._present = present
        self._keep_going = keep_going
        self._hold = hold
        self._trust_here = trust_here
        self._cases: dict[int, Case] = {}
        self._open: dict[int, Case] = {}
        """Those of them in which nothing is believed."""
        self._voted: dict[int, set[int]] = {}
        """The cases in which a device has a vote."""
        self._deterministic = False
        """Whether this machine has seen the function give one result twice."""
        self._arbitrations: dict[int, Vote] = {}
        self._all_answered = False
        self._over = False
        self._findings = Findings()
        self._tally = Tally(delivered)
        self._verdicts = Verdicts(number, trust)
        self._lone = LoneDevices(verify.trust_after)
        self._handed_over = HandedOver()
        self._known = KnownItems(
            lambda result, value: self._equal(result, value, False),
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
            if self._over:
                break
            if not answer.copy:
                self._cases[index] = self._open[index] = Case(answer.parcel, answer.payload)
            case = self._open.get(index)
            if case is not None:
                failed = answer.failures.get(index)
                self._vote(index, case, answer.worker, value, failed, alone)
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
        was_alone = self._lone.computed(index)
        case = self._open.get(index)
        if case is None:
            return []
        case.asked = case.arbitrating = False
        vote = Vote(None, True, value, failed)
        former = self._arbitrations.pop(index, None)
        if failed and says_nothing(failed) and was_alone and len(case.votes) == 1:
            self._lone.give_up()
            self._believe(index, case, case.votes, How.SINGLE)
        elif failed and says_nothing(failed):
            self._fail(index, case, failed)
        elif former and not self._agree([former, vote]):
            self._fail(
                index,
                case,
                ev.Failed(
                    DisagreementError(
                        f"item {index} has different results each time that this machine computes "
                        f"it, so the function is not deterministic; {REMEDY}"
                    ),
                    "this machine",
                    2,
                ),
            )
        elif former or self._agree([vote, *case.votes]):
            self._deterministic = self._deterministic or former is not None
            case.votes.append(vote)
            self._consider(index, case)
        else:
            self._arbitrations[index] = vote
            self._arbitrate(index, case)
        return [*self._finished(), *self._look_again()]

    def _look_again(self) -> list[Verdict]:
        """Decides about what waited for this machine."""
        for index in self._lone.take_waiting():
            case = self._open.get(index)
            if case is None or case.arbitrating:
                continue
            if self._is_forsaken(case):  # perhaps since a device that was asked has left
                self._decide_here(index, case)
            else:
                self._consider(index, case)
        return self._finished()

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
        if self._verify.arbiter:
            for index, case in list(self._open.items()):
                if not case.arbitrating and self._is_forsaken(case):
                    self._decide_here(index, case)
        return self._finished()

    def credibility(self) -> Credibility:
        """Returns how results were believed so far."""
        return self._tally.credibility()

    # Judging

    def _believes(self, worker: int) -> bool:
        if self._is_own(worker) or self._trust.is_banned(worker):
            return False
        return self._trust.leaves_alone(worker, self._verify.trust_after, self._verify.recheck)

    def _is_own(self, worker: int) -> bool:
        return self._trust.is_own(worker, here=self._trust_here)

    def _vote(
        self,
        index: int,
        case: Case,
        worker: int | None,
        value: object,
        failed: ev.Failed | None,
        alone: bool,
    ) -> None:
        case.asked = False
        vote = Vote(worker, worker is None or self._is_own(worker), value, failed)
        if worker is None:  # some workers were lost; nobody claims anything
            case.votes.append(vote)
            self._believe(index, case, [vote], How.OWN)
            return
        case.voters.add(worker)
        if self._trust.is_banned(worker):
            self._consider(index, case)
            return
        if not vote.own:
            self._tally.answered(worker)
            self._voted.setdefault(worker, set()).add(index)
        case.votes.append(vote)
        checked = self._verify.check is not None and not failed
        again = bool(case.disowned) and len(case.votes) == 1
        if again:
            alone = self._is_trusted(worker) and self._repeats(case, vote)
        single = alone and not failed and len(case.votes) == 1 and not checked
        if not vote.own:
            compared = again or not single
            self._trust.answered(worker, self._verify.recheck, compared=compared)
            self._tally.compared += compared
        if checked and not vote.own:
            self._check(index, case, vote)
        elif single:
            self._believe(index, case, [vote], How.SINGLE)
        else:
            self._consider(index, case)

    def _is_trusted(self, worker: int) -> bool:
        return self._trust.confirmations(worker) >= self._verify.trust_after

    def _repeats(self, case: Case, vote: Vote) -> bool:
        """Whether a liar answered the same: most answers of most liars are right."""
        try:
            return any(len(groups([vote, each], self._equal)) == 1 for each in case.disowned)
        except Exception:
            return False  # `_consider` says so

    def _check(self, index: int, case: Case, vote: Vote) -> None:
        assert self._verify.check is not None
        assert vote.worker is not None
        try:
            item = self._arguments(case.payload, index - case.parcel)
            right = bool(self._verify.check(item, vote.value))
        except Exception as error:
            self._misconfigured(index, case, "check", error)
            return
        if right:
            self._findings.confirmed.add(vote.worker)
            self._believe(index, case, [vote], How.CHECK)
        else:
            self._tally.disagreements += 1
            self._findings.liars.append((vote.worker, index))
            self._consider(index, case)

    def _consider(self, index: int, case: Case) -> None:
        """Believes something, or has another answer computed."""
        if case.asked or case.arbitrating or self._over:
            return
        try:
            found = groups(case.votes, self._equal)
        except Exception as error:
            self._misconfigured(index, case, "equal", error)
            return
        if len(found) > 1 and not case.disputed:
            case.disputed = True
            self._tally.disagreements += 1
        own = next((group for group in found if any(vote.own for vote in group)), None)
        lead = len(found[0]) - (len(found[1]) if len(found) > 1 else 0) if found else 0
        arbiter = self._verify.arbiter is not None
        exhausted = len(case.votes) >= self._verify.max_replicas
        if own:
            here = any(vote.worker is None for vote in own)
            self._believe(index, case, own, How.ARBITER if here else How.OWN)
        elif lead >= self._verify.quorum:
            self._believe(index, case, found[0], How.QUORUM)
        elif arbiter and (exhausted or (case.disputed and not self._deterministic)):
            self._arbitrate(index, case)
        elif exhausted:
            disagreement = DisagreementError(
                f"{len(case.votes)} devices gave {len(found)} different results for item {index}, "
                f"and none leads by {self._verify.quorum}; {REMEDY}. "
                "With arbiter='local' this machine decides"
            )
            self._fail(index, case, ev.Failed(disagreement, "", len(case.votes)))
        elif arbiter and self._is_forsaken(case):
            self._decide_here(index, case)
        else:
            case.asked = True
            self._verdicts.doubt(index, case)

    def _is_forsaken(self, case: Case) -> bool:
        """Whether it has answers, and nobody is there who could give another one."""
        return bool(case.votes) and not self._present() - case.voters

    def _decide_here(self, index: int, case: Case) -> None:
        """Confirms an item that nobody else can; one device's answers only as far as need be."""
        vote = case.votes[0]
        ends_map = vote.failed and not self._keep_going
        if len(case.votes) > 1 or vote.worker is None or ends_map:
            self._arbitrate(index, case)
            return
        match self._lone.choose(index, vote.worker, self._trust.confirmations(vote.worker)):
            case Choice.COMPUTE:
                self._arbitrate(index, case)
            case Choice.BELIEVE:
                self._tally.compared -= 1
                self._believe(index, case, case.votes, How.SINGLE)
            case Choice.WAIT:
                pass

    def _answered_known(self, answer: ev.Answered) -> None:
        worker = answer.worker
        if worker is None or self._is_own(worker) or self._trust.is_banned(worker):
            return
        try:
            self._known.answered(answer, worker)
        except Exception as error:
            self._end(_misuse("equal", "a known item", error))

    def _arbitrated_known(self, index: int, value: object, failed: ev.Failed | None) -> None:
        try:
            self._known.arbitrated(index, value, failed)
        except ConfigurationError as error:
            self._end(error)
        except Exception as error:
            self._end(_misuse("equal", "a known item", error))

    def _end(self, error: Exception) -> None:
        """Ends the map because of what the owner gave."""
        self._over = True
        self._verdicts.add(ev.Fail(self._number, 0, ev.Failed(error, "this machine", 1)))

    def _arbitrate(self, index: int, case: Case) -> None:
        case.arbitrating = True
        self._verdicts.arbitrate(index, case)

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
            self._over = True
            self._verdicts.add(ev.Fail(self._number, index, case.belief.failed))
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
        while liars and not self._over:
            self._ban(*liars.pop())
        for worker in sorted(confirmed):
            if not self._trust.is_banned(worker):
                self._trust.confirmed(worker)
        confirmed.clear()
        if self._over:
            return self._verdicts.take_last()
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
                self._consider(each, case)

    def _forget(self, index: int, case: Case) -> None:
        del self._cases[index]
        supporters = case.supporters()
        for worker in supporters:
            if worker in self._voted:
                self._voted[worker].discard(index)
        if not self._hold and case.how in (How.SINGLE, How.QUORUM):
            self._handed_over.add(index, supporters)

    def _fail(self, index: int, case: Case, failed: ev.Failed) -> None:
        """Lets an item fail of which nothing can be believed, and nobody be blamed."""
        case.votes = [Vote(None, True, None, failed)]
        self._believe(index, case, case.votes, How.ARBITER)

    def _misconfigured(self, index: int, case: Case, name: str, error: Exception) -> None:
        told = _misuse(name, f"item {index}", error)
        self._fail(index, case, ev.Failed(told, "this machine", 1))

    def _agree(self, votes: list[Vote]) -> bool:
        try:
            return len(groups(votes, self._equal)) == 1
        except Exception:
            return True  # `_consider` says so

    def _equal(self, one: object, other: object, one_runtime: bool) -> bool:
        verify = self._verify
        if callable(verify.equal):
            return bool(verify.equal(one, other))
        return same(one, other, EXACT if one_runtime else Tolerance(verify.rtol, verify.atol))


def _misuse(name: str, item: str, error: Exception) -> ConfigurationError:
    told = ConfigurationError(
        f"Verify({name}=...) raised {type(error).__name__} for {item}: {error}; "
        "it must return True or False"
    )
    told.__cause__ = error
    return told
