"""Judges the answers to items whose results the owner knows: they are no items of the map.

wrong answer --> this machine computes the item --the known result--> a lie
                                                --another one-------> the owner's mistake
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import events as ev
from .cases import Findings, says_nothing
from .errors import ConfigurationError
from .tally import Tally
from .verdicts import Arbitrate, Verdicts


class KnownItems:
    """The known items of one map; their indexes are below 0.

    Args:
        equal: Whether a known result and an answer are the same.
        arbiter: Whether this machine computes an item before its first wrong answer is a lie.
        findings: Gets who was right, and who lied.
        tally: Counts.
        verdicts: Gets what follows.
    """

    def __init__(
        self,
        equal: Callable[[object, object], bool],
        *,
        arbiter: bool,
        findings: Findings,
        tally: Tally,
        verdicts: Verdicts,
    ) -> None:
        self._equal = equal
        self._arbiter = arbiter
        self._findings = findings
        self._tally = tally
        self._verdicts = verdicts
        self._results: dict[int, object] = {}
        self._accused: dict[int, int] = {}

    @property
    def pending(self) -> bool:
        """Whether this machine computes an item that somebody answered wrongly."""
        return bool(self._accused)

    def expect(self, start: int, results: Sequence[object]) -> None:
        """Notes the results of the items from `start` on, which are about to be lent."""
        self._results.update(enumerate(results, start))

    def answered(self, answer: ev.Answered, worker: int) -> None:
        """Judges what a stranger answered.

        Raises:
            Exception: What the owner's comparison raises.
        """
        for index, value in enumerate(answer.values, answer.start):
            failed = answer.failures.get(index)
            if failed and says_nothing(failed):
                continue
            self._tally.answered(worker)
            self._tally.compared += 1
            self._tally.known += 1
            if not failed and self._equal(self._results[index], value):
                self._findings.confirmed.add(worker)
            elif not self._arbiter:
                self._findings.liars.append((worker, index))
            elif worker not in self._accused.values():
                self._accused[index] = worker
                self._verdicts.add(Arbitrate(index, answer.payload, index - answer.parcel))
                continue
            del self._results[index]

    def arbitrated(self, index: int, value: object, failed: ev.Failed | None) -> None:
        """Takes what this machine made of an item that somebody answered wrongly.

        Raises:
            ConfigurationError: Not the known result.
            Exception: What the owner's comparison raises.
        """
        worker, result = self._accused.pop(index), self._results.pop(index)
        unsaid = failed is not None and says_nothing(failed)
        if unsaid or (not failed and self._equal(result, value)):
            self._findings.liars.append((worker, index))
            return
        here = f"raises {failed.error!r:.80}" if failed else f"computes {value!r:.80}"
        raise ConfigurationError(
            f"Verify(known=...) has the result {result!r:.80} for an item of which this machine "
            f"{here}"
        )
