"""An execution from its first use to its end: in good order, or at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .display import Display, Invitation
from .errors import ClosedError
from .futures import Futures
from .report import Report
from .running import Running
from .serving import Serving


class Lifetime:
    """Starts the server when it is needed, and ends it.

    Args:
        serve: Starts the server.
        display: What the owner sees.

    Attributes:
        running: What has begun and not ended.
        serving: The server, as long as it runs.
        closed: Whether it has been ended for good.
        last_report: That of the latest map, once it is closed.
    """

    def __init__(self, serve: Callable[[], Serving], display: Display) -> None:
        self._serve = serve
        self._display = display
        self._futures: Futures | None = None
        self._changing = threading.Lock()
        self.running = Running()
        self.serving: Serving | None = None
        self.closed = False
        self.last_report: Report | None = None

    def start(self) -> Serving:
        """Returns the server, which runs from now on.

        Raises:
            ClosedError: It has been ended.
            PortInUseError, ConfigurationError: It cannot run.
        """
        with self._changing:
            if self.closed:
                raise ClosedError("this execution is closed; create another DistributedExecution")
            if self.serving is None:
                self.serving = self._serve()
                self._futures = Futures(self.serving, self.running, self._display)
                self._display.invite(_invitation(self.serving))
            return self.serving

    def revoke(self) -> None:
        """Replaces the links, and shows the new ones.

        Raises:
            ClosedError, PortInUseError, ConfigurationError: As of `start`.
        """
        serving = self.start()
        serving.replace_links()
        self._display.invite(_invitation(serving))

    def ready(self) -> Serving:
        """Returns the server as soon as all packages that the owner named are there.

        Raises:
            PackageError: One of them cannot be had.
            ClosedError, PortInUseError, ConfigurationError: As of `start`.
        """
        serving = self.start()
        serving.require_packages()
        return serving

    def futures(self) -> Futures:
        """Returns what makes futures, when the server is ready.

        Raises:
            ClosedError: No more work is taken.
            PackageError, PortInUseError, ConfigurationError: As of `ready`.
        """
        self.running.check()
        self.ready()
        assert self._futures is not None
        return self._futures

    def report(self) -> Report | None:
        """Returns what became of the latest map, None before the first."""
        serving = self.serving
        return self.last_report if serving is None else serving.report()

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        """Takes no more work, and ends when all is done; see `DistributedExecution.shutdown`."""
        self.running.end()
        serving, futures = self.serving, self._futures
        if futures and cancel_futures:
            futures.cancel_all()
        needed = (futures and futures.is_current) or (serving and serving.loop.is_current)
        if wait and not needed:
            self._finish()
        else:
            threading.Thread(target=self._finish, name="nitocris-shutdown").start()

    def close(self) -> None:
        """Ends at once, whatever runs; may be repeated."""
        self.running.end()
        with self._changing:
            self.closed = True
            serving, self.serving = self.serving, None
        self._display.close()
        if serving is None or self._futures is None:
            return
        try:
            serving.stop()
            self.last_report = serving.last_report
        finally:
            self._futures.stop()

    def _finish(self) -> None:
        try:
            self.running.wait()
        finally:
            self.close()


def _invitation(serving: Serving) -> Invitation:
    return Invitation(serving.url, serving.worker_url, serving.dashboard_url)
