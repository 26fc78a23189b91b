"""Inwards: a map's results and failures, on their way from the coordinator to its owner."""

from __future__ import annotations

from collections import deque
from typing import Any

from . import events as ev
from .call import Call
from .errors import ItemTimeoutError, RemoteError, WorkerLostError
from .function import Shipment
from .replay import Again


class Deliveries:
    """Puts results in the order of the items, and failures where the owner wants them.

    Args:
        call: What the owner wants.
        ordered: Whether to put them in order; else they stay as they come.

    Attributes:
        ready: What can be handed over, the next one first.
        error: What is to be raised after all that is ready, where failures are to be raised.
    """

    def __init__(self, call: Call, *, ordered: bool = True) -> None:
        self._call = call
        self._ordered = ordered
        self._early: dict[int, ev.Deliver] = {}
        """What came before what it follows, by the index of its first item."""
        self._settled = 0
        self.ready: deque[Any] = deque()
        self.error: Exception | None = None

    @property
    def handed_over(self) -> int:
        """The number of items that are out of here: taken from `ready`, or left out."""
        return self._settled - len(self.ready)

    def add(self, note: ev.Deliver) -> None:
        """Takes what has come."""
        if not self._ordered:
            self._settle(note)
            return
        self._early[note.start] = note
        while self.error is None and (following := self._early.pop(self._settled, None)):
            self._settle(following)

    def _settle(self, note: ev.Deliver) -> None:
        if note.failures:
            self._settle_singly(note)
        else:
            self.ready.extend(note.values)
        self._settled += len(note.values)

    def _settle_singly(self, note: ev.Deliver) -> None:
        for index, value in enumerate(note.values, note.start):
            failed = note.failures.get(index)
            if failed is None:
                self.ready.append(value)
            elif self._call.errors == "return":
                self.ready.append(explained(self._call, failed, index))
            elif self._call.errors == "raise":
                self.error = explained(self._call, failed, index)
                return


def explained(call: Call, failed: ev.Failed, index: int | None = None) -> Exception:
    """Returns an item's error with what the owner wants to know of it.

    Args:
        call: What the owner wants.
        failed: How the item failed.
        index: Which one it is, where that means something to the owner.
    """
    error = failed.error
    if isinstance(error, RemoteError | ItemTimeoutError | WorkerLostError):
        error.index, error.worker, error.attempts = index, failed.worker, failed.attempts
    items = failed.payload
    if isinstance(error, RemoteError) and isinstance(items, Shipment) and call.kept.admits(items):
        error._again = Again(call.callee, items, failed.place)
    if isinstance(error, WorkerLostError):
        error.args = (f"{'the call' if index is None else f'item {index}'} {error}",)
    if isinstance(error, RemoteError | ItemTimeoutError):
        item = "" if index is None else f" by item {index} of the map"
        tries = max(call.limits.retries + 1, failed.attempts)
        error.add_note(
            f"raised{item} on {failed.worker or 'a worker'}, attempt {failed.attempts} of {tries}"
        )
    return error
