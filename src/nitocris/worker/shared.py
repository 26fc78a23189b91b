"""Values that an owner shares with all workers: encoded once, unpickled once per process.

    owner: d.share(value) --> Shared --(a blob, once per device)--> Shared --> .value

The owner's handle has the value and its shipment.  A worker's handle unpickles the shipment when it
is first asked, and the map keeps what it has used until the map is forgotten.
"""

from __future__ import annotations

import pickle
import weakref
from typing import Any, Generic, TypeVar

from .. import shipment

T = TypeVar("T")

_UNKNOWN = object()


class Shared(Generic[T]):
    """A handle to a value that travels once; `DistributedExecution.share` makes them.

    Args:
        key: The SHA-256 of the payload, in hex.
        payload: The value as a shipment without blobs.
        modules: Modules that it needs to be unpickled.
        value: The value, where it is known.
    """

    __slots__ = ("__weakref__", "_value", "key", "modules", "payload")

    def __init__(
        self,
        key: str,
        payload: bytes,
        modules: frozenset[str] = frozenset(),
        value: object = _UNKNOWN,
    ) -> None:
        self.key = key
        self.payload = payload
        self.modules = modules
        self._value = value

    @property
    def value(self) -> T:
        """The shared value; all functions in one worker process get the same object."""
        if self._value is _UNKNOWN:
            self._value = shipment.unpack(memoryview(self.payload), {})
        value: Any = self._value
        return value  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<Shared {len(self.payload):,} bytes, {self.key[:8]}>"

    def __reduce__(self) -> tuple[Any, ...]:
        buffer = pickle.PickleBuffer(self.payload)
        return receive, (self.key, buffer, bool(self.modules))


Held = dict[str, Shared[Any]]
"""What one map has received, by key."""

_everywhere: weakref.WeakValueDictionary[str, Shared[Any]] = weakref.WeakValueDictionary()
_held: Held = {}


def hold_in(held: Held) -> None:
    """Has a map keep what is received from now on."""
    global _held
    _held = held


def receive(key: str, payload: Any, has_classes: bool) -> Shared[Any]:
    """Returns the handle of this process to a value.

    Args:
        key: The SHA-256 of the payload.
        payload: The shipment.
        has_classes: Whether it may have instances of classes that each map has for itself.
    """
    known = _held.get(key)
    if known is None and not has_classes:
        known = _everywhere.get(key)
    if known is None:
        known = Shared(key, payload)
        if not has_classes:
            _everywhere[key] = known
    _held[key] = known
    return known
