"""Owners with a journal that are killed at random moments, and what is left.

    python -m tests.chaos.journal_kills --kills 200

Each owner is a process of its own, forked from this one, which has no threads.  It tells each
result that it has been handed; after the kill, the journal must have those of long enough ago, and
nothing that is wrong.  When a map comes to its end, the next one begins with a new journal.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from nitocris import codec
from nitocris.journal import Journal
from tests.support.fake_coordinator import FakeExecution

ITEMS = {"always": 500, "batched": 2000}
"""Of a map: some kills for each, and two seconds at least where a commit takes one."""
PROMISED_SECONDS = 1.0
"""After so long a result is kept."""
SLACK_SECONDS = 1.5
"""For a busy machine, beside the time that the writer may take."""

Durability = Literal["batched", "always"]


def square(x: int) -> int:
    time.sleep(0.002)
    return x * x


@dataclass(slots=True)
class Outcome:
    """What the kills have shown."""

    kills: int = 0
    whole: int = 0
    """Maps that came to their ends."""
    reused: int = 0
    kept: int = 0
    wrong: list[str] = field(default_factory=list)


def run(kills: int, seed: int, durability: Durability, longest: float) -> Outcome:
    """Kills owners, and looks at the journal after each.

    Args:
        kills: How many.
        seed: Of the moments.
        durability: The journal's.
        longest: Seconds that an owner has at most.
    """
    moments, outcome = random.Random(seed), Outcome()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "0.nitocris"
        while outcome.kills < kills:
            before = len(_kept(path)) if path.exists() else 0
            handed, supplied, killed = _owner(path, durability, moments.uniform(0.0, longest))
            kept = _kept(path) if path.exists() else {}
            outcome.kept += len(kept) - before
            _judge(outcome, handed, kept, killed, durability)
            if killed is not None:
                outcome.kills += 1
                continue
            outcome.whole += 1
            outcome.reused += before
            if supplied != ITEMS[durability] - before:
                outcome.wrong.append(f"{supplied} items were computed, {before} were kept")
            if [value for _, value, _ in handed] != [x * x for x in range(ITEMS[durability])]:
                outcome.wrong.append("a whole map has other results")
            path = Path(folder) / f"{outcome.whole}.nitocris"
    return outcome


def _judge(
    outcome: Outcome,
    handed: list[tuple[int, int, float]],
    kept: dict[int, int],
    killed: float | None,
    durability: Durability,
) -> None:
    outcome.wrong += [f"{x} gave {value}" for x, value in kept.items() if value != x * x]
    allowed = 0.0 if durability == "always" else PROMISED_SECONDS + SLACK_SECONDS
    outcome.wrong += [
        f"{x} was lost, {killed - when if killed else 0:.2f} s after it was handed over"
        for x, _, when in handed
        if x not in kept and (killed is None or killed - when > allowed or not allowed)
    ]


def _kept(path: Path) -> dict[int, int]:
    journal = Journal(path)
    with contextlib.closing(journal):
        pairs = [(codec.decode(row.item), codec.decode(row.value)) for row, _ in journal.rows()]
    kept = {item[0]: value for item, value in pairs}  # type: ignore[index]
    assert len(kept) == len(pairs), "a result is doubled"
    return kept  # type: ignore[return-value]


def _owner(
    path: Path, durability: Durability, seconds: float
) -> tuple[list[tuple[int, int, float]], int, float | None]:
    """Runs an owner for so long; returns what it was handed, computed, and when it was killed."""
    heard = path.with_name("heard")
    heard.write_bytes(b"")
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            _map(path, durability, heard)
        os._exit(1)
    end = time.monotonic() + seconds
    while time.monotonic() < end and not os.waitpid(child, os.WNOHANG)[0]:
        time.sleep(0.001)
    killed = time.monotonic()
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    lines = [line.split() for line in heard.read_text().splitlines()]
    handed = [(int(line[0]), int(line[1]), float(line[2])) for line in lines if len(line) == 3]
    over = [int(line[1]) for line in lines if line[0] == "over"]
    return handed, *((over[0], None) if over else (0, killed))


def _map(path: Path, durability: Durability, heard: Path) -> None:
    with (
        open(heard, "ab", buffering=0) as tells,
        FakeExecution(journal=path, durability=durability) as d,
    ):
        for x, value in enumerate(d.imap(square, range(ITEMS[durability]))):
            tells.write(f"{x} {value} {time.monotonic()}\n".encode())
        supplied = d.coordinator.supplied
    with open(heard, "ab", buffering=0) as tells:  # all is closed
        tells.write(f"over {supplied}\n".encode())


def main() -> None:
    """Prints what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    few = options.kills // 5
    shown = [
        run(options.kills - few, options.seed, "always", longest=0.5),
        run(few, options.seed, "batched", longest=3.5),
    ]
    for outcome in shown:
        print(outcome)
    if any(outcome.wrong for outcome in shown):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
