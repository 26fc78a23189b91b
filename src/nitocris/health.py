"""Which workers fail much more often than the others, and are better left alone.

A function that crashes everywhere makes every worker fail; that is the items' fault, not theirs.
So a failure counts when another worker has answered the same chunk, and a worker is judged by the
others: it is rested when it fails again and again while they do not, and dismissed when it goes on
like that after its rests.  The same happens to one that only ever gives back what it is lent.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_STRIKES = 3
"""Failures beyond the successes that follow them, after which a worker is judged."""
OTHERS_FAIL_LESS_THAN = 1 / 8
"""Share of failures among the answers of the others below which the worker is to blame."""
REST_SECONDS = 30.0
"""The first rest, time for a device to recover memory or network; the next is twice as long."""
MAX_RESTS = 2
MAX_RETURNS = 30
"""Times in a row that a worker may give back what it has; people pause, and take workers away."""


@dataclass(slots=True)
class Record:
    """How often a worker, or all of them, answered and failed."""

    answers: int = 0
    failures: int = 0
    strikes: int = 0
    rests: int = 0
    returns: int = 0
    """Times that it gave back what it had, since it last delivered a result or had a rest."""
    _returned_before: int = 0
    """Leases from this one on were lent after it last gave something back."""

    def answered(self) -> None:
        """Notes a chunk that was answered to its end."""
        self.answers += 1
        self.strikes = max(0, self.strikes - 1)

    def failed(self) -> None:
        """Notes a chunk that crashed, hung or came back as nonsense; another worker answered it."""
        self.failures += 1
        self.strikes += 1

    def delivered(self) -> None:
        """Notes a result of at least one item."""
        self.returns = 0

    def returned(self, lease: int, next_lease: int) -> None:
        """Notes a lease that was given back; all that it had at one time count once.

        Args:
            lease: The number of the lease; later leases have greater ones.
            next_lease: The number that the next one will have.
        """
        if lease >= self._returned_before:
            self.returns += 1
            self._returned_before = next_lease

    @property
    def returns_too_much(self) -> bool:
        """Whether it takes chunks for nothing but to give them back."""
        return self.returns > MAX_RETURNS

    def is_worse_than(self, everybody: Record) -> bool:
        """Whether this worker fails much more often than the others, itself left out."""
        failures = everybody.failures - self.failures
        total = failures + everybody.answers - self.answers
        return (
            self.strikes >= MAX_STRIKES and total > 0 and failures < OTHERS_FAIL_LESS_THAN * total
        )

    def rest(self) -> float | None:
        """Returns how many seconds the worker shall rest, or None if it had its rests.

        After a rest a single further failure is enough for the next judgement.
        """
        self.strikes = MAX_STRIKES - 1
        self.returns = 0
        self.rests += 1
        return None if self.rests > MAX_RESTS else REST_SECONDS * 2.0 ** (self.rests - 1)
