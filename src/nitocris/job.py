"""What volunteers may read about the work: what it is for, and the source of what is mapped.

owner's thread: MappedFunction.of(function) --start_map--> Coordinator --Job.text--> page
"""

from __future__ import annotations

import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import Any, Self

from .protocol import Progress
from .worker.seeded import Seeded

MAX_SOURCE_LENGTH = 20_000
"""Characters; who reads on would rather have the file."""
CUT = "# ... and so on: the rest is too long to be shown"
MAX_NAME_LENGTH = 200
MAX_FUNCTIONS = 20
"""The latest that are told: futures of many functions are as many maps."""


@dataclass(frozen=True, slots=True)
class MappedFunction:
    """What people may see of a function.

    Attributes:
        name: Its own name, without that of its module.
        source: Its text as it was written, None if it has none.
        seed: Where its random numbers come from, None if the owner gave no seed.
    """

    name: str
    source: str | None
    seed: str | None = None

    @property
    def code(self) -> str | None:
        """What functions have in common that differ in their data only; None if unknown."""
        if self.source is None:
            return None
        return hashlib.sha256(f"{self.name}\n{self.source}".encode()).hexdigest()

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Self:
        """Looks at a function, whatever it is, and never fails."""
        seed = str(function.seed) if type(function) is Seeded else None
        while issubclass(type(function), partial) or type(function) is Seeded:
            function = function.function if type(function) is Seeded else function.func  # type: ignore[attr-defined]  # one of these
        name = _if_possible(_name, function) or type(function).__name__
        return cls(name[:MAX_NAME_LENGTH], _if_possible(_source, function), seed)


@dataclass(frozen=True, slots=True)
class Job:
    """What an execution is for.

    Attributes:
        title: Its name.
        description: Plain text for volunteers, None if the owner has given none.
    """

    title: str
    description: str | None = None

    def text(self, functions: Mapping[int, MappedFunction], progress: Progress) -> bytes:
        """Returns what `/api/job` answers.

        Args:
            functions: Those of the maps that run, by the maps' numbers.
            progress: How far these are.
        """
        latest = list(functions.items())[-MAX_FUNCTIONS:]
        described = {
            "title": self.title,
            "description": self.description,
            "functions": [
                {"map": number, "name": each.name, "source": each.source} for number, each in latest
            ],
            "devices": progress.devices,
            "progress": {
                "done": progress.done,
                "total": progress.total,
                "rate": progress.rate,
                "remaining": progress.remaining,
            }
            if functions
            else None,
        }
        return json.dumps(described).encode()


def _if_possible(
    look: Callable[[Callable[..., Any]], str | None], function: Callable[..., Any]
) -> str | None:
    try:
        return look(function)
    except Exception:  # what an object of the owner's says of itself may be anything
        return None


def _name(function: Callable[..., Any]) -> str | None:
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else None


def _source(function: Callable[..., Any]) -> str | None:
    written = inspect.unwrap(getattr(function, "__func__", function))
    if not isinstance(written, FunctionType):
        return None
    source = textwrap.dedent(inspect.getsource(written)).rstrip()
    if len(source) <= MAX_SOURCE_LENGTH:
        return source
    whole_lines, _, _ = source[: MAX_SOURCE_LENGTH - len(CUT)].rpartition("\n")
    return f"{whole_lines}\n{CUT}"
