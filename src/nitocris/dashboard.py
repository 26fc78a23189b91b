"""What the owner's dashboard is told, and the one thing that it may do: send a device away.

    page --Bearer token--> Dashboard --stats, dismiss--> Coordinator
    Prometheus --Bearer token--> /metrics

The token is the owner's alone; those of volunteers and workers open nothing here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any

import segno
from aiohttp import web

from .coordinator import Coordinator
from .guards import bearer, same_token, too_many_tokens
from .links import Access
from .stats import Stats, WorkerStats
from .wrong_tokens import WrongTokens

logger = logging.getLogger("nitocris.server")

MAX_WORKERS = 100
"""That are told one by one, once a second: nobody reads more rows."""
MAX_ERRORS = 20
MAX_TRACEBACK_LENGTH = 8000
"""Characters, of its end, where the error is."""
MAX_MAPS = 20
"""Futures of many functions are as many maps."""
_PRIVATE = {"Cache-Control": "no-store"}


class Dashboard:
    """The routes that need the owner's token.

    Args:
        coordinator: Knows what goes on.
        access: The tokens.
        link: Returns the link for volunteers, an empty text where none are admitted.
        wrong_tokens: Counts them.

    Attributes:
        access: The tokens that are valid now.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        access: Access,
        link: Callable[[], str],
        wrong_tokens: WrongTokens,
    ) -> None:
        self._wrong_tokens = wrong_tokens
        self._coordinator = coordinator
        self.access = access
        self._link = link

    def routes(self) -> list[web.RouteDef]:
        """Returns what is answered."""
        return [
            web.get("/api/stats", self._stats),
            web.get("/api/link", self._volunteer_link),
            web.post(r"/api/workers/{number:[0-9]{1,15}}/dismiss", self._dismiss),
            web.get("/metrics", self._metrics),
        ]

    async def _stats(self, request: web.Request) -> web.Response:
        self._require_owner(request)
        response = web.json_response(told(self._coordinator.stats()), headers=_PRIVATE)
        response.enable_compression()
        return response

    async def _volunteer_link(self, request: web.Request) -> web.Response:
        self._require_owner(request)
        link = self._link()
        answer = {"url": link, "qr": qr_code(link)} if link else {"url": None, "qr": None}
        return web.json_response(answer, headers=_PRIVATE)

    async def _dismiss(self, request: web.Request) -> web.Response:
        self._require_owner(request)
        number = int(request.match_info["number"])
        if not self._coordinator.devices.dismiss(number):
            raise web.HTTPNotFound(
                text=f"Worker {number} is not connected (any more).\n", headers=_PRIVATE
            )
        logger.info("the owner sent worker %d away", number)
        return web.Response(status=204, headers=_PRIVATE)

    async def _metrics(self, request: web.Request) -> web.Response:
        self._require_owner(request)
        # In a thread: importing prometheus_client for the first time takes a tenth of a second.
        metrics = await asyncio.to_thread(_import_metrics)
        headers = {"Content-Type": metrics.CONTENT_TYPE} | _PRIVATE
        return web.Response(body=metrics.exposition(self._coordinator.stats()), headers=headers)

    def _require_owner(self, request: web.Request) -> None:
        given, access = bearer(request), self.access
        # All of them, to take equal time.
        is_owner, *is_other = [
            same_token(given, token)
            for token in (access.owner, access.volunteer, access.worker, access.local)
        ]
        if any(is_other):
            raise web.HTTPForbidden(
                text="This token is not the owner's: use the one of d.dashboard_url.\n",
                headers=_PRIVATE,
            )
        if not is_owner:
            if given and not self._wrong_tokens.note(request.remote):
                raise too_many_tokens()
            raise web.HTTPUnauthorized(
                text="The owner's token is missing or wrong: use the one of d.dashboard_url.\n",
                headers=_PRIVATE | {"WWW-Authenticate": "Bearer"},
            )


def told(stats: Stats) -> dict[str, Any]:
    """Returns what the page gets: the fields of `Stats`, of its lists as much as one can read.

    Beside them stands what the lists had before they were cut: `connected` devices by kind, and
    `more_maps` and `more_errors`.
    """
    cut = replace(
        stats,
        maps=stats.maps[:MAX_MAPS],
        workers=_worth_a_row(stats.workers),
        errors=tuple(
            replace(group, traceback=group.traceback[-MAX_TRACEBACK_LENGTH:])
            for group in stats.errors[:MAX_ERRORS]
        ),
    )
    return asdict(cut) | {
        "connected": count_by_kind(stats.workers),
        "more_maps": len(stats.maps) - len(cut.maps),
        "more_errors": len(stats.errors) - len(cut.errors),
    }


def count_by_kind(workers: Iterable[WorkerStats]) -> dict[str, int]:
    """Returns how many workers there are of each kind, also of those that have none."""
    counts = {"browser": 0, "native": 0}
    for worker in workers:
        counts[worker.kind] += 1
    return counts


def qr_code(link: str) -> str:
    """Returns a picture of a link as a data URL: dark on light, which is what cameras read."""
    code = segno.make_qr(link, error="m")
    return code.svg_data_uri(border=4, light="#fff", omitsize=True)


def _worth_a_row(workers: tuple[WorkerStats, ...]) -> tuple[WorkerStats, ...]:
    """Keeps those that fail most, then the oldest, in the order in which they came."""
    if len(workers) <= MAX_WORKERS:
        return workers
    chosen = sorted(workers, key=lambda worker: (-worker.failures, worker.number))[:MAX_WORKERS]
    return tuple(sorted(chosen, key=lambda worker: worker.number))


def _import_metrics() -> Any:
    from . import metrics

    return metrics
