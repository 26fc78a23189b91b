"""Blobs of running maps, each kept once and as long as some map may still need it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from .pickling import Blob


class Blobs:
    """Content-addressed bytes, counted by the maps that refer to them."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}
        self._uses: Counter[str] = Counter()
        self._uses_by_map: defaultdict[int, Counter[str]] = defaultdict(Counter)

    def get(self, blob_id: str) -> bytes | None:
        """Returns the bytes, or None if no map needs them (any more)."""
        return self._data.get(blob_id)

    def keep(self, map_number: int, blobs: Iterable[Blob]) -> None:
        """Notes that a map's function or a chunk of it refers to these blobs."""
        for blob in blobs:
            self._data[blob.id] = blob.data
            self._uses[blob.id] += 1
            self._uses_by_map[map_number][blob.id] += 1

    def release(self, map_number: int, blobs: Iterable[Blob]) -> None:
        """Notes that a chunk that referred to these blobs is done."""
        uses = self._uses_by_map.get(map_number, Counter())
        for blob in blobs:
            if uses[blob.id] > 0:
                uses[blob.id] -= 1
                self._forget(blob.id, 1)

    def drop(self, map_number: int) -> None:
        """Notes that a map is over."""
        for blob_id, uses in self._uses_by_map.pop(map_number, Counter()).items():
            if uses > 0:
                self._forget(blob_id, uses)

    def _forget(self, blob_id: str, uses: int) -> None:
        self._uses[blob_id] -= uses
        if self._uses[blob_id] == 0:
            del self._uses[blob_id], self._data[blob_id]
