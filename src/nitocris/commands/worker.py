"""`nitocris worker URL`: computes for an owner on this machine."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import math
import os
import sys
import threading
from collections.abc import Coroutine
from typing import Any

from ..errors import NitocrisError
from ..worker.native import AloneError, DismissedError, NativeWorker
from ..worker.processes import cores
from ..worker_process import (
    CERTIFICATE_VARIABLE,
    EXIT_ALONE,
    EXIT_DISMISSED,
    EXIT_REFUSED,
    URL_VARIABLE,
)

LEAST = 256 * 2**20
"""Bytes: Python with the library in it, and some room."""

DESCRIPTION = (
    "Compute for the owner of a link, natively: their functions run with all your rights, so use "
    "it only for people you trust. The link is the owner's d.worker_url."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("url", nargs="?", help=f"the owner's worker link, or in {URL_VARIABLE}")
    parser.add_argument(
        "--processes",
        type=_processes,
        default=cores(),
        metavar="N",
        help="how many items to compute at once (default: the number of cores, %(default)s)",
    )
    parser.add_argument(
        "--max-memory",
        type=_memory,
        metavar="SIZE",
        help="what each process may have, such as 500M or 2G; an item that needs more fails",
    )
    parser.add_argument(
        "--give-up",
        type=_seconds,
        metavar="SECONDS",
        help="end after so long without the owner (default: wait until stopped)",
    )
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Computes until refused or interrupted; returns the exit code."""
    logging.basicConfig(
        format="nitocris worker: %(message)s",
        level=logging.WARNING if options.with_parent else logging.INFO,
    )
    url = options.url or os.environ.get(URL_VARIABLE)
    if not url:
        print("nitocris worker: the owner's worker link is missing", file=sys.stderr)
        return EXIT_REFUSED
    try:
        fingerprint = bytes.fromhex(os.environ.get(CERTIFICATE_VARIABLE, ""))
        worker = NativeWorker(
            url, options.processes, fingerprint, options.max_memory, options.give_up
        )
        work = worker.run()
        asyncio.run(_until_parent_ends(work) if options.with_parent else work)
    except NitocrisError as error:
        print(f"nitocris worker: {error}", file=sys.stderr)
        exit_codes = {DismissedError: EXIT_DISMISSED, AloneError: EXIT_ALONE}
        return exit_codes.get(type(error), EXIT_REFUSED)
    return 0


async def _until_parent_ends(work: Coroutine[Any, Any, None]) -> None:
    """Works until standard input ends, as it does when the parent closes it or dies."""
    working = asyncio.create_task(work)
    loop = asyncio.get_running_loop()

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        loop.call_soon_threadsafe(working.cancel)

    threading.Thread(target=watch, daemon=True).start()
    with contextlib.suppress(asyncio.CancelledError):
        await working


def _memory(text: str) -> int:
    units = {"M": 2**20, "G": 2**30}
    number, unit = text[:-1], text[-1:].upper()
    if unit not in units or not number.isdigit() or (size := int(number) * units[unit]) < LEAST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size of at least {LEAST // 2**20}M, such as 500M or 2G"
        )
    return size


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"more than 0 seconds, not {text}")
    return seconds


def _processes(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 1024:
        raise argparse.ArgumentTypeError(f"between 1 and 1024, not {count}")
    return count
