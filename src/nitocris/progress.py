"""What the owner sees while a map runs: tqdm's bar, in a terminal or a notebook."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from tqdm.auto import tqdm


class _Bar(tqdm):  # type: ignore[type-arg]  # it is not generic at run time
    monitor_interval = 0
    """No thread that redraws a bar: it would outlive the execution, and `map` redraws by itself."""


class Progress:
    """A bar with items done, items per second and workers; silent unless wanted.

    Args:
        total: The number of items, None if unknown.
        wanted: Whether to show anything.
    """

    def __init__(self, total: int | None, *, wanted: bool) -> None:
        self._bar = _Bar(total=total, unit=" items", disable=not wanted, dynamic_ncols=True)
        self._workers = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def advance(self, items: int) -> None:
        """Notes finished items."""
        self._bar.update(items)

    def show_workers(self, workers: int) -> None:
        """Notes how many workers there are."""
        if workers != self._workers:
            self._workers = workers
            self._bar.set_postfix_str(f"{workers} workers" if workers != 1 else "1 worker")

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        say(text, wanted=not self._bar.disable)


def say(text: str, *, wanted: bool) -> None:
    """Prints a line for the owner, above a bar if one is shown."""
    if wanted:
        tqdm.write(text, file=sys.stderr)
