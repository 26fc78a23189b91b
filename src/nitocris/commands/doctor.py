"""`nitocris doctor`: looks for what stands between others and a link, and says what to do.

Each check looks at this machine, changes nothing that stays, and returns findings.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict

from .finding import Finding
from .first_map import check_first_map
from .installation import (
    check_browsers,
    check_folders,
    check_processes,
    check_python,
    check_versions,
)
from .network import check_addresses, check_firewall, check_port, check_proxies

DESCRIPTION = (
    "Look at this machine as an owner's: can others reach it, can browsers be served, is all there "
    "that is needed? The exit code is 1 if something must be mended."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument(
        "--port",
        type=_port,
        default=0,
        help="the server_port= that you mean to use (default: any that is free)",
    )
    parser.add_argument("--json", action="store_true", help="print the findings for programs")


def run(options: argparse.Namespace) -> int:
    """Prints what all checks find; returns 1 if something must be mended."""
    found = list(examine(options.port))
    broken = [each for each in found if each.status == "error"]
    if options.json:
        print(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
    else:
        print(*found, sep="\n")
        print(f"\n{len(broken)} to mend." if broken else "\nNothing must be mended.")
    return 1 if broken else 0


def examine(port: int) -> Iterator[Finding]:
    """Yields what there is to say of this machine, one finding after another.

    Args:
        port: The one that the owner means to use, 0 for any.
    """
    yield from check_versions()
    yield check_python()
    yield check_browsers()
    yield from check_folders()
    yield check_processes()
    yield check_port(port)
    yield from check_addresses(port)
    yield check_firewall()
    yield check_proxies()
    yield check_first_map(port)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"between 0 and 65535, not {port}")
    return port
