"""Calls that failed on a worker, kept so that they can be made again in the owner's process.

The arguments are kept as they were sent: a chunk's items together, and unpickled only when they
are wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import shipment
from .function import Shipment

KEPT_BYTES = 64 * 1024 * 1024
"""Of the items of one map; errors beyond that cannot be replayed."""


class Kept:
    """How much of a map's items is kept for errors."""

    def __init__(self) -> None:
        self._bytes = 0
        self._latest: Shipment | None = None

    def admits(self, items: Shipment) -> bool:
        """Returns whether there is room for these; errors of one chunk share them."""
        if items is not self._latest:
            size = len(items.payload) + sum(len(blob.data) for blob in items.blobs)
            if self._bytes + size > KEPT_BYTES:
                return False
            self._bytes += size
            self._latest = items
        return True


class Again:
    """Calls the function once more; it does not travel with an error that is pickled.

    Args:
        function: The function.
        items: The tuples of arguments that were sent together.
        place: Which of them it is.
    """

    def __init__(self, function: Callable[..., Any], items: Shipment, place: int) -> None:
        self._function = function
        self._items = items
        self._place = place

    def __call__(self) -> Any:
        """Returns what the function returns, or raises what it raises."""
        blobs = {blob.id: blob.data for blob in self._items.blobs}
        items: Any = shipment.unpack(memoryview(self._items.payload), blobs)
        arguments: tuple[Any, ...] = items[self._place]
        return self._function(*arguments)

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _nothing, ()


def _nothing() -> None:
    """Stands for a call in the place where the error was unpickled."""
