"""What items print: caught while they run, and sent in bulk with the index of each.

    print, sys.stdout.buffer.write --> Capture --take--> [(index, text), ...], lines dropped

It is for the owner to read, not for data: only the beginning of much output is kept.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

from ..protocol import MAX_OUTPUT_ITEMS

MAX_BYTES = 16 * 1024
"""Kept between two results.  Bytes that are no UTF-8 become three each, and must fit as well."""


class _Stream(io.TextIOWrapper):
    def close(self) -> None:
        """Stays open: the next item prints as well."""


class Capture(io.BufferedIOBase):
    """Stands in for standard output and error inside a `with`, as the bytes below both.

    Attributes:
        current: Returns the index of the item that runs.
    """

    name = "<output>"

    def __init__(self) -> None:
        self.current: Callable[[], int] = lambda: 0
        self._entries: list[tuple[int, bytearray]] = []
        self._room = MAX_BYTES
        self._dropped = 0
        self._stream = _Stream(
            self, encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True
        )
        self._others: tuple[Any, Any] | None = None

    def __enter__(self) -> None:  # type: ignore[override]  # not to be closed by the end of it
        self._others = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = self._stream

    def __exit__(self, *_: object) -> None:
        if self._others:
            sys.stdout, sys.stderr = self._others

    def writable(self) -> bool:
        """Returns True."""
        return True

    def write(self, data: Any) -> int:
        """Keeps what there is room for."""
        given = bytes(data)
        kept = given[: self._room]
        index = self.current()
        if kept and not (self._entries and self._entries[-1][0] == index):
            if len(self._entries) < MAX_OUTPUT_ITEMS:
                self._entries.append((index, bytearray()))
            else:
                kept = b""
        if kept:
            self._entries[-1][1].extend(kept)
            self._room -= len(kept)
        self._dropped += given.count(b"\n", len(kept))
        return len(given)

    def take(self) -> tuple[list[tuple[int, str]], int] | None:
        """Returns what was kept since this was last asked, and how many lines were not; or None."""
        if not self._entries and not self._dropped:
            return None
        texts = [(index, bytes(data).decode("utf-8", "replace")) for index, data in self._entries]
        taken = texts, self._dropped
        self._entries, self._room, self._dropped = [], MAX_BYTES, 0
        return taken
