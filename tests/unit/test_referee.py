"""The judge's own trouble ends the map, and never leaves it waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Set

import pytest

from nitocris import events as ev
from nitocris.arbiter import Arbiter
from nitocris.codec import Registry
from nitocris.function import Shipment, encode_function, encode_items
from nitocris.referee import Referee
from nitocris.trust import Trust
from nitocris.verdicts import Verdict
from nitocris.verify import Verify


class Broken(Arbiter):
    """A machine that can start no process."""

    def compute(self, items: Shipment, place: int) -> tuple[object, ev.Failed | None]:
        raise OSError(f"no memory for item {place} of {len(items.payload)} bytes")


class Bench:
    """A referee whose only device is number 1, and what it said."""

    def __init__(self, arbiter: type[Arbiter]) -> None:
        function = encode_function(abs)
        trust = Trust(lambda: 0.5)
        trust.joined(1, "worker 1", "", own=False)
        self.verdicts: asyncio.Queue[Verdict] = asyncio.Queue()
        self.referee = Referee(
            1,
            Verify(),
            trust,
            arbiter(function, Registry(()), 30.0),
            self.verdicts.put_nowait,
            self.present,
            keep_going=False,
            hold=False,
        )

    def present(self) -> Set[int]:
        return {1}

    async def answer(self, worker: int, value: object) -> Verdict:
        payload = encode_items([(-5,)], 0)
        self.referee.judge(ev.Answered(1, worker, 0, 0, payload, 0, [value]))
        try:
            return await asyncio.wait_for(self.verdicts.get(), 30)
        finally:
            self.referee.close()


async def test_this_machine_computes_what_nobody_else_can() -> None:
    """In a fresh process, from what was sent to the device."""
    assert await Bench(Arbiter).answer(1, 5) == ev.Deliver(1, 0, [5])


async def test_a_lie_of_the_only_device_is_found() -> None:
    """The device is sent away."""
    verdict = await Bench(Arbiter).answer(1, -5)

    assert isinstance(verdict, ev.Dismiss)


async def test_a_machine_without_processes_confirms_nothing() -> None:
    """So what the only device says is believed, and the report says why; a dispute would fail."""
    bench = Bench(Broken)

    assert await bench.answer(1, -5) == ev.Deliver(1, 0, [-5])
    assert bench.referee.quorum.credibility().single == 1


async def test_a_fault_of_the_judge_ends_the_map(caplog: pytest.LogCaptureFixture) -> None:
    """Here a device of which nobody has heard."""
    verdict = await Bench(Arbiter).answer(99, 5)

    assert isinstance(verdict, ev.Fail)
    assert isinstance(verdict.failed.error, KeyError)
    assert "cannot be judged any more" in caplog.text
