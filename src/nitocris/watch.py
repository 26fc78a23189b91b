"""What a waiting owner looks up for now and then."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import TypeVar

from .call import Call
from .errors import ClosedError
from .running import REFRESH_SECONDS
from .serving import Serving

T = TypeVar("T")

LONELY_SECONDS = 10.0
"""After so long without any worker the owner is told, once."""


class Watch:
    """What a waiting owner looks after: the time, the loop's life, and whether anybody computes.

    Args:
        say: Prints a line for the owner.
        serving: What to look at.
        call: What limits the time.
        looked: Called at every look.

    Attributes:
        serving: What to look at, as soon as it is there.
        done: The number of items that are done.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        serving: Serving | None = None,
        call: Call | None = None,
        looked: Callable[[], None] = lambda: None,
    ) -> None:
        self._call = call
        self._say = say
        self._looked = looked
        self._lonely_since: float | None = None
        self._said = False
        self.serving = serving
        self.done = 0

    def seconds(self) -> float:
        """Returns how long to wait before the next look."""
        if self._call is None or self._call.deadline is None:
            return REFRESH_SECONDS
        return min(REFRESH_SECONDS, max(0.0, self._call.deadline - time.monotonic()))

    def look(self) -> None:
        """Looks at everything.

        Raises:
            ClosedError: The loop is gone, and nothing will come any more.
            TimeoutError: The time for the whole call is over.
        """
        now = time.monotonic()
        if self.serving is not None:
            if not self.serving.loop.alive:
                raise ClosedError("the execution was closed while this was running")
            workers = self.serving.coordinator.capacity
            self._looked()
            self._complain_once(now, lonely=workers == 0)
        call = self._call
        if call is not None and call.deadline is not None and now >= call.deadline:
            of_all = "" if call.total is None else f" of {call.total}"
            raise TimeoutError(f"{self.done}{of_all} items were done within {call.timeout:g} s")

    def _complain_once(self, now: float, *, lonely: bool) -> None:
        if not lonely:
            self._lonely_since = None
        elif self._lonely_since is None:
            self._lonely_since = now
        elif not self._said and now - self._lonely_since > LONELY_SECONDS:
            self._said = True
            self._say(
                "no worker yet; the map waits. Open the link in a browser, "
                "run `nitocris worker`, or use local_workers=2."
            )


def next_note(inbox: queue.SimpleQueue[T], watch: Watch) -> T:
    """Waits for what comes next, and looks up now and then.

    Raises:
        ClosedError, TimeoutError: As of `Watch.look`, if nothing is there.
    """
    while True:
        try:
            return inbox.get(timeout=watch.seconds())
        except queue.Empty:
            watch.look()
