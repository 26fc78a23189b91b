"""What the engines have in common: checks before any worker starts, and the handle to end them."""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..environment import python_version
from ..errors import ConfigurationError
from ..serving import Serving
from .machine import Link

if TYPE_CHECKING:
    from ..execution import DistributedExecution

logger = logging.getLogger("nitocris.engines")

WATCH_SECONDS = 2.0
"""From one look at the cluster to the next."""


class Joined:
    """Native workers on a cluster.

    They are there until this is closed or its `with` is left, or the execution ends.

    Args:
        serving: Whose workers they are.
        look: Sees to it that the cluster has them; is called every few seconds.
        leave: Ends them.
    """

    def __init__(
        self, serving: Serving, look: Callable[[], None], leave: Callable[[], None]
    ) -> None:
        self._serving = serving
        self._look = look
        self._leave = leave
        self._closing = threading.Lock()
        self._closed = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="nitocris-engine", daemon=True)
        self._watching.start()
        serving.at_stop.append(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the native workers of this cluster; others take over their chunks."""
        with self._closing:
            if self._closed.is_set():
                return
            self._closed.set()
            self._watching.join()
            try:
                self._leave()
            except Exception as error:
                # They end by themselves: with the cluster, or for lack of a coordinator.
                logger.warning("the cluster does not answer, to end its native workers: %s", error)

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            try:
                self._look()
            except Exception as error:
                logger.info("the cluster does not answer: %s", error)


def start(d: DistributedExecution) -> tuple[Serving, Link]:
    """Starts an execution's server, if it does not run, and returns how a cluster reaches it.

    Raises:
        ClosedError, PortInUseError, ConfigurationError: It cannot run.
    """
    serving = d._lifetime.start()
    return serving, Link(*serving.engines_link)


def check_pythons(pythons: Mapping[str, str]) -> None:
    """Checks that functions can travel.

    Args:
        pythons: The version of Python by machine.

    Raises:
        ConfigurationError: They cannot.
    """
    ours = python_version()
    for machine, theirs in pythons.items():
        if theirs.split(".")[:2] != ours.split("."):
            raise ConfigurationError(
                f"the cluster's worker {machine} runs Python {theirs}, and this is Python {ours}: "
                "functions do not travel between minor versions. Run this program with "
                f"Python {'.'.join(theirs.split('.')[:2])}, or the cluster with Python {ours}."
            )


def check_installed(versions: Mapping[str, str]) -> None:
    """Checks that the cluster has this library.

    Args:
        versions: Its version by machine; an empty text where there is none.

    Raises:
        ConfigurationError: One of them has it not, or another version.
    """
    ours = version("nitocris")
    for machine, theirs in versions.items():
        if theirs != ours:
            has = f"has nitocris {theirs}" if theirs else "has no nitocris"
            raise ConfigurationError(
                f"the cluster's worker {machine} {has}: install nitocris {ours}, as here, on all "
                "its workers"
            )


def check_reached(answers: Mapping[str, str], link: Link, host: str) -> None:
    """Checks that the cluster reaches the owner.

    Args:
        answers: By machine, why it does not; an empty text if it does.
        link: What was tried.
        host: What the server listens on.

    Raises:
        ConfigurationError: One of them does not.
    """
    for machine, problem in answers.items():
        if problem:
            raise ConfigurationError(
                f"the cluster's worker {machine} tried {link.base} and did not reach this "
                f"execution: {problem}. {_remedy(host)}"
            )


def _remedy(host: str) -> str:
    if _is_loopback(host):
        return (
            f"host={host!r} is for this machine only: leave it away, or give the address of this "
            "machine in the cluster's network."
        )
    return (
        "If this machine has another address there, give it: host='10.0.0.5', or "
        "public_url='http://10.0.0.5:8000' with server_port=8000 if something stands between; and "
        "let a firewall pass that port."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
