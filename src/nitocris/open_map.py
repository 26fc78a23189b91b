"""A map that is open, as the coordinator knows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from . import codec
from . import events as ev
from .function import Shipment
from .job import MappedFunction

ToOwner: TypeAlias = ev.Demand | ev.Deliver | ev.Held | ev.Finish | ev.Fail


@dataclass(frozen=True, slots=True)
class OpenMap:
    """What was said when it was opened.

    Attributes:
        function: What is sent to workers.
        registry: What results may be made of, besides plain data; None to unpickle them.
        inbox: Gets demands, results and the end, on the loop's thread.
        mapped: What volunteers may see of the function.
        indexed: Whether the index of an item means something to the owner.
        withdraw: Takes the indexes of items that were delivered because of devices that were found
            to lie; None where no journal has them.
    """

    function: Shipment
    registry: codec.Registry | None
    inbox: Callable[[ToOwner], None]
    mapped: MappedFunction
    indexed: bool
    withdraw: Callable[[Sequence[int]], None] | None = None

    def label(self, index: int) -> str:
        """What the owner calls an item."""
        return f"item {index}" if self.indexed else self.mapped.name
