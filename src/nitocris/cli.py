"""The command line: a table of commands, each of them a module.

Such a module has `DESCRIPTION`, `add_arguments(parser)` and `run(options) -> exit code`.  Only that
of the wanted command is imported, so that workers start without the server.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the table.

    Attributes:
        module: Where it is, below `nitocris.commands`.
        help: What it is for, in half a line.
    """

    module: str
    help: str


COMMANDS = {
    "cache": Command("cache", "list, fetch or clear the packages that are kept for browsers"),
    "check": Command("check", "look at a script's first map before anybody else computes it"),
    "demo": Command("demo", "a first map with a link, to try it with a phone"),
    "doctor": Command("doctor", "look for what stands between others and your link"),
    "journal": Command("journal", "show, export or compact a file in which results are kept"),
    "worker": Command("worker", "compute for somebody on this machine, natively"),
}

INTERRUPTED = 130
"""What shells expect of a command that Ctrl-C has ended: 128 and the number of SIGINT."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="nitocris", description="Map functions over every device whose owner opens a link."
    )
    parser.add_argument("--version", action="version", version=version("nitocris"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        own = commands.add_parser(name, help=command.help)
        if name in arguments:
            module = import_module(f"nitocris.commands.{command.module}")
            own.description = module.DESCRIPTION
            module.add_arguments(own)
            own.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code
