"""`nitocris journal show | export | compact FILE`: what is kept of earlier runs."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from .. import codec
from ..errors import ConfigurationError, DecodeError, NitocrisError
from ..journal import Journal, Row, Summary

DESCRIPTION = (
    "A journal has the results of earlier runs, function by function. It must not be in use while "
    "this command looks at it."
)

_MB = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True)
    show = actions.add_parser("show", help="functions with their items, sizes and times")
    export = actions.add_parser("export", help="write items and results that are plain data")
    compact = actions.add_parser("compact", help="drop results of older functions, free the room")
    for each in (show, export, compact):
        each.add_argument("file", metavar="FILE", type=Path)
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
    compact.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="HASH",
        help="drop the function whose hash begins so, instead of those that have changed since",
    )


def run(options: argparse.Namespace) -> int:
    """Does what the arguments say; returns the exit code."""
    try:
        if not options.file.is_file():
            raise ConfigurationError(f"there is no journal {options.file}")
        journal = Journal(options.file)
        try:
            match options.action:
                case "show":
                    show(journal)
                case "export":
                    export(journal, options.format, sys.stdout)
                case _:
                    compact(journal, options.drop)
        finally:
            journal.close()
    except BrokenPipeError:  # whoever read it has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except NitocrisError as error:
        print(f"nitocris journal: {error}", file=sys.stderr)
        return 1
    return 0


def show(journal: Journal) -> None:
    """Prints a line for each function."""
    summaries = journal.summaries()
    for each in summaries:
        print(
            f"{each.fingerprint.hex()[:12]}  {each.name!s:24} {each.results:9,} items "
            f"{each.bytes / _MB:8.2f} MB  {_moment(each.first)} to {_moment(each.last)}"
        )
    items = sum(each.results for each in summaries)
    size = journal.path.stat().st_size
    print(f"{items:,} items of {len(summaries):,} functions, {size / _MB:.2f} MB on the disk")


def export(journal: Journal, form: str, to: TextIO) -> None:
    """Writes a line for each result that is plain data, and says how many are not."""
    names = {each.number: each for each in journal.summaries()}
    left_out = 0
    table = csv.writer(to)
    if form == "csv":
        table.writerow(("function", "hash", "time", "item", "result"))
    for row, when in journal.rows():
        found = _plain(row)
        function = names.get(row.function)
        if found is None or function is None:
            left_out += 1
            continue
        item, result = found
        digest = function.fingerprint.hex()[:12]
        if form == "csv":
            cells = (each if isinstance(each, str) else json.dumps(each) for each in found)
            table.writerow((function.name, digest, _moment(when), *cells))
        else:
            line = {
                "function": function.name,
                "hash": digest,
                "time": _moment(when),
                "item": item,
                "result": result,
            }
            print(json.dumps(line), file=to)
    if left_out:
        print(f"{left_out:,} results are no plain data and were left out", file=sys.stderr)


def compact(journal: Journal, dropped: list[str]) -> None:
    """Drops functions and gives their room back.

    Args:
        journal: The file.
        dropped: How the hashes of those functions begin; if none, those are dropped of whose name
            there is a later one.

    Raises:
        ConfigurationError: No function has such a hash.
    """
    before = journal.path.stat().st_size
    chosen = _chosen(journal.summaries(), dropped)
    journal.drop([each.number for each in chosen])
    journal.compact()
    journal.close()
    items = sum(each.results for each in chosen)
    after = journal.path.stat().st_size
    print(
        f"dropped {items:,} items of {len(chosen):,} functions: "
        f"{before / _MB:.2f} MB are now {after / _MB:.2f} MB"
    )


def _chosen(summaries: list[Summary], dropped: list[str]) -> list[Summary]:
    if not dropped:
        latest = {each.name: each for each in summaries}
        return [each for each in summaries if latest[each.name] is not each]
    for start in dropped:
        if not any(each.fingerprint.hex().startswith(start) for each in summaries):
            raise ConfigurationError(f"no function has a hash that begins with {start!r}")
    return [each for each in summaries if each.fingerprint.hex().startswith(tuple(dropped))]


def _plain(row: Row) -> tuple[Any, Any] | None:
    """Returns item and result as JSON has them; an item that is no plain data is None."""
    try:
        result = _as_json(codec.decode(row.value))
    except (DecodeError, TypeError, ValueError):
        return None
    try:
        arguments = codec.decode(row.item)
        assert isinstance(arguments, tuple)
        return _as_json(arguments[0] if len(arguments) == 1 else list(arguments)), result
    except (DecodeError, TypeError, ValueError):
        return None, result


def _as_json(value: object) -> Any:
    return json.loads(json.dumps(value, allow_nan=False, default=_unpacked))


def _unpacked(value: Any) -> Any:
    if hasattr(value, "tolist"):  # of NumPy
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no plain data")


def _moment(seconds: float | None) -> str:
    try:
        moment = datetime.fromtimestamp(seconds or 0).astimezone()
    except (OverflowError, OSError, ValueError):  # damaged
        return "?"
    return moment.isoformat(sep=" ", timespec="seconds") if seconds else "-"
