"""Outwards: a map's function and items, on their way from its owner to the coordinator.

    iterables --> Input --supply--> Coordinator
                    ^---- Demand ------+

The owner's iterables and `__reduce__` methods run in the thread that uses the `Input`.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

from . import events as ev
from .call import Call
from .encoded import Encoded
from .errors import ClosedError, NotSendableError
from .function import Shipment, encode_items, modules_used_by
from .job import MappedFunction
from .open_map import ToOwner
from .record import Record, Taken, take_all
from .serving import Serving
from .spot_checks import SpotChecks


def start_map(
    serving: Serving,
    call: Call,
    encoded: Encoded,
    inbox: Callable[[ToOwner], None],
    record: Record | None,
    *,
    indexed: bool = True,
) -> int:
    """Opens a map and returns its number; if interrupted, no map is left open.

    Args:
        serving: Where the workers are.
        call: What the owner wants.
        encoded: Its function.
        inbox: Gets what the owner must know.
        record: Keeps the results in a journal, on their way there.
        indexed: Whether the index of an item means something to the owner.

    Raises:
        ClosedError: The execution is closed.
    """
    opened: list[int] = []
    # A stream hands its results over at once, and a buffer waits for them.
    hold = indexed and call.buffersize is None
    if record and call.verify and not hold:
        record.may_withdraw = True
    mapped = MappedFunction.of(call.function)  # here: it reads files, for which no loop waits

    async def start() -> int:
        number = await serving.coordinator.start_map(
            encoded.shipment,
            encoded.registry,
            record.receive if record else inbox,
            mapped=mapped,
            total=call.total,
            chunk_size=call.limits.chunk_size,
            timeout=call.limits.timeout_in_seconds,
            item_timeout=call.limits.item_timeout,
            keep_going=call.keep_going,
            retries=call.limits.retries,
            indexed=indexed,
            verify=call.verify,
            hold=hold,
            hidden=call.hidden,
            withdraw=record.withdraw if record else None,
        )
        opened.append(number)
        return number

    try:
        return serving.loop.run(start())
    except BaseException:
        with contextlib.suppress(ClosedError):
            serving.loop.call(lambda: list(map(serving.coordinator.cancel_map, opened)))
        raise


def cancel_map(serving: Serving, number: int) -> None:
    """Gives a map up, from any thread; one that is over already may be given up as well."""
    with contextlib.suppress(ClosedError):
        serving.loop.call(serving.coordinator.cancel_map, number)


MAX_REUSED = 1000
"""Results that are read from a journal at once."""


class Input:
    """Takes items from the owner's iterables as they are demanded, encodes and supplies them.

    Args:
        serving: Where the coordinator is.
        number: The map's.
        call: What the owner wants.
        carried: The own modules that travel with the function.
        begin: Called with the arguments of the first item that is supplied.
        record: Knows which items need not be supplied, and gets their results delivered.
    """

    def __init__(
        self,
        serving: Serving,
        number: int,
        call: Call,
        carried: frozenset[str],
        begin: Callable[[tuple[Any, ...]], None] = lambda _: None,
        record: Record | None = None,
    ) -> None:
        self._serving = serving
        self._number = number
        self._call = call
        self._carried = carried
        self._begin: Callable[[tuple[Any, ...]], None] | None = begin
        self._record = record
        self._items = call.items
        self._taken = 0
        self._wanted = 0
        self._examine = call.examine
        self._spots: SpotChecks | None = None
        if call.verify is not None and call.verify.known:
            self._spots = SpotChecks(call.verify, random.SystemRandom())

    def demand(self, count: int) -> None:
        """Notes that the scheduler asks for items."""
        self._wanted = count

    def answer(self, handed_over: int) -> None:
        """Supplies what was demanded, or ends the input; does nothing while there is no room.

        Args:
            handed_over: The number of items whose results the owner has.

        Raises:
            NotSendableError: An item cannot be pickled. The items before it have been supplied,
                and whoever answers again ends the input.
            Exception: The same for what an iterable raises.
        """
        count = self._room(handed_over)
        if count == 0:
            return
        taken = self._take(count, handed_over)
        self._reuse(self._taken, taken.known)
        items, broken, start = taken.missing, taken.broken, self._taken
        try:
            shipment = encode_items(items, start, self._carried)
        except NotSendableError as error:
            broken = error
            items = items[: (error.index or 0) - start]
            shipment = encode_items(items, start, self._carried)
        if items:
            self._supply(items, shipment)
        if broken is not None:
            self._items = iter(())
            raise broken
        self._reuse(self._taken, taken.following)
        if taken.over and not items:
            self._end()

    def _take(self, count: int, handed_over: int) -> Taken:
        if self._record is None:
            return take_all(self._items, count)
        size = self._call.buffersize
        most = MAX_REUSED if size is None else size - (self._taken - handed_over)
        return self._record.take(self._items, self._taken, count, max(count, most))

    def _room(self, handed_over: int) -> int:
        """Returns how many items to take now: a whole chunk, or none yet."""
        count, size = self._wanted, self._call.buffersize
        if size is None:
            return count
        if self._call.limits.chunk_size is None:
            # Else one worker would have all that may be out, and the others nothing.
            count = min(count, max(1, size // (2 * max(1, self._serving.coordinator.capacity))))
        count = min(count, size)
        return count if size - (self._taken - handed_over) >= count else 0

    def _reuse(self, start: int, values: list[object]) -> None:
        if not values:
            return
        assert self._record is not None
        self._taken += len(values)
        serving = self._serving
        serving.loop.call(serving.coordinator.reuse, self._number, len(values))
        self._record.deliver(ev.Deliver(self._number, start, values))

    def _supply(self, items: list[tuple[Any, ...]], shipment: Shipment) -> None:
        serving, start = self._serving, self._taken
        self._wanted = 0
        self._taken += len(items)
        if self._begin is not None:
            self._begin(items[0])
            self._begin = None
        if self._examine:
            self._examine = False
            serving.add_modules(
                modules_used_by(self._call.function, items), self._call.display.warn
            )
        serving.loop.call(serving.coordinator.supply, self._number, start, len(items), shipment)
        if self._spots is not None:
            self._spot_check(self._spots, items)

    def _spot_check(self, spots: SpotChecks, items: list[tuple[Any, ...]]) -> None:
        """Supplies known items beside those of the map, if chance says so."""
        known, results = spots.choose(items)
        if known:
            shipment = encode_items(known, 0, self._carried)
            coordinator = self._serving.coordinator
            self._serving.loop.call(coordinator.spot_check, self._number, results, shipment)

    def _end(self) -> None:
        self._wanted = 0
        if self._record is not None:
            self._record.end(self._taken)
        self._serving.loop.call(self._serving.coordinator.end_input, self._number)
