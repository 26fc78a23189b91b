"""All that lives between an execution's start and its end: loop, server, packages, local workers.

What fails half-way through starting is undone before the error goes on, and `stop` leaves no
thread, process or port behind.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from . import links
from .background import LoopThread
from .coordinator import Coordinator
from .environment import Environment, runtime
from .errors import PortInUseError
from .job import Job
from .journal_writer import JournalWriter
from .local_worker import LocalWorker
from .options import Options
from .provision import Provision
from .report import Report
from .stats import Stats

if TYPE_CHECKING:
    from .matching import Match
    from .packages import Places
    from .pip_resolver import Pip
    from .server import Server


class Serving:
    """A running server with its local workers.

    Attributes:
        loop: Where everything asynchronous runs.
        coordinator: Lives on the loop.
        url: The link for volunteers; empty where none are admitted.
        worker_url: The link for native workers.
        dashboard_url: The link for the owner alone.
        packages: What the owner named for the workers.
        journal: What writes the journal, if the owner wants one.
        looked_at: The hashes of functions that a preflight has looked at.
        last_report: That of the latest map, once everything has ended.
        at_stop: What is to be called first when everything ends.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._stopped = False
        self._packages_ready = False
        self._worker: LocalWorker | None = None
        self._pip: Pip | None = None
        self._places: Places | None = None
        self.packages = options.packages
        self.looked_at: set[bytes] = set()
        self.last_report: Report | None = None
        self.at_stop: list[Callable[[], None]] = []
        self.journal: JournalWriter | None = None
        if options.journal is not None:
            self.journal = JournalWriter(options.journal, options.durability, options.display.warn)
        self.loop = LoopThread("nitocris")
        try:
            self.loop.run(self._open())
        except BaseException:
            self.stop()
            raise

    def stats(self) -> Stats:
        """Returns what is known of maps and workers now."""
        return self.loop.run(self._stats())

    def report(self) -> Report | None:
        """Returns what became of the latest map, None before the first."""
        return self.loop.run(self._report())

    @property
    def places(self) -> Places | None:
        """Where packages are looked for; None if browsers cannot take part."""
        # Here: they take as long as the rest of the start, and most executions need no packages.
        from .pip_resolver import Pip
        from .preparation import find_places

        with self._lock:
            if self._pip is None:
                pip = Pip()
                self._places = find_places(self._options.wheels, pip)
                self._pip = pip
                if self._stopped:
                    pip.stop()
            return self._places

    def wait_for_workers(self, workers: int, timeout: float | None) -> None:
        """Waits until so many chunks can be computed at once.

        Raises:
            TimeoutError: They cannot within `timeout` seconds.
        """
        coordinator = self.coordinator
        try:
            self.loop.run(asyncio.wait_for(coordinator.devices.wait_for_capacity(workers), timeout))
        except TimeoutError:
            raise TimeoutError(
                f"{coordinator.capacity} of {workers} workers came within {timeout:g} s"
            ) from None

    def require_packages(self) -> None:
        """Waits until the wheels are there.

        Raises:
            PackageError: One of them cannot be had.
        """
        if not self._packages_ready:
            self.loop.run(self._provision.ready())
            self._packages_ready = True

    def add_modules(self, modules: Collection[str], warn: Callable[[str], None]) -> None:
        """Has browsers get the packages that bring these modules, as they are installed here."""
        self.loop.call(self._provision.add_modules, modules, warn)

    def replace_links(self) -> None:
        """Makes new links for volunteers and workers; who came by the old ones is sent away."""
        self.loop.run(self._replace_links())

    def stop(self) -> None:
        """Ends everything; may be called again, and from any thread."""
        if self.loop.is_current or (self.journal and self.journal.is_current):
            # The garbage collector found a forgotten execution just here; we cannot join ourselves.
            threading.Thread(target=self.stop, name="nitocris-stop").start()
            return
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            if self._pip:
                self._pip.stop()
        try:
            for end in self.at_stop:
                end()
            if self.loop.alive:
                self.loop.run(self._close())
        finally:
            self.loop.stop()
            if self.journal:
                self.journal.close()

    @property
    def host(self) -> str:
        """The address that the server listens on."""
        return self._options.host

    @property
    def engines_link(self) -> tuple[str, bytes]:
        """The worker link for machines of a cluster, and the certificate to accept, if not any.

        Its token is that of local workers: it ends with this execution, and `revoke` keeps it.
        """
        options = self._options
        url = f"{self.worker_url.partition('#')[0]}#{self._access.local}"
        # Before a public address somebody else may have a certificate.
        return url, b"" if options.public_url else options.fingerprint or b""

    async def _report(self) -> Report | None:
        history = self.coordinator.history
        if history.function is None:
            return None
        from .provenance import provenance  # here: it reads about installed packages

        came = provenance(history.function, history.seed, self._provision.known)
        report = history.report(came, self.coordinator.now())
        return replace(report, journal_problem=self.journal.problem if self.journal else "")

    async def _replace_links(self) -> None:
        access = self._access.revoked()
        self._server.replace_links(access)
        self._publish(access)

    def _match(self, modules: Collection[str]) -> Sequence[Match]:
        from .matching import match_modules  # as for `places`

        assert self.places is not None
        return match_modules(modules, self.places)

    def _prepare(self, names: Sequence[str | os.PathLike[str]]) -> Environment:
        if not names:
            return Environment(self._options.title)
        from .preparation import prepare  # as for `places`

        return prepare(self._options.title, self.places, names)

    async def _stats(self) -> Stats:
        return self.coordinator.stats()

    async def _open(self) -> None:
        self._coordinate()
        display = self._options.display
        owner = links.this_owner()
        remembered = links.recall(owner)
        access = remembered or links.new_access()
        wanted = self._options.server_port
        if wanted is None:
            try:
                await self._listen(access, access.port, owner)
            except PortInUseError:
                # The same script already runs: this one is another execution with another link.
                display.warn(
                    "the link of before is still in use by an execution of the same script or "
                    "notebook, so this one gets another; to keep the link, close that one first."
                )
                await self._listen(links.new_access(), 0, None)
        else:
            await self._listen(access, wanted, owner)

    def _coordinate(self) -> None:
        """Makes what is on the loop and needs no network."""
        display = self._options.display
        self.coordinator = Coordinator(
            display.warn, display.show, self._options.title, self._options.limits
        )
        if self._options.local_workers:
            # First, for its processes take longer to start than anything here.
            self._worker = LocalWorker(self.coordinator, self._options.local_workers, display.warn)
        self._provision = Provision(
            self._options.packages,
            None if runtime() is None else self._match,
            self._prepare,
            self.coordinator.devices.set_environment,
        )

    async def _listen(self, access: links.Access, port: int, owner: str | None) -> None:
        from .server import Server  # here: meanwhile the processes of local workers start

        options = self._options
        server = Server(
            self.coordinator,
            access,
            self._provision.ready,
            Job(options.title, options.description),
            options.public_url,
            volunteers=not options.pickled_results,
            max_devices=options.max_devices,
            link=lambda: self.url,
            limits=options.limits,
            proxies=options.proxies,
            tls=options.tls,
        )
        port = await server.start(options.host, port, options.websocket_port)
        self._server: Server = server
        self._owner = owner
        self._publish(replace(access, port=port))

    def _publish(self, access: links.Access) -> None:
        self._access = access
        options = self._options
        if self._owner is not None:
            links.remember(self._owner, access)
        base = options.public_url or links.base_url(
            links.reachable_address(options.host), access.port, secure=options.tls is not None
        )
        self.url = "" if options.pickled_results else f"{base}/#{access.volunteer}"
        self.worker_url = f"{base}/worker#{access.worker}"
        self.dashboard_url = f"{base}/owner#{access.owner}"

    async def _close(self) -> None:
        self.coordinator.close()
        self.last_report = await self._report()
        if self._worker:
            await self._worker.end()
        if hasattr(self, "_server"):
            await self._server.stop()
