"""Measurements, and the CSV file of each part that keeps them as they were taken."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from .check import Errors

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One value, with what a reader needs to judge it.

    Args:
        part: Of the harness, such as "peers".
        workload: What was computed.
        system: What mapped it.
        version: Of the system; "" for the standard library's.
        workers: How many there were.
        chunk_size: Items of a chunk; 0 if the system chose.
        round: From 0; those of one number were measured one right after the other.
        quantity: What the value is, with its unit: "seconds", "chunks/s".
        value: NaN if there is none.
        foreign_share: Of the machine, what others computed meanwhile.
        disturbed: Whether that is too much.
        results, wrong, lost, doubled: What came back, as in `check.Errors`.
        problem: Why there is no value; "" if there is one.
    """

    part: str
    workload: str
    system: str
    version: str = ""
    workers: int = 0
    chunk_size: int = 0
    round: int = 0
    quantity: str = "seconds"
    value: float = float("nan")
    foreign_share: float = 0.0
    disturbed: bool = False
    results: int = 0
    wrong: int = 0
    lost: int = 0
    doubled: int = 0
    problem: str = ""

    @property
    def errors(self) -> Errors:
        """What was wrong with the results."""
        return Errors(self.results, self.wrong, self.lost, self.doubled)


@dataclass(frozen=True, slots=True)
class Context:
    """Where and with what a run was made."""

    started: str
    commit: str
    machine: str
    cores: int
    python: str

    @staticmethod
    def here() -> Context:
        """Describes this machine and the checkout."""
        return Context(
            time.strftime("%Y-%m-%dT%H:%M:%S"),
            commit(),
            f"{platform.system()} {platform.release()}, {processor()}",
            os.cpu_count() or 1,
            platform.python_version(),
        )


def commit() -> str:
    """Returns the checkout's commit, with "+" if files differ from it; "" outside of a checkout."""
    git = ["git", "-C", str(ROOT)]
    try:
        found = subprocess.run(
            [*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{found}+" if changed else found


def processor() -> str:
    """Returns the processor's name as Linux tells it, or its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


class Book:
    """Writes a part's measurements to its CSV file, each as soon as it is there.

    Args:
        file: Is replaced.
        context: Stands in every line.
    """

    def __init__(self, file: Path, context: Context) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._context = asdict(context)
        self._file = file.open("w", newline="")
        names = [*self._context, *(each.name for each in fields(Measurement))]
        self._writer = csv.DictWriter(self._file, names)
        self._writer.writeheader()
        self.measurements: list[Measurement] = []

    def __enter__(self) -> Book:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, measurement: Measurement) -> None:
        """Keeps it."""
        self.measurements.append(measurement)
        self._writer.writerow(self._context | asdict(measurement))
        self._file.flush()


def read(files: Iterable[Path]) -> tuple[list[Measurement], dict[str, Context]]:
    """Returns what these files hold, and the context of each part."""
    measurements: list[Measurement] = []
    contexts: dict[str, Context] = {}
    for file in files:
        with file.open(newline="") as lines:
            for line in csv.DictReader(lines):
                measurements.append(_from_text(Measurement, line))
                contexts[measurements[-1].part] = _from_text(Context, line)
    return measurements, contexts


def _from_text(kind: type[Any], line: dict[str, str]) -> Any:
    hints = get_type_hints(kind)
    made = {}
    for each in fields(kind):
        text = line[each.name]
        made[each.name] = text == "True" if hints[each.name] is bool else hints[each.name](text)
    return kind(**made)
