"""An honest map goes on, and small requests are answered, while strangers attack the server."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial

import aiohttp
import pytest

from nitocris import DistributedExecution, ServerLimits
from nitocris.devices import MAX_BAD_RESULTS
from tests.attacks.floods import Target, fuzz, half_open, not_reading, trickling
from tests.attacks.lies import HOSTILE_RESULTS, lie

Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)
FUZZED_FRAMES = int(os.environ.get("NITOCRIS_FUZZED_FRAMES", "10000"))
SECONDS = float(os.environ.get("NITOCRIS_ATTACK_SECONDS", "1.0"))
"""How long an attack goes on that does not end by itself."""
LIE_ROUNDS = int(os.environ.get("NITOCRIS_LIE_ROUNDS", "1"))
LONGEST_ANSWER = 1.0
"""Seconds that 99 of 100 small requests may take."""
LIMITS = ServerLimits(waiting=256, messages_per_second=200)


@contextlib.asynccontextmanager
async def honest_work(d: DistributedExecution) -> AsyncIterator[None]:
    """Maps, and asks for the job, from the beginning of an attack to its end, and a little more."""
    base, _, token = d.url.partition("/#")
    over = asyncio.Event()
    one_item = partial(d.map, abs, [-1], chunk_size=1)
    answers: list[float] = []
    time = asyncio.get_running_loop().time

    async def ask() -> None:
        async with aiohttp.ClientSession() as http:
            while not over.is_set() or len(answers) < 20:
                began = time()
                # Each a connection of its own, as of a device that joins in the middle of it.
                headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
                async with http.get(f"{base}/api/job", headers=headers) as response:
                    assert response.status == 200
                    await response.read()
                answers.append(time() - began)
                await asyncio.sleep(0.01)

    async def compute() -> None:
        rounds = 0
        while not over.is_set() or not rounds:
            began = time()
            assert await asyncio.to_thread(one_item) == [1]
            answers.append(time() - began)
            rounds += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(ask())
        group.create_task(compute())
        try:
            yield
        finally:
            over.set()
    answers.sort()
    assert answers[len(answers) * 99 // 100] < LONGEST_ANSWER, answers[-10:]


@pytest.mark.parametrize(
    ("attack", "count"), [(half_open, 500), (trickling, 200), (not_reading, 100)]
)
async def test_an_honest_map_goes_on(attack: object, count: int) -> None:
    """Among connections that say nothing, hardly anything, or listen to nothing."""
    assert callable(attack)
    with Execution(local_workers=1, limits=LIMITS) as d:
        await asyncio.to_thread(d.wait_for_workers, 1)
        attackers: AbstractAsyncContextManager[None] = attack(Target(d.url), count)
        async with honest_work(d), attackers:
            await asyncio.sleep(SECONDS)


async def test_an_honest_map_goes_on_among_fuzzed_frames() -> None:
    """Each is understood, dropped or ends its connection, and nothing else."""
    with Execution(local_workers=1) as d:
        await asyncio.to_thread(d.wait_for_workers, 1)
        async with honest_work(d):
            sent_away = await fuzz(Target(d.url), FUZZED_FRAMES, seed=1)

        assert 0 < sent_away < FUZZED_FRAMES / 2


async def test_an_honest_map_goes_on_among_hostile_results() -> None:
    """Each costs its sender a third of a connection; none is delivered, and none ends a map."""
    sent = LIE_ROUNDS * len(HOSTILE_RESULTS)
    with Execution(local_workers=1) as d:
        await asyncio.to_thread(d.wait_for_workers, 1)
        async with honest_work(d):
            sent_away = await lie(Target(d.url), LIE_ROUNDS)

    assert sent_away == sent // MAX_BAD_RESULTS
