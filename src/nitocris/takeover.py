"""A notebook's cell that runs again: the execution that it makes takes the former one's place.

A notebook keeps what its cells have shown and the frames of its last error.  Through either, the
former execution may stay alive although no variable names it any more, and would keep port and
link, so that the open pages of volunteers never found the new one.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_holders: dict[str, weakref.ref[Any]] = {}
"""Which execution each variable of the notebook held last, when that one started."""


def former(newcomer: T, variables: Mapping[str, object] | None = None) -> T | None:
    """Returns what the variable held before that holds an object now, if no other one holds it.

    Args:
        newcomer: What starts now.
        variables: The notebook's; by default those of this process, none outside of IPython.
    """
    found: T | None = None
    held = _variables() if variables is None else variables
    # Names of IPython's own, such as those of what was shown, begin with an underscore.
    named = {name: value for name, value in held.items() if not name.startswith("_")}
    for name, value in named.items():
        if value is newcomer:
            before = _holders[name]() if name in _holders else None
            if before is not None and not any(each is before for each in named.values()):
                found = before
            _holders[name] = weakref.ref(newcomer)
    return found


def _variables() -> dict[str, object]:
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return dict(shell.user_ns) if shell else {}
