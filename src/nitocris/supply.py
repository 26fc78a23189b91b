"""Outwards: a map's function and items, on their way from its owner to the coordinator.

    iterables --> Input --supply--> Coordinator
                    ^---- Demand ------+

The owner's iterables and `__reduce__` methods run in the thread that uses the `Input`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from . import codec
from .call import Call
from .coordinator import ToOwner
from .errors import ClosedError, NotSendableError
from .function import Shipment, encode_function, encode_items, modules_used_by
from .job import MappedFunction
from .serving import Serving


@dataclass(frozen=True, slots=True)
class Encoded:
    """A function as workers get it, and what its results may be made of (None: pickles)."""

    shipment: Shipment
    registry: codec.Registry | None


def encode(call: Call) -> Encoded:
    """Encodes the function of a call.

    Args:
        call: What the owner wants.

    Raises:
        NotSendableError: It refers to something that cannot be pickled.
    """
    classes, registry = call.classes, None
    if classes is not None:
        found = codec.classes_reachable_from(call.function)
        classes = tuple(dict.fromkeys((*classes, *found)))
        registry = codec.Registry(classes)
    shipment = encode_function(call.callee, classes, call.rules)
    for warning in shipment.warnings:
        call.display.warn(f"{warning}.")
    return Encoded(shipment, registry)


def start_map(
    serving: Serving,
    call: Call,
    encoded: Encoded,
    inbox: Callable[[ToOwner], None],
    *,
    indexed: bool = True,
) -> int:
    """Opens a map and returns its number; if interrupted, no map is left open.

    Args:
        serving: Where the workers are.
        call: What the owner wants.
        encoded: Its function.
        inbox: Gets what the owner must know.
        indexed: Whether the index of an item means something to the owner.

    Raises:
        ClosedError: The execution is closed.
    """
    opened: list[int] = []
    mapped = MappedFunction.of(call.function)  # here: it reads files, for which no loop waits

    async def start() -> int:
        number = await serving.coordinator.start_map(
            encoded.shipment,
            encoded.registry,
            inbox,
            mapped=mapped,
            total=call.total,
            chunk_size=call.limits.chunk_size,
            timeout=call.limits.timeout_in_seconds,
            item_timeout=call.limits.item_timeout,
            keep_going=call.keep_going,
            retries=call.limits.retries,
            indexed=indexed,
            verify=call.verify,
            # A stream hands its results over at once, and a buffer waits for them.
            hold=indexed and call.buffersize is None,
            hidden=call.hidden,
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


class Input:
    """Takes items from the owner's iterables as they are demanded, encodes and supplies them.

    Args:
        serving: Where the coordinator is.
        number: The map's.
        call: What the owner wants.
        carried: The own modules that travel with the function.
        begin: Called with the arguments of the first item.
    """

    def __init__(
        self,
        serving: Serving,
        number: int,
        call: Call,
        carried: frozenset[str],
        begin: Callable[[tuple[Any, ...]], None] = lambda _: None,
    ) -> None:
        self._serving = serving
        self._number = number
        self._call = call
        self._carried = carried
        self._begin = begin
        self._items = call.items
        self._taken = 0
        self._wanted = 0
        self._examine = call.examine

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
        items: list[tuple[Any, ...]] = []
        broken: Exception | None = None
        try:
            items.extend(islice(self._items, count))  # what came before an error stays
        except Exception as error:
            broken = error
        try:
            shipment = encode_items(items, self._taken, self._carried)
        except NotSendableError as error:
            broken = error
            items = items[: (error.index or 0) - self._taken]
            shipment = encode_items(items, self._taken, self._carried)
        if items or broken is None:
            self._supply(items, shipment)
        if broken is not None:
            self._items = iter(())
            raise broken

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

    def _supply(self, items: list[tuple[Any, ...]], shipment: Shipment) -> None:
        serving, start = self._serving, self._taken
        self._wanted = 0
        self._taken += len(items)
        if not items:
            serving.loop.call(serving.coordinator.end_input, self._number)
            return
        if start == 0:
            self._begin(items[0])
        if self._examine:
            self._examine = False
            serving.add_modules(
                modules_used_by(self._call.function, items), self._call.display.warn
            )
        serving.loop.call(serving.coordinator.supply, self._number, start, len(items), shipment)
