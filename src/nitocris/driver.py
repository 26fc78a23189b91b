"""Runs the scheduler on the event loop: what happens goes in, what it wants done comes out.

    handle(event) --event, now--> Scheduler --commands--> perform
                        ^
    the next deadline, and the end of a pause

The scheduler has no clock; this is where it gets the time from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

from . import events as ev
from .awake import READING_SECONDS, AwakeClock
from .scheduler import Scheduler


class Driver:
    """A scheduler that goes by a clock; create it on the loop.

    Args:
        perform: Does what the scheduler wants.
        clock: What leases go by; by default one that stands still in pauses.

    Attributes:
        scheduler: To be asked; only `handle` tells it anything.
    """

    def __init__(
        self, perform: Callable[[ev.Command], None], clock: AwakeClock | None = None
    ) -> None:
        self._perform = perform
        self._loop = asyncio.get_running_loop()
        self._clock = clock or AwakeClock(self._loop.time)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        """When it strikes; handles of other loops than asyncio's own do not always say."""
        self.scheduler = Scheduler()
        self._read_clock()

    def now(self) -> float:
        """Returns the seconds of the clock."""
        return self._clock.now()

    def handle(self, event: ev.Event) -> None:
        """Tells the scheduler what has happened, and performs what it wants."""
        now = self._clock.now()
        for each in (ev.Woken(), event) if self._clock.take_pause() else (event,):
            for command in self.scheduler.handle(each, now):
                self._perform(command)
        self._set_timer()

    def close(self) -> None:
        """Lets no time pass any more."""
        if self._timer:
            self._timer.cancel()
        self._reading.cancel()

    def _set_timer(self) -> None:
        deadline = self.scheduler.next_deadline()
        if deadline is not None:
            deadline = self._clock.on_loop(deadline)
        if self._timer is not None:
            is_set = deadline is not None and self._timer_at <= deadline
            if is_set and not self._timer.cancelled():
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._time_passed)

    def _time_passed(self) -> None:
        self._timer = None
        self.handle(ev.TimePassed())

    def _read_clock(self) -> None:
        self._reading = self._loop.call_later(READING_SECONDS, self._read_clock)
        self._clock.now()
