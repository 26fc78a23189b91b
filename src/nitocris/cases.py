"""What is known of an item while it is judged: the votes, and what is believed.

Case --votes--> Vote (a device's answer)      groups: votes that are the same, largest first
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby

from . import events as ev
from .equality import same_failure
from .errors import WorkerLostError


class How(Enum):
    """Why a result is believed."""

    OWN = "own"
    SINGLE = "single"
    QUORUM = "quorum"
    CHECK = "check"
    ARBITER = "arbiter"


@dataclass(slots=True, eq=False)
class Vote:
    """What somebody answered for an item; `worker` is None for this machine itself."""

    worker: int | None
    own: bool
    value: object
    failed: ev.Failed | None = None


@dataclass(slots=True, eq=False)
class Case:
    """One item that has been answered and is not delivered."""

    parcel: int
    payload: object
    votes: list[Vote] = field(default_factory=list)
    voters: set[int] = field(default_factory=set)
    """Those that answered it, banned ones as well."""
    asked: bool = False
    """Whether another device was asked for an answer."""
    arbitrating: bool = False
    """Whether this machine computes it."""
    disputed: bool = False
    disowned: list[Vote] = field(default_factory=list)
    """Answers of liars, which stand for nothing; but an answer that differs is doubted."""
    belief: Vote | None = None
    how: How = How.SINGLE
    told: bool = False
    """Whether the owner was told that it is believed."""

    def supporters(self) -> set[int]:
        """Returns the devices because of which it is believed."""
        return {vote.worker for vote in self.votes if vote.worker is not None}


@dataclass(slots=True)
class Findings:
    """What was found out about devices, and has had no consequences yet."""

    confirmed: set[int] = field(default_factory=set)
    liars: list[tuple[int, int]] = field(default_factory=list)
    """Each with the item."""


Equal = Callable[[object, object, bool], bool]
"""Whether two values are the same; the flag says whether both come from one kind of runtime."""


def groups(votes: list[Vote], equal: Equal) -> list[list[Vote]]:
    """Returns the votes that are the same together, the largest group first."""
    found: list[list[Vote]] = []
    for vote in votes:
        for group in found:
            if _agree(group[0], vote, equal):
                group.append(vote)
                break
        else:
            found.append([vote])
    return sorted(found, key=lambda group: -len(group))


def runs(
    cases: Mapping[int, Case], alike: Callable[[Case], object]
) -> Iterator[list[tuple[int, Case]]]:
    """Yields neighbouring cases together, as far as they are of one payload and alike."""

    def together(entry: tuple[int, tuple[int, Case]]) -> object:
        position, (index, case) = entry
        return index - position, case.parcel, alike(case)

    for _, run in groupby(enumerate(sorted(cases.items())), together):
        yield [item for _, item in run]


def _agree(one: Vote, other: Vote, equal: Equal) -> bool:
    if one.failed or other.failed:
        return bool(one.failed and other.failed and same_failure(one.failed, other.failed))
    return equal(one.value, other.value, one.own == other.own)


def says_nothing(failed: ev.Failed) -> bool:
    """Whether an item failed for a reason that lies in who computed it."""
    return isinstance(failed.error, WorkerLostError | ImportError | MemoryError)
