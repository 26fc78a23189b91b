"""What the Web Worker calls: JavaScript's buffers become Python's, nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol

from .core import WorkerCore


class _TypedArray(Protocol):
    def to_py(self) -> memoryview: ...


class PyodideWorker:
    """A `WorkerCore` for JavaScript: `receive(frame, blobs)`, then `step()` until it gives None."""

    def __init__(self) -> None:
        self._core = WorkerCore(time.monotonic)

    def receive(self, frame: _TypedArray, blobs: Iterable[_TypedArray]) -> None:
        """Takes a frame and its blobs, each a `Uint8Array`; one copy each."""
        self._core.receive(frame.to_py(), [blob.to_py() for blob in blobs])

    def step(self) -> bytes | None:
        """Computes for about a second; returns a frame, or None when the chunk is done."""
        return self._core.step()

    def raised(self) -> str | None:
        """Returns the traceback of what was raised since this was last asked, if anything was."""
        return self._core.raised()
