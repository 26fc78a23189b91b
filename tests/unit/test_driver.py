"""The scheduler on a loop that is not asyncio's own."""

from __future__ import annotations

import pytest

from nitocris import events as ev
from nitocris.awake import AwakeClock
from nitocris.driver import Driver


def test_loops_whose_handles_do_not_say_when_they_strike_do() -> None:
    """A web framework may have put uvloop's in the place of asyncio's, for the whole process."""
    uvloop = pytest.importorskip("uvloop")
    performed: list[ev.Command] = []

    async def work() -> None:
        # Deadlines are over by the loop's clock, and strike at once.
        driver = Driver(performed.append, AwakeClock(lambda: 0.0))
        driver.handle(ev.WorkerJoined(1, 1))
        driver.handle(ev.MapStarted(1, 100, None, 60.0))
        driver.handle(ev.ChunkArrived(1, 0, 1, None))
        driver.handle(ev.WorkerJoined(2, 1))
        driver.close()

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(work())
    finally:
        loop.close()

    assert any(isinstance(each, ev.Lend) for each in performed)
