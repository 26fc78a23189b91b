"""Calls that come in other libraries' form: batches of joblib's, groups of pandas'."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Batch:
    """A function that is called several times in a row.

    `joblib.Parallel` inside it computes one task after the other: the owner's workers are all busy
    with the outer one, and a browser has neither processes nor threads.
    """

    function: Callable[..., Any]

    def __call__(self, calls: Sequence[tuple[Sequence[Any], Mapping[str, Any]]]) -> list[Any]:
        """Returns the result of each call."""
        with _sequential():
            return [self.function(*arguments, **keywords) for arguments, keywords in calls]


@dataclass(frozen=True, slots=True)
class Named:
    """A function of a pandas group, whose name pickles leave out."""

    function: Callable[[Any], Any]

    def __call__(self, group: Any, name: object) -> Any:
        """Calls the function."""
        object.__setattr__(group, "name", name)  # as pandas does: a plain one names a column
        return self.function(group)


def _sequential() -> AbstractContextManager[object]:
    joblib: Any = sys.modules.get("joblib")  # a worker without it needs none
    return joblib.parallel_config(backend="sequential") if joblib else nullcontext()
