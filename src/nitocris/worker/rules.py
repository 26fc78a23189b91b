"""The options of a map that travel with its function."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """What a worker does with items that fail.

    Attributes:
        keep_going: Go on with the next item after one that raised.
        retry_on: What an item may raise that makes it worth another try; the next item follows.
        item_timeout: Seconds that the function may take for one item.
    """

    keep_going: bool = False
    retry_on: tuple[type[BaseException], ...] = ()
    item_timeout: float | None = None
