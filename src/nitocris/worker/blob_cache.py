"""Blobs on a native worker's machine: each fetched once, kept while there is room."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict

import aiohttp

from ..errors import ProtocolError

MAX_BYTES = 256 * 1024 * 1024
"""Blobs that were used last stay; this much is little on any machine that computes."""


class BlobCache:
    """Content-addressed bytes from one coordinator.

    Args:
        http: A session whose requests carry the token.
        base: The coordinator's address.
        max_bytes: How much to keep.
    """

    def __init__(self, http: aiohttp.ClientSession, base: str, max_bytes: int = MAX_BYTES) -> None:
        self._http = http
        self._base = base
        self._room = max_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[bytes]] = {}

    async def all(self, ids: tuple[str, ...]) -> list[bytes]:
        """Returns these blobs, fetching what is not here.

        Raises:
            ConnectionError: The coordinator does not answer, or has no such blob.
            ProtocolError: A blob arrived damaged.
        """
        return list(await asyncio.gather(*map(self._get, ids)))

    async def close(self) -> None:
        """Gives up what is under way."""
        for task in self._fetching.values():
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)

    async def _get(self, blob: str) -> bytes:
        if blob in self._kept:
            self._kept.move_to_end(blob)
            return self._kept[blob]
        task = self._fetching.get(blob)
        if task is None:
            # A task of its own: a cancelled chunk must not take the blob from the next one.
            task = self._fetching[blob] = asyncio.create_task(self._fetch(blob))
            task.add_done_callback(lambda done: self._keep(blob, done))
        return await asyncio.shield(task)

    async def _fetch(self, blob: str) -> bytes:
        try:
            async with self._http.get(f"{self._base}/blobs/{blob}") as response:
                response.raise_for_status()
                data = await response.read()
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error
        if hashlib.sha256(data).hexdigest() != blob:
            raise ProtocolError(f"the blob {blob} arrived damaged")
        return data

    def _keep(self, blob: str, fetched: asyncio.Task[bytes]) -> None:
        del self._fetching[blob]
        if fetched.cancelled() or fetched.exception():
            return
        self._kept[blob] = fetched.result()
        self._room -= len(self._kept[blob])
        while self._room < 0:
            _, oldest = self._kept.popitem(last=False)
            self._room += len(oldest)
