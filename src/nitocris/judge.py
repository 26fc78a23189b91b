"""Decides what is believed of one item by the votes on it, or who is to be asked next.

    vote --check, own, alone--> believe
         --others------------> consider --lead of `quorum`--> believe
                                        --dispute, nobody else there--> this machine
                                        --else--> another device

A result must lead by `quorum` votes, which is margin voting: one vote against it asks for one more
in favour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from . import events as ev
from .cases import Case, Findings, How, Vote, groups, says_nothing
from .equality import EXACT, Tolerance, same
from .errors import ConfigurationError, DisagreementError
from .lone import Choice, LoneDevices
from .tally import Tally
from .trust import Trust
from .verdicts import Verdicts
from .verify import Verify

REMEDY = (
    "if the function draws random numbers, use seed= and its rng; if it walks through a set, sort "
    "it; if it reads the time, pass the time in; or say with Verify(equal=...) what is the same; "
    "verify=False believes results as they come"
)

Believe = Callable[[int, Case, list[Vote], How], None]
"""Takes an item of which some votes are believed; the others were lies."""


class Judge:
    """Judges the items of one map, one by one.

    Args:
        verify: What the owner wants.
        trust: The reputation of the devices.
        arguments: Returns an item by its payload and its place in that, for `verify.check`.
        present: Returns the devices that compute at the moment.
        keep_going: Whether an item that fails is delivered like any other.
        findings: Gets who was right, and who lied.
        tally: Counts.
        verdicts: Gets who is to be asked.
        believe: Called with what is decided.
    """

    def __init__(
        self,
        verify: Verify,
        trust: Trust,
        *,
        arguments: Callable[[object, int], object],
        present: Callable[[], Set[int]],
        keep_going: bool,
        findings: Findings,
        tally: Tally,
        verdicts: Verdicts,
        believe: Believe,
    ) -> None:
        self._verify = verify
        self._trust = trust
        self._arguments = arguments
        self._present = present
        self._keep_going = keep_going
        self._findings = findings
        self._tally = tally
        self._verdicts = verdicts
        self._believe = believe
        self._lone = LoneDevices(verify.trust_after)
        self._deterministic = False
        """Whether this machine has seen the function give one result twice."""
        self._arbitrations: dict[int, Vote] = {}

    def vote(self, index: int, case: Case, vote: Vote, *, alone: bool) -> None:
        """Takes an answer.

        Args:
            index: The item.
            case: What is known of it.
            vote: The answer.
            alone: Whether its device is believed without another one.
        """
        case.asked = False
        worker = vote.worker
        if worker is None:  # some workers were lost; nobody claims anything
            case.votes.append(vote)
            self._believe(index, case, [vote], How.OWN)
            return
        case.voters.add(worker)
        if self._trust.is_banned(worker):
            self.consider(index, case)
            return
        case.votes.append(vote)
        checked = self._verify.check is not None and not vote.failed
        again = bool(case.disowned) and len(case.votes) == 1
        if again:
            alone = self._is_trusted(worker) and self._repeats(case, vote)
        single = alone and not vote.failed and len(case.votes) == 1 and not checked
        if not vote.own:
            compared = again or not single
            self._tally.answered(worker)
            self._trust.answered(worker, self._verify.recheck, compared=compared)
            self._tally.compared += compared
        if checked and not vote.own:
            self._check(index, case, vote)
        elif single:
            self._believe(index, case, [vote], How.SINGLE)
        else:
            self.consider(index, case)

    def consider(self, index: int, case: Case) -> None:
        """Believes something, or has another answer computed."""
        if case.asked or case.arbitrating or self._verdicts.over:
            return
        try:
            found = groups(case.votes, self.equal)
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

    def arbitrated(self, index: int, case: Case, vote: Vote, *, was_alone: bool) -> None:
        """Takes what this machine made of an item.

        Args:
            index: The item.
            case: What is known of it.
            vote: The answer.
            was_alone: Whether that was only because nobody else could confirm it.
        """
        case.asked = case.arbitrating = False
        failed = vote.failed
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
            self.consider(index, case)
        else:
            self._arbitrations[index] = vote
            self._arbitrate(index, case)

    def computed(self, index: int) -> bool:
        """Notes that this machine is done with an item that nobody else could confirm.

        Returns:
            Whether it was one.
        """
        return self._lone.computed(index)

    def take_waiting(self) -> list[int]:
        """Returns the items that wait for this machine, which are to be looked at again."""
        return self._lone.take_waiting()

    def look_again(self, index: int, case: Case) -> None:
        """Decides about an item that waited for this machine."""
        if case.arbitrating:
            return
        if self._is_forsaken(case):  # perhaps since a device that was asked has left
            self._decide_here(index, case)
        else:
            self.consider(index, case)

    def left(self, cases: Iterable[tuple[int, Case]]) -> None:
        """Looks for items that only devices could confirm which are not there any more."""
        if self._verify.arbiter:
            for index, case in cases:
                if not case.arbitrating and self._is_forsaken(case):
                    self._decide_here(index, case)

    def equal(self, one: object, other: object, one_runtime: bool) -> bool:
        """Whether two results are the same, as the owner wants it."""
        verify = self._verify
        if callable(verify.equal):
            return bool(verify.equal(one, other))
        return same(one, other, EXACT if one_runtime else Tolerance(verify.rtol, verify.atol))

    def _is_trusted(self, worker: int) -> bool:
        return self._trust.confirmations(worker) >= self._verify.trust_after

    def _repeats(self, case: Case, vote: Vote) -> bool:
        """Whether a liar answered the same: most answers of most liars are right."""
        try:
            return any(len(groups([vote, each], self.equal)) == 1 for each in case.disowned)
        except Exception:
            return False  # `consider` says so

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
            self.consider(index, case)

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

    def _arbitrate(self, index: int, case: Case) -> None:
        case.arbitrating = True
        self._verdicts.arbitrate(index, case)

    def _fail(self, index: int, case: Case, failed: ev.Failed) -> None:
        """Lets an item fail of which nothing can be believed, and nobody be blamed."""
        case.votes = [Vote(None, True, None, failed)]
        self._believe(index, case, case.votes, How.ARBITER)

    def _misconfigured(self, index: int, case: Case, name: str, error: Exception) -> None:
        told = misuse(name, f"item {index}", error)
        self._fail(index, case, ev.Failed(told, "this machine", 1))

    def _agree(self, votes: list[Vote]) -> bool:
        try:
            return len(groups(votes, self.equal)) == 1
        except Exception:
            return True  # `consider` says so


def misuse(name: str, item: str, error: Exception) -> ConfigurationError:
    """Returns what the owner is told of a function of theirs that raised."""
    told = ConfigurationError(
        f"Verify({name}=...) raised {type(error).__name__} for {item}: {error}; "
        "it must return True or False"
    )
    told.__cause__ = error
    return told
