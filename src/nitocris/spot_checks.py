"""Chunks of known items, for volunteers who cannot tell them from those of the map."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Any

from .errors import ConfigurationError
from .verify import Verify


class SpotChecks:
    """Chooses known items, so that they look like a chunk of the map; any thread may ask.

    Args:
        verify: What the owner wants.
        chance: Decides when, and which.
    """

    def __init__(self, verify: Verify, chance: random.Random) -> None:
        self._verify = verify
        self._chance = chance
        self._deck: list[tuple[Any, Any]] = []
        self._drawing = threading.Lock()

    def choose(self, like: Sequence[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], list[object]]:
        """Returns argument tuples and their results beside a chunk of the map, or none of them.

        Args:
            like: The argument tuples of that chunk.

        Raises:
            ConfigurationError: A known item has not as many arguments as these.
        """
        if not like or self._chance.random() >= self._verify.spot:
            return [], []
        with self._drawing:
            pairs = [self._draw() for _ in like]
        return [_arguments(item, len(like[0])) for item, _ in pairs], [each for _, each in pairs]

    def _draw(self) -> tuple[Any, Any]:
        if not self._deck:  # none comes twice before all have come
            self._deck = list(self._verify.known)
            self._chance.shuffle(self._deck)
        return self._deck.pop()


def _arguments(item: object, count: int) -> tuple[Any, ...]:
    if count == 1:
        return (item,)
    if not isinstance(item, tuple) or len(item) != count:
        raise ConfigurationError(
            f"the function takes {count} arguments, so an item of known must be the tuple of "
            f"them, not {item!r:.80}"
        )
    return item
