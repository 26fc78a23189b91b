"""Carries the answers of one map to its `Quorum` and the verdicts back, off the event loop.

    Coordinator --Answered, AllAnswered--> queue --> thread: Quorum (also check=, equal=)
                ^------------ verdicts ----------------'  '--Arbitrate--> thread: Arbiter

One task, so the quorum is used by one thread at a time and what the owner gave may take its time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence, Set

from . import events as ev
from . import shipment
from .arbiter import HERE, Arbiter, lost
from .function import Shipment
from .quorum import Quorum
from .trust import Trust
from .verdicts import Arbitrate, Verdict
from .verify import Verify

logger = logging.getLogger("nitocris.referee")

ARBITRATIONS = 2
"""Processes at once on this machine, for each map."""


class Referee:
    """Judges the answers of one map.

    Args:
        number: The map's.
        verify: What the owner wants.
        trust: The reputation of the devices.
        arbiter: This machine.
        execute: Performs verdicts, on the loop.
        present: Returns the devices that compute, on the loop.
        keep_going: Whether an item that fails is delivered like any other.
        hold: Whether results are kept until the map is over.
        trust_here: Whether browsers on this machine are believed.
        delivered: Items that were delivered before, as the owner's own.
        hidden: How many leading arguments the owner did not give.
    """

    def __init__(
        self,
        number: int,
        verify: Verify,
        trust: Trust,
        arbiter: Arbiter,
        execute: Callable[[Verdict], None],
        present: Callable[[], Set[int]],
        *,
        keep_going: bool,
        hold: bool,
        trust_here: bool = False,
        delivered: int = 0,
        hidden: int = 0,
    ) -> None:
        self._number = number
        self._arbiter = arbiter
        self._execute = execute
        self._find_present = present
        self._present: Set[int] = frozenset()
        self._items = _Items(hidden)
        self.quorum = Quorum(
            number,
            verify,
            trust,
            arguments=self._items.get,
            present=lambda: self._present,
            keep_going=keep_going,
            hold=hold,
            trust_here=trust_here,
            delivered=delivered,
        )
        self._free = asyncio.Semaphore(ARBITRATIONS)
        self._notes: asyncio.Queue[Callable[[], list[Verdict]]] = asyncio.Queue()
        self._tasks = {asyncio.create_task(self._main())}

    def judge(self, command: ev.Answered | ev.AllAnswered) -> None:
        """Takes what the scheduler wants judged."""
        if isinstance(command, ev.Answered):
            self._notes.put_nowait(lambda: self.quorum.answered(command))
        else:
            self._notes.put_nowait(self.quorum.all_answered)

    def expect(self, start: int, results: Sequence[object]) -> None:
        """Notes the results of known items, which are lent from now on."""
        self._notes.put_nowait(lambda: self.quorum.expect(start, results))

    def lied(self, worker: int) -> None:
        """Notes a device that was found to lie, here or in another map."""
        self._notes.put_nowait(lambda: self.quorum.lied(worker))

    def left(self) -> None:
        """Notes that a device is gone."""
        self._notes.put_nowait(self.quorum.left)

    def close(self) -> None:
        """Judges no more."""
        self._arbiter.close()
        for task in self._tasks:
            task.cancel()

    async def _main(self) -> None:
        try:
            await self._judge_all()
        except Exception as error:  # ours; without a judge the map would wait for ever
            logger.exception("map %d cannot be judged any more", self._number)
            self._execute(ev.Fail(self._number, 0, ev.Failed(error, HERE, 1)))

    async def _judge_all(self) -> None:
        while True:
            notes = [await self._notes.get()]
            while not self._notes.empty():
                notes.append(self._notes.get_nowait())
            self._present = frozenset(self._find_present())
            for verdict in await asyncio.to_thread(_all, notes):
                if isinstance(verdict, Arbitrate):
                    task = asyncio.create_task(self._arbitrate(verdict))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                else:
                    self._execute(verdict)

    async def _arbitrate(self, wanted: Arbitrate) -> None:
        assert isinstance(wanted.payload, Shipment)
        value: object = None
        failed: ev.Failed | None
        try:
            async with self._free:
                value, failed = await asyncio.to_thread(
                    self._arbiter.compute, wanted.payload, wanted.place
                )
        except Exception as error:  # no process can be had, for example
            failed = lost(f"{type(error).__name__}: {error}")
        self._notes.put_nowait(lambda: self.quorum.arbitrated(wanted.index, value, failed))


def _all(notes: list[Callable[[], list[Verdict]]]) -> list[Verdict]:
    return [verdict for note in notes for verdict in note()]


class _Items:
    """The owner's items, unpickled from what was sent; the latest stay for the next question."""

    def __init__(self, hidden: int) -> None:
        self._hidden = hidden
        self._latest: tuple[object, list[tuple[object, ...]]] = (None, [])

    def get(self, payload: object, place: int) -> object:
        """Returns an item: the argument of the function, or the tuple of several."""
        assert isinstance(payload, Shipment)
        if self._latest[0] is not payload:
            blobs = {blob.id: blob.data for blob in payload.blobs}
            items = shipment.unpack(memoryview(payload.payload), blobs)
            assert isinstance(items, list)
            self._latest = payload, items
        arguments = self._latest[1][place][self._hidden :]
        return arguments[0] if len(arguments) == 1 else arguments
