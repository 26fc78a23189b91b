"""Modules that were made in memory, such as `types.ModuleType("settings")`: no file can travel.

cloudpickle takes every module in `sys.modules` for one that can be imported anywhere.  While a
pickle is made, those in memory are registered with it, so that what comes from them is pickled
whole.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import cloudpickle


def is_in_memory(name: str) -> bool:
    """Returns whether a module is there, but has no file, and is not part of Python."""
    module = sys.modules.get(name)
    top = name.partition(".")[0]
    if module is None or top in sys.stdlib_module_names or top == "__main__":
        return False
    if top != name and not is_in_memory(top):
        return False  # packages make such modules of their own, as `six.moves`
    spec = getattr(module, "__spec__", None)
    has_source = spec is not None and (spec.origin is not None or spec.loader is not None)
    return not (has_source or getattr(module, "__file__", None) or hasattr(module, "__path__"))


class InMemory:
    """Which modules in memory were met, registered until the pickle is over."""

    def __init__(self) -> None:
        self._looked_at: dict[str, bool] = {}
        self._registered: list[str] = []

    def note(self, name: object) -> bool:
        """Has a module pickled by value if it is in memory; returns whether it is."""
        if not isinstance(name, str):
            return False
        known = self._looked_at.get(name)
        if known is None:
            known = self._looked_at[name] = is_in_memory(name)
            if known and name not in cloudpickle.list_registry_pickle_by_value():
                cloudpickle.register_pickle_by_value(sys.modules[name])
                self._registered.append(name)
        return known

    def forget(self) -> None:
        """Leaves cloudpickle as it was."""
        for name in self._registered:
            if name in sys.modules:
                with contextlib.suppress(ValueError):  # another thread's pickle was over before
                    cloudpickle.unregister_pickle_by_value(sys.modules[name])


@contextlib.contextmanager
def modules_in_memory_by_value() -> Iterator[InMemory]:
    """Pickles made inside take modules in memory by value, as far as they are noted."""
    met = InMemory()
    try:
        yield met
    finally:
        met.forget()
