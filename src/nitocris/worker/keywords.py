"""Keyword arguments, for the few calls that have them: all others travel as bare tuples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WithKeywords:
    """A function that takes its arguments as one sequence and one mapping."""

    function: Callable[..., Any]

    def __call__(self, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Calls the function."""
        return self.function(*arguments, **keywords)
