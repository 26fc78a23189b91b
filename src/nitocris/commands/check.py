"""`nitocris check SCRIPT`: runs a script as far as its first map, and looks at that one."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn, Self

import nitocris

from ..call import Call
from ..check import Check
from ..errors import NitocrisError
from ..execution import DistributedExecution

DESCRIPTION = (
    "Run a script as far as its first map, look at that, and end: what travels, what browsers get, "
    "and its first item in a fresh process on this machine. Nobody else computes."
)
NOT_OK = 1
"""The exit code if something cannot work, or should be looked at."""
NOT_FOUND = 2
"""The exit code if there was no map to look at."""
NO_LINK = "(no link: this is a check)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("script", help="a Python script that maps a function")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="...", help="what the script takes"
    )


def run(options: argparse.Namespace) -> int:
    """Prints what is known of the script's first map; returns the exit code."""
    script = Path(options.script)
    if not script.is_file():
        print(f"nitocris check: there is no script {options.script}", file=sys.stderr)
        return NOT_FOUND
    nitocris.DistributedExecution = OnlyChecked  # type: ignore[misc]  # for the script's import
    sys.argv = [options.script, *options.arguments]
    sys.path[0] = str(script.resolve().parent)
    try:
        runpy.run_path(options.script, run_name="__main__")
    except Checked as reached:
        print(reached.check)
        return 0 if reached.check.ok else NOT_OK
    except NitocrisError as error:
        print(f"nitocris check: {error}", file=sys.stderr)
        return NOT_OK
    print(f"nitocris check: {options.script} came to its end without a map", file=sys.stderr)
    return NOT_FOUND


class Checked(BaseException):
    """Ends the script at its first map; no `except Exception` of the script's stops it.

    Attributes:
        check: What was found.
    """

    def __init__(self, check: Check) -> None:
        super().__init__()
        self.check = check


class OnlyChecked(DistributedExecution):
    """An execution that looks at its first map instead of sharing it."""

    def __enter__(self) -> Self:
        return self

    @property
    def url(self) -> str:
        """None is open."""
        return NO_LINK

    @property
    def worker_url(self) -> str:
        """None is open."""
        return NO_LINK

    def wait_for_workers(self, workers: int, timeout: float | None = None) -> None:
        """Waits for nobody."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NoReturn:
        """Looks at the call."""
        raise Checked(self.check(function, *args, **kwargs))

    def _map(self, call: Call) -> NoReturn:
        raise Checked(self._look(call, list(islice(call.items, 1))))

    def _stream(self, call: Call, *, ordered: bool) -> NoReturn:  # noqa: ARG002
        raise Checked(self._look(call, list(islice(call.items, 1))))
