"""The errors of items, grouped by what they say."""

from __future__ import annotations

from dataclasses import replace

from . import events as ev
from .errors import RemoteError
from .stats import ErrorGroup

MAX_GROUPS = 100
"""Messages may name the item, and would then be as many as there are items."""
MAX_ERROR_LENGTH = 300
"""Characters of type and message."""
OTHERS = "other errors"


class ErrorGroups:
    """Counts errors that say the same; all beyond the first `MAX_GROUPS` are one group."""

    def __init__(self) -> None:
        self._groups: dict[str, ErrorGroup] = {}

    def add(self, number: int, index: int, failed: ev.Failed) -> None:
        """Notes how an item failed.

        Args:
            number: The item's map.
            index: The item.
            failed: Its error.
        """
        text = _described(failed.error)
        if text not in self._groups and len(self._groups) >= MAX_GROUPS:
            text = OTHERS
        if known := self._groups.get(text):
            self._groups[text] = replace(known, count=known.count + 1)
            return
        error = failed.error
        traceback = error.remote_traceback if isinstance(error, RemoteError) else ""
        self._groups[text] = ErrorGroup(text, 1, number, index, failed.worker, traceback)

    def stats(self) -> tuple[ErrorGroup, ...]:
        """Returns the groups, the most frequent first."""
        return tuple(sorted(self._groups.values(), key=lambda group: -group.count))


def _described(error: Exception) -> str:
    name = error.type_name if isinstance(error, RemoteError) else type(error).__name__
    message = str(error)
    return (f"{name}: {message}" if message else name)[:MAX_ERROR_LENGTH]
