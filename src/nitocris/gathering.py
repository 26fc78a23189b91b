"""Batches of calls that come one by one, and travel together where they are short.

    submit --Future--> waiting --calls of several--> remote call --list of results--> their Futures

A library that hands over tasks only as others are done, such as joblib, makes small batches of
them, and each by itself would cost more than it computes.  So as soon as tasks are known to be
short, a few remote calls are out at once, and what comes meanwhile waits for one to end.
Tasks that are long, or of which nothing is known yet, are sent at once, so that no device waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from math import ceil, inf
from typing import Any

from .chunking import SHORT_SECONDS, TARGET_SECONDS

READY = 2
"""Remote calls for each place where one is computed: the next is there when one ends."""

Remote = Future[list[Any]]


@dataclass(slots=True, eq=False)
class _Batch:
    function: Callable[..., Any]
    calls: Sequence[Any]
    whose: object
    future: Remote = field(default_factory=Future)


class Gathering:
    """The batches of one backend.

    Args:
        send: Has a worker call a function for each of several calls.
        capacity: Returns how many remote calls are computed at once.
        clock: Returns seconds from any fixed moment.
    """

    def __init__(
        self,
        send: Callable[[Callable[..., Any], list[Any]], Remote],
        capacity: Callable[[], int],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._send = send
        self._capacity = capacity
        self._clock = clock
        self._changing = threading.Lock()
        self._waiting: deque[_Batch] = deque()
        self._sent: dict[Remote, list[_Batch]] = {}
        self._delivering = 0
        self._seconds: float | None = None
        """Per task, of all workers together; None as long as nothing is known."""
        self._latest = -1.0

    def submit(self, function: Callable[..., Any], calls: Sequence[Any], whose: object) -> Remote:
        """Returns what will be the results of these calls.

        Args:
            function: What is called.
            calls: With what.
            whose: Only batches of the same one travel together.
        """
        batch = _Batch(function, calls, whose)
        with self._changing:
            self._waiting.append(batch)
        self._pump()
        return batch.future

    def forget(self) -> None:
        """Forgets what was learnt of the tasks' times."""
        with self._changing:
            self._seconds = None

    def cancel(self, is_unwanted: Callable[[object], bool]) -> None:
        """Cancels the batches of those who want them no more."""
        with self._changing:
            dropped = [each for each in self._waiting if is_unwanted(each.whose)]
            self._waiting = deque(each for each in self._waiting if not is_unwanted(each.whose))
            sent = [each for each, batches in self._sent.items() if is_unwanted(batches[0].whose)]
        for batch in dropped:
            batch.future.cancel()
        for remote in sent:
            remote.cancel()

    def _pump(self) -> None:
        while batches := self._next():
            calls = [call for each in batches for call in each.calls]
            began = self._clock()
            try:
                remote = self._send(batches[0].function, calls)
            except Exception as error:
                self._fail(batches, error)
                continue
            with self._changing:
                self._sent[remote] = batches
            remote.add_done_callback(partial(self._deliver, batches, len(calls), began))

    def _next(self) -> list[_Batch]:
        """Takes the batches that travel together now out of those that wait; none if they wait."""
        with self._changing:
            if not self._waiting or self._delivering:
                return []
            first = self._waiting[0]
            capacity = max(1, self._capacity())
            # One call is computed at each place, so a task takes as much longer there.
            seconds = inf if self._seconds is None else self._seconds * capacity
            if seconds >= SHORT_SECONDS:
                return [self._waiting.popleft()]
            free = READY * capacity - len(self._sent)
            if free <= 0:
                return []
            share = ceil(sum(len(each.calls) for each in self._waiting) / free)
            most = min(share, int(TARGET_SECONDS / max(seconds, 1e-9)))
            taken: list[_Batch] = []
            count = 0
            while self._waiting and (not taken or count + len(self._waiting[0].calls) <= most):
                following = self._waiting[0]
                if following.function is not first.function or following.whose is not first.whose:
                    break
                taken.append(self._waiting.popleft())
                count += len(following.calls)
            return taken

    def _deliver(self, batches: list[_Batch], count: int, began: float, remote: Remote) -> None:
        now = self._clock()
        with self._changing:
            self._sent.pop(remote, None)
            self._delivering += 1
            if not remote.cancelled():
                measured = (now - max(began, self._latest)) / count
                known = measured if self._seconds is None else self._seconds
                # The way there and back is in it, which varies: slower is believed by and by.
                self._seconds = min(measured, (known + measured) / 2)
            self._latest = now
        try:
            results = remote.result()
        except Exception as error:
            self._fail(batches, error)
        else:
            for batch in batches:
                part, results = results[: len(batch.calls)], results[len(batch.calls) :]
                if batch.future.set_running_or_notify_cancel():
                    batch.future.set_result(part)
        finally:
            with self._changing:
                self._delivering -= 1
            self._pump()

    def _fail(self, batches: list[_Batch], error: Exception) -> None:
        for batch in batches:
            if batch.future.set_running_or_notify_cancel():
                batch.future.set_exception(error)
