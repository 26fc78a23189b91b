"""`nitocris worker URL`: computes for an owner on this machine."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from ..errors import NitocrisError
from ..worker.native import DismissedError, NativeWorker

URL_VARIABLE = "NITOCRIS_WORKER_URL"
"""Another way to give the link: a command line can be read by every user of the machine."""
EXIT_DISMISSED = 3
"""The exit code when the owner has sent this worker away."""
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
        default=os.cpu_count() or 1,
        metavar="N",
        help="how many items to compute at once (default: the number of cores, %(default)s)",
    )
    parser.add_argument(
        "--max-memory",
        type=_memory,
        metavar="SIZE",
        help="what each process may have, such as 500M or 2G; an item that needs more fails",
    )


def run(options: argparse.Namespace) -> int:
    """Computes until refused or interrupted; returns the exit code."""
    logging.basicConfig(format="nitocris worker: %(message)s", level=logging.INFO)
    url = options.url or os.environ.get(URL_VARIABLE)
    if not url:
        print("nitocris worker: the owner's worker link is missing", file=sys.stderr)
        return 2
    try:
        asyncio.run(NativeWorker(url, options.processes, options.max_memory).run())
    except NitocrisError as error:
        print(f"nitocris worker: {error}", file=sys.stderr)
        return EXIT_DISMISSED if isinstance(error, DismissedError) else 2
    return 0


def _memory(text: str) -> int:
    units = {"M": 2**20, "G": 2**30}
    number, unit = text[:-1], text[-1:].upper()
    if unit not in units or not number.isdigit() or (size := int(number) * units[unit]) < LEAST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size of at least {LEAST // 2**20}M, such as 500M or 2G"
        )
    return size


def _processes(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 1024:
        raise argparse.ArgumentTypeError(f"between 1 and 1024, not {count}")
    return count
