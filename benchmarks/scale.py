"""What a coordinator pays for each chunk and each connection, with 10 to 5,000 simulated clients.

    this process --pipe--> coordinator (a process) <--WebSockets--> crowd (a process)
                 --pipe-----------------------------------------------^

A coordinator is started anew for each number of clients.  Its processor time is its process's own;
the clients compute nothing, so it is all that the two cores wait for.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import psutil

from nitocris import DistributedExecution, ServerLimits

from .check import Errors
from .contestant import STOP_SECONDS, Failure
from .crowd import Pipe, crowd, raise_open_files
from .load import Watch
from .results import Book, Measurement
from .runner import undisturbed

COUNTS = (10, 100, 1_000, 5_000)
CHUNKS = 10_000
IDLE_SECONDS = 1.0
TIMEOUT = 120.0
ROOM = 1_000
"""Connections besides those of the clients."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a map of chunks of one item cost its coordinator."""

    seconds: float
    processor_seconds: float
    errors: Errors


def coordinator(pipe: Pipe, count: int) -> None:
    """Serves so many clients, until the pipe is closed.

    It says its link and its memory; then its memory and processor time with the clients, and for
    every number what it was like to map as many chunks.
    """
    raise_open_files(count)
    limits = ServerLimits(
        connections=count + ROOM,
        connections_per_address=count + ROOM,
        messages_per_second=1_000_000,
        silence_seconds=600.0,
    )
    with DistributedExecution(
        host="127.0.0.1", progress=False, max_devices=count, limits=limits
    ) as execution:
        pipe.send((execution.url, _memory()))
        before = time.process_time()
        execution.wait_for_workers(count, timeout=TIMEOUT)
        taken = time.process_time() - before
        pipe.recv()
        pipe.send((_memory(), taken))
        while True:
            try:
                chunks = pipe.recv()
            except EOFError:
                return
            pipe.send(_map(execution, chunks))


def _map(execution: DistributedExecution, chunks: int) -> Mapped:
    began, before = time.perf_counter(), time.process_time()
    found = execution.map(abs, range(chunks), chunk_size=1)
    seconds, processor_seconds = time.perf_counter() - began, time.process_time() - before
    errors = Errors(
        results=chunks,
        wrong=sum(value != 0 for value in found),
        lost=max(0, chunks - len(found)),
        doubled=max(0, len(found) - chunks),
    )
    return Mapped(seconds, processor_seconds, errors)


def _memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def run(rounds: int, repeats: int, counts: tuple[int, ...], chunks: int, book: Book) -> None:
    """Measures each number of clients in turn; what comes of it is in the book."""
    for number in range(rounds):
        for count in counts:
            once = partial(measure, count, chunks, number)
            try:
                for each in undisturbed(once, repeats):
                    book.add(each)
            except (Failure, OSError, EOFError) as problem:
                words = f"{type(problem).__name__}: {problem}"
                print(f"{count} clients: {words}", flush=True)
                book.add(
                    Measurement(
                        part="scale",
                        workload="chunks",
                        system="nitocris",
                        workers=count,
                        problem=words,
                    )
                )


def measure(count: int, chunks: int, number: int) -> list[Measurement]:
    """Returns what one number of clients costs, in all quantities."""
    watch = Watch()
    with process(coordinator, count) as serving:
        url, empty = receive(serving)
        with process(crowd, url, count) as clients:
            joining = receive(clients)
            serving.send(None)
            full, joining_processor = receive(serving)
            idle = replies(clients, lambda: time.sleep(IDLE_SECONDS))
            serving.send(chunks)
            mapped: list[Mapped] = []
            busy = replies(clients, lambda: mapped.append(receive(serving)))
    load = watch.stop()
    (done,) = mapped
    values = {
        "chunks/s": chunks / done.seconds,
        "processor us/chunk": 1e6 * done.processor_seconds / chunks,
        "connections/s": count / joining,
        "processor us/connection": 1e6 * joining_processor / count,
        "KiB/idle client": (full - empty) / 1024 / count,
        "ms reply p99, idle": 1e3 * float(np.percentile(idle, 99)),
        "ms reply p99, mapping": 1e3 * float(np.percentile(busy, 99)),
    }
    shown = ", ".join(f"{value:.4g} {quantity}" for quantity, value in values.items())
    print(f"{count} clients, round {number + 1}: {shown}", flush=True)
    counted = [done.errors] + [Errors()] * (len(values) - 1)
    return [
        Measurement(
            part="scale",
            workload="chunks",
            system="nitocris",
            workers=count,
            chunk_size=1,
            round=number,
            quantity=quantity,
            value=value,
            foreign_share=round(load.foreign_share, 3),
            disturbed=load.disturbed,
            results=errors.results,
            wrong=errors.wrong,
            lost=errors.lost,
            doubled=errors.doubled,
        )
        for (quantity, value), errors in zip(values.items(), counted, strict=True)
    ]


def replies(clients: Pipe, meanwhile: Callable[[], object]) -> list[float]:
    """Returns the seconds of the coordinator's replies while something goes on."""
    clients.send(True)
    meanwhile()
    clients.send(False)
    seconds: list[float] = receive(clients)
    return seconds


def receive(pipe: Pipe) -> Any:
    """Returns what the other end says.

    Raises:
        Failure: It is silent for too long.
        EOFError: It has ended.
    """
    if not pipe.poll(TIMEOUT):
        raise Failure(f"no answer within {TIMEOUT:g} s")
    return pipe.recv()


@contextmanager
def process(target: Callable[..., None], *arguments: object) -> Iterator[Pipe]:
    """Runs a function in a new process with the other end of a pipe, until the block is left."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=target, args=(theirs, *arguments), daemon=True)
    child.start()
    theirs.close()
    try:
        with closing(ours):
            yield ours
    finally:
        child.join(STOP_SECONDS)
        child.kill()
        child.join()
