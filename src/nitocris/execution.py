"""`DistributedExecution`: the one face that the owner sees, synchronous and thread-safe."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from . import links
from .errors import ClosedError, ConfigurationError
from .mapping import run_map
from .progress import say
from .serving import Options, Serving

R = TypeVar("R")

DEFAULT_TIMEOUT = 300.0
"""Seconds without a result before a chunk is given to another worker; a long item on a slow phone
still fits."""


class DistributedExecution:
    """Maps functions over lists on every device whose owner opens the link.

    The server runs from entering `with` until leaving it; volunteers stay for all maps between.

    Args:
        packages: What the workers need besides the standard library, such as `["numpy"]`.
        timeout_in_seconds: After so long without any result from a chunk, it is given to another
            worker.
        chunk_size: Items per chunk; by default learnt from each worker's speed.
        server_port: The port of page, files and WebSocket; by default one that is free, the same
            one for a script that runs again within a day.
        websocket_port: A second port with the same services, for scripts of the 2021
            implementation.
        host: The address to listen on; by default all of this machine.
        public_url: The address that volunteers use, if a tunnel or proxy stands before this
            machine, such as `"https://example.org"`.
        local_workers: Native workers on this machine, as child processes.
        wheels: Folders with wheels, looked into before any download.
        progress: Whether to print the link and a progress bar.
        results: `"safe"`: results come back as plain data, never as pickles. `"pickle"`: results
            may be anything, and whoever has the worker link can run code on this machine; there
            is no link for volunteers then.
        title: What volunteers see; by default the name of the script.

    Raises:
        ConfigurationError: An option cannot work.
        PortInUseError: A requested port is taken.
    """

    def __init__(
        self,
        packages: Sequence[str] = (),
        timeout_in_seconds: float = DEFAULT_TIMEOUT,
        chunk_size: int | None = None,
        *,
        server_port: int | None = None,
        websocket_port: int | None = None,
        host: str = "0.0.0.0",  # noqa: S104  # other devices are the point
        public_url: str | None = None,
        local_workers: int = 0,
        wheels: Sequence[str | os.PathLike[str]] = (),
        progress: bool = True,
        results: Literal["safe", "pickle"] = "safe",
        title: str | None = None,
    ) -> None:
        if isinstance(packages, str):
            raise ConfigurationError(f"packages must be a list, such as [{packages!r}]")
        if isinstance(wheels, str | os.PathLike):
            raise ConfigurationError(f"wheels must be a list of folders, such as [{wheels!r}]")
        if results not in ("safe", "pickle"):
            raise ConfigurationError(f"results={results!r} is not known; use 'safe' or 'pickle'")
        self._timeout = _check_timeout(timeout_in_seconds)
        self._chunk_size = _check_chunk_size(chunk_size)
        self._progress = progress
        self._options = Options(
            title=title or Path(links.this_owner()).name,
            packages=tuple(packages),
            wheels=tuple(Path(folder) for folder in wheels),
            host=host,
            server_port=_check_port("server_port", server_port),
            websocket_port=_check_port("websocket_port", websocket_port),
            public_url=links.check_public_url(public_url) if public_url else None,
            local_workers=_check_count("local_workers", local_workers, low=0),
            pickled_results=results == "pickle",
        )
        self._classes: tuple[type, ...] = ()
        self._serving: Serving | None = None
        self._closed = False
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        # Without the fragments: they are the tokens, and this may end up in a log.
        serving = self._serving
        running = serving.worker_url.partition("/worker#")[0] if serving else "not started"
        return f"<DistributedExecution {'closed' if self._closed else running}>"

    @property
    def url(self) -> str:
        """The link for volunteers: whoever opens it computes in a browser, in a sandbox.

        Raises:
            ConfigurationError: With `results="pickle"` there are no volunteers.
        """
        url = self._start().url
        if not url:
            raise ConfigurationError(
                "with results='pickle' only native workers take part: use worker_url"
            )
        return url

    @property
    def worker_url(self) -> str:
        """The link for native workers, which run your functions with all rights of their user."""
        return self._start().worker_url

    def map(
        self,
        function: Callable[..., R],
        *iterables: Iterable[Any],
        chunk_size: int | None = None,
        timeout_in_seconds: float | None = None,
    ) -> list[R]:
        """Returns `[function(x) for x in iterable]`, computed by the workers.

        Several iterables are read in step, as by the built-in `map`.  They are read only as far as
        the workers keep up.

        Args:
            function: A function, lambda or other callable that cloudpickle can pickle.
            *iterables: Where its arguments come from.
            chunk_size: Overrides the constructor's.
            timeout_in_seconds: Overrides the constructor's.

        Raises:
            RemoteError: The function raised; also an instance of what it raised, if that is a
                built-in exception. The remote traceback is its cause.
            WorkerLostError: Some item crashed or hung its worker again and again.
            NotSendableError: The function or an item cannot be pickled.
            PackageError: A package cannot be had.
            ConfigurationError: An argument cannot work.
            ClosedError: The execution is closed.
        """
        if not callable(function):
            raise ConfigurationError(f"map needs a function first, not {function!r:.80}")
        if not iterables:
            raise ConfigurationError("map needs at least one iterable after the function")
        for iterable in iterables:
            if not isinstance(iterable, Iterable) and not hasattr(iterable, "__getitem__"):
                raise ConfigurationError(f"map cannot iterate over {iterable!r:.80}")
        if timeout_in_seconds is None:
            timeout_in_seconds = self._timeout
        serving = self._start()
        serving.require_packages()
        return run_map(
            serving,
            function,
            iterables,
            classes=None if self._options.pickled_results else self._classes,
            chunk_size=_check_chunk_size(chunk_size) or self._chunk_size,
            timeout=_check_timeout(timeout_in_seconds),
            progress=self._progress,
            examine=not self._options.packages,
        )

    def register(self, *classes: type) -> None:
        """Lets results contain instances of these dataclasses, Enums and namedtuples.

        Classes that the mapped function mentions are found without this.
        """
        self._classes = (*self._classes, *classes)

    def wait_for_workers(self, workers: int, timeout: float | None = None) -> None:
        """Waits until devices have joined that compute `workers` chunks at once, all together.

        Raises:
            TimeoutError: They did not come within `timeout` seconds.
        """
        _check_count("workers", workers, low=0)
        serving = self._start()
        try:
            serving.loop.run(
                asyncio.wait_for(serving.coordinator.wait_for_capacity(workers), timeout)
            )
        except TimeoutError:
            raise TimeoutError(
                f"{serving.coordinator.capacity} of {workers} workers came within {timeout:g} s"
            ) from None

    def close(self) -> None:
        """Sends the workers away and ends all threads, processes and ports; may be repeated."""
        with self._starting:
            self._closed = True
            serving, self._serving = self._serving, None
        if serving:
            serving.stop()

    def _start(self) -> Serving:
        with self._starting:
            if self._closed:
                raise ClosedError("this execution is closed; create another DistributedExecution")
            if self._serving is None:
                self._serving = Serving(self._options)
                weakref.finalize(self, self._serving.stop)
                say(_invitation(self._serving), wanted=self._progress)
            return self._serving


def _invitation(serving: Serving) -> str:
    if serving.url:
        return f"Nitocris: to compute, open {serving.url}"
    return f"Nitocris: to compute, run: nitocris worker '{serving.worker_url}'"


def _check_count(name: str, value: int, *, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigurationError(f"{name} must be a whole number of at least {low}, not {value!r}")
    return value


def _check_chunk_size(value: int | None) -> int | None:
    return None if value is None else _check_count("chunk_size", value, low=1)


def _check_timeout(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ConfigurationError(
            f"timeout_in_seconds must be a number of seconds above 0, not {value!r}"
        )
    return value


def _check_port(name: str, value: int | None) -> int | None:
    if value is not None and _check_count(name, value, low=0) > 65535:
        raise ConfigurationError(f"{name} must be at most 65535, not {value}")
    return value
