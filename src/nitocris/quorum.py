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

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from . import events as ev
from .cases import Case, How, Vote, groups
from .credibility import Credibility
from .equality import EXACT, Tolerance, same
from .errors import ConfigurationError, DisagreementError, WorkerLostError
from .trust import Trust
from .verify import Verify


@dataclass(frozen=True, slots=True)
class Arbitrate:
    """Compute an item on this machine."""

    index: int
    payload: object
    place: int


Verdict: TypeAlias = (
    ev.Deliver | ev.Held | ev.Fail | ev.Doubted | ev.Settled | ev.Dismiss | Arbitrate
)

REMEDY = (
    "if the function draws random numbers, use seed= and its rng; if it walks through a set, sort "
    "it; if it reads the time, pass the time in; or say with Verify(equal=...) what is the same"
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
    ) -> None:
        self._number = number
        self._verify = verify
        self._trust = trust
        self._arguments = arguments
        self._present = present
        self._keep_going = keep_going
        self._hold = hold
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
        self._copies = 0
        self._liars: list[tuple[int, int]] = []
        self._confirmed: set[int] = set()
        self._doubts: dict[int, Case] = {}
        self._ready: dict[int, Case] = {}
        self._held = self._held_failures = 0
        self._verdicts: list[Verdict] = []
        self._counts = dict.fromkeys(How, 0)
        self._disagreements = 0
        self._banned: list[str] = []
        self._strangers: set[int] = set()
        self._answers = self._compared = 0

    # What happened

    def answered(self, answer: ev.Answered) -> list[Verdict]:
        """Takes what a worker answered."""
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

    def arbitrated(self, index: int, value: object, failed: ev.Failed | None) -> list[Verdict]:
        """Takes what this machine made of an item."""
        case = self._open.get(index)
        if case is None:
            return []
        case.asked = case.arbitrating = False
        vote = Vote(None, True, value, failed)
        former = self._arbitrations.pop(index, None)
        if failed and _says_nothing(failed):
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
        return self._finished()

    def all_answered(self) -> list[Verdict]:
        """Notes that there are no more first answers."""
        self._all_answered = True
        return self._finished()

    def left(self) -> list[Verdict]:
        """Looks for items that only devices could confirm which are not there any more."""
        if self._verify.arbiter:
            for index, case in list(self._open.items()):
                if not case.arbitrating and not self._present() - case.voters:
                    self._arbitrate(index, case)
        return self._finished()

    def credibility(self) -> Credibility:
        """Returns how results were believed so far."""
        return Credibility(
            **{how.value: count for how, count in self._counts.items()},
            disagreements=self._disagreements,
            banned=tuple(self._banned),
            answers=self._answers / max(1, len(self._strangers)),
            compared=self._compared / max(1, self._answers),
        )

    # Judging

    def _believes(self, worker: int) -> bool:
        if self._trust.is_own(worker) or self._trust.is_banned(worker):
            return False
        return self._trust.leaves_alone(worker, self._verify.trust_after, self._verify.recheck)

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
        vote = Vote(worker, worker is None or self._trust.is_own(worker), value, failed)
        if worker is None:  # some workers were lost; nobody claims anything
            case.votes.append(vote)
            self._believe(index, case, [vote], How.OWN)
            return
        case.voters.add(worker)
        if self._trust.is_banned(worker):
            self._consider(index, case)
            return
        if not vote.own:
            self._strangers.add(worker)
            self._answers += 1
            self._voted.setdefault(worker, set()).add(index)
        case.votes.append(vote)
        if self._verify.check and not vote.own and not failed:
            self._check(index, case, vote)
        elif alone and not failed and len(case.votes) == 1:
            self._believe(index, case, [vote], How.SINGLE)
        else:
            self._compared += not vote.own
            self._consider(index, case)

    def _check(self, index: int, case: Case, vote: Vote) -> None:
        assert self._verify.check is not None
        assert vote.worker is not None
        self._compared += 1
        try:
            item = self._arguments(case.payload, index - case.parcel)
            right = bool(self._verify.check(item, vote.value))
        except Exception as error:
            self._misconfigured(index, case, "check", error)
            return
        if right:
            self._confirmed.add(vote.worker)
            self._believe(index, case, [vote], How.CHECK)
        else:
            self._disagreements += 1
            self._liars.append((vote.worker, index))
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
            self._disagreements += 1
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
        elif arbiter and not self._present() - case.voters:
            self._arbitrate(index, case)
        else:
            case.asked = True
            self._doubts[index] = case

    def _arbitrate(self, index: int, case: Case) -> None:
        case.arbitrating = True
        self._doubts.pop(index, None)
        self._verdicts.append(Arbitrate(index, case.payload, index - case.parcel))

    def _believe(self, index: int, case: Case, group: list[Vote], how: How) -> None:
        """Believes some votes of a case; the others were lies."""
        for vote in case.votes:
            if vote.worker is None or vote.own:
                continue
            if vote not in group:
                self._liars.append((vote.worker, index))
            elif len(group) > 1:
                self._confirmed.add(vote.worker)
        case.belief = next((vote for vote in group if vote.own), group[0])
        case.votes, case.how = group, how
        del self._open[index]
        if case.belief.failed and not self._keep_going:
            self._over = True
            self._verdicts.append(ev.Fail(self._number, index, case.belief.failed))
        elif self._hold and how in (How.SINGLE, How.QUORUM):
            self._held += not case.told
            self._held_failures += bool(case.belief.failed) and not case.told
            case.told = True
        else:
            self._ready[index] = case

    # What follows

    def _finished(self) -> list[Verdict]:
        """Draws the consequences, and returns all verdicts."""
        while self._liars and not self._over:
            self._ban(*self._liars.pop())
        for worker in sorted(self._confirmed):
            if not self._trust.is_banned(worker):
                self._trust.confirmed(worker)
        self._confirmed.clear()
        if self._all_answered and not self._open and not self._over:
            self._ready.update(self._cases)
        verdicts, self._verdicts = self._verdicts, []
        if not self._over:
            if self._held:
                verdicts.append(ev.Held(self._number, self._held, self._held_failures))
                self._held = self._held_failures = 0
            verdicts += [*self._doubted(), *self._delivered()]
        return verdicts

    def _ban(self, worker: int, index: int) -> None:
        if self._trust.is_banned(worker):
            return
        self._trust.lied(worker)
        self._banned.append(self._trust.name(worker))
        reason = f"its result for item {index} was found to be wrong"
        self._verdicts.append(ev.Dismiss(worker, reason))
        for each in sorted(self._voted.pop(worker, ())):
            case = self._cases.get(each)
            if case is None or (case.belief and case.how is How.CHECK):
                continue
            case.votes = [vote for vote in case.votes if vote.worker != worker]
            if case.belief and not case.votes:
                case.belief = None
                self._ready.pop(each, None)
                self._open[each] = case
            if each in self._open:
                self._consider(each, case)

    def _doubted(self) -> Iterable[ev.Doubted]:
        doubts, self._doubts = sorted(self._doubts.items()), {}

        def together(entry: tuple[int, tuple[int, Case]]) -> object:
            position, (index, case) = entry
            return index - position, case.parcel, sorted(case.voters)

        for _, run in groupby(enumerate(doubts), together):
            items = [item for _, item in run]
            (start, case), stop = items[0], items[-1][0] + 1
            self._copies += 1
            networks = frozenset(map(self._trust.network, case.voters))
            yield ev.Doubted(
                self._number,
                case.parcel,
                start,
                stop,
                self._copies,
                frozenset(case.voters),
                networks,
            )

    def _delivered(self) -> Iterable[ev.Deliver | ev.Settled]:
        ready, self._ready = sorted(self._ready.items()), {}

        def together(entry: tuple[int, tuple[int, Case]]) -> object:
            position, (index, case) = entry
            return index - position, case.parcel, case.told

        for _, run in groupby(enumerate(ready), together):
            items = [item for _, item in run]
            values, failures = [], {}
            for index, case in items:
                assert case.belief is not None
                values.append(case.belief.value)
                if case.belief.failed:
                    failures[index] = case.belief.failed
                self._counts[case.how] += 1
                self._forget(index, case)
            start, case = items[0]
            yield ev.Deliver(self._number, start, values, failures, case.told)
            yield ev.Settled(self._number, case.parcel, len(values))

    def _forget(self, index: int, case: Case) -> None:
        del self._cases[index]
        for worker in case.supporters():
            if worker in self._voted:
                self._voted[worker].discard(index)

    def _fail(self, index: int, case: Case, failed: ev.Failed) -> None:
        """Lets an item fail of which nothing can be believed, and nobody be blamed."""
        case.votes = [Vote(None, True, None, failed)]
        self._believe(index, case, case.votes, How.ARBITER)

    def _misconfigured(self, index: int, case: Case, name: str, error: Exception) -> None:
        told = ConfigurationError(
            f"Verify({name}=...) raised {type(error).__name__} for item {index}: {error}; "
            "it must return True or False"
        )
        told.__cause__ = error
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


def _says_nothing(failed: ev.Failed) -> bool:
    """Whether this machine could not compute an item for a reason that others need not have."""
    if isinstance(failed.error, WorkerLostError):
        return True
    return isinstance(failed.error, ImportError | MemoryError)
