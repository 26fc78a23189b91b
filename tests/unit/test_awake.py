"""Pauses of the owner's machine: time stands still, and nobody pays for them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import pytest

from nitocris import events as ev
from nitocris.awake import PAUSE_SECONDS, READING_SECONDS, AwakeClock, unsleeping
from nitocris.books import GRACE_SECONDS
from nitocris.outcomes import MAX_DEPARTURES
from tests.support.scheduler_bench import TIMEOUT, squares
from tests.support.scheduler_bench import Bench as SchedulerBench

from .test_coordinator import Bench, settled


@dataclass
class Machine:
    """Its two clocks, as a test sets them."""

    running: float = 1000.0
    passing: float = 5000.0

    def clock(self) -> AwakeClock:
        return AwakeClock(lambda: self.running, lambda: self.passing)

    def work(self, seconds: float) -> None:
        self.running += seconds
        self.passing += seconds

    def pause(self, seconds: float, *, is_stopped: bool) -> None:
        """Is stopped by a signal, or sleeps with the loop's clock."""
        self.passing += seconds
        self.running += seconds if is_stopped else 0


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_pause_takes_no_time(*, is_stopped: bool) -> None:
    """Whether the event loop's clock goes on in it or not."""
    machine = Machine()
    clock = machine.clock()

    machine.work(READING_SECONDS)
    before = clock.now()
    machine.pause(8 * 3600, is_stopped=is_stopped)
    after = clock.now()
    told, again = clock.take_pause(), clock.take_pause()
    machine.work(5)

    assert after == before
    assert clock.now() == before + 5
    assert (told, again) == (True, False)
    assert clock.on_loop(clock.now() + 7) == machine.running + 7


def test_a_busy_loop_is_no_pause() -> None:
    """Nor is a quiet one that reads its clock now and then."""
    machine = Machine()
    clock = machine.clock()
    begin = clock.now()

    for seconds in (READING_SECONDS, 1, PAUSE_SECONDS, 0.001):
        machine.work(seconds)
        clock.now()

    assert clock.now() == pytest.approx(begin + READING_SECONDS + 1 + PAUSE_SECONDS + 0.001)
    assert not clock.take_pause()


def test_nobody_can_set_the_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by hand nor by NTP, nor by another time zone: wall clocks are not asked."""
    clock = AwakeClock()
    before = clock.now()

    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: 0)

    assert before <= clock.now() < before + PAUSE_SECONDS
    assert not clock.take_pause()
    assert unsleeping() >= time.monotonic() - 1


async def test_leases_outlive_a_pause() -> None:
    """The chunks stay where they are, their answers count, and the expiry is put off, not lost."""
    machine = Machine()
    bench = Bench(clock=machine.clock())
    worker = bench.join()
    await bench.start(timeout=20.0)
    await settled(lambda: bench.devices[worker].take())
    machine.work(19)
    bench.coordinator.now()
    machine.pause(3600, is_stopped=True)

    bench.coordinator._driver._time_passed()
    machine.work(GRACE_SECONDS - 1)
    bench.coordinator._driver._time_passed()
    spared = bench.coordinator.retries
    machine.work(2)
    bench.coordinator._driver._time_passed()

    assert spared == 0
    assert bench.coordinator.retries > 0


async def test_a_blocked_event_loop_counts_as_a_pause() -> None:
    """With real clocks: what the loop could not hear for so long is heard before a lease ends."""
    loop = asyncio.get_running_loop()
    bench = Bench(clock=AwakeClock(loop.time, longest_gap=0.05))
    worker = bench.join()
    await bench.start(timeout=0.1)
    await settled(lambda: bench.coordinator.stats().workers[0].leases)

    time.sleep(0.15)
    await asyncio.sleep(0.01)

    assert bench.coordinator.retries == 0
    (chunk, *_) = bench.devices[worker].take()
    await bench.answer(worker, chunk)
    assert [each for each in bench.notes if isinstance(each, ev.Deliver)]


def test_who_leaves_after_a_pause_is_not_to_blame() -> None:
    """Pages that heard nothing for so long have gone, and come back: no item took them down."""
    bench = SchedulerBench()
    bench.start(1, 1)
    for worker in range(3 * MAX_DEPARTURES):
        bench.join(worker)
        bench.tell(ev.Woken())
        bench.leave(worker)
    bench.join(999)

    bench.answer(max(bench.leases))

    assert bench.results[1] == squares(1)


def test_the_grace_is_for_those_whose_time_was_nearly_over() -> None:
    """A lease with more time left keeps exactly that."""
    bench = SchedulerBench()
    bench.join(1)
    bench.start(1, 4, chunk_size=1)
    bench.now += 10

    bench.tell(ev.Woken())

    assert bench.scheduler.next_deadline() == TIMEOUT
    bench.now = TIMEOUT - 1
    bench.tell(ev.Woken())
    assert bench.scheduler.next_deadline() == TIMEOUT - 1 + GRACE_SECONDS
