"""What runs on the machines of a cluster: whether they reach the owner, and a native worker."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import aiohttp

from ..links import parse_worker_url
from ..worker_process import WorkerProcess

logger = logging.getLogger("nitocris.engines")

REACH_SECONDS = 10.0
"""How long a machine may take to reach the owner: more than any network needs."""
GIVE_UP_SECONDS = 60.0
"""After so long without the owner its native worker ends; nobody may be left to end it."""


@dataclass(frozen=True, slots=True)
class Link:
    """How a cluster's machines reach an execution.

    Args:
        url: The worker link.
        fingerprint: The SHA-256 of the only certificate to accept; empty for the usual rules.
    """

    url: str = field(repr=False)
    fingerprint: bytes = b""

    @property
    def base(self) -> str:
        """The address without the token."""
        return parse_worker_url(self.url)[0]


async def reach(link: Link) -> str:
    """Returns why this machine does not reach the execution; an empty text if it does."""
    base, token = parse_worker_url(link.url)
    headers = {"Authorization": f"Bearer {token}"}
    accepted = aiohttp.Fingerprint(link.fingerprint) if link.fingerprint else True
    try:
        async with (
            aiohttp.ClientSession(
                headers=headers,
                connector=aiohttp.TCPConnector(ssl=accepted),
                timeout=aiohttp.ClientTimeout(REACH_SECONDS),
            ) as http,
            http.get(f"{base}/api/job") as answer,
        ):
            if answer.status == 200:
                return ""
            return f"somebody else answers there, with status {answer.status}"
    except TimeoutError:
        return f"no answer within {REACH_SECONDS:g} s"
    except aiohttp.ClientConnectorError as error:  # whose own text speaks of TLS in any case
        return str(error.os_error)
    except (aiohttp.ClientError, OSError) as error:
        return str(error) or type(error).__name__


def native_worker(link: Link, processes: int) -> WorkerProcess:
    """Starts a native worker on this machine, which ends with this process at the latest."""
    fingerprint = link.fingerprint or None
    return WorkerProcess(link.url, processes, logger.warning, fingerprint, GIVE_UP_SECONDS)
