"""What items print, on its way to the owner."""

from __future__ import annotations

import pytest

from nitocris import codec, protocol
from nitocris.echo import BURST_SECONDS, MAP_LINES, MAX_LINE_LENGTH, WORKER_LINES, Echo, read_output
from nitocris.errors import DecodeError


class Bench:
    """An echo, and what it has shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.echo = Echo(self.shown.append)

    def print(self, text: str, *, worker: int = 1, dropped: int = 0, now: float = 0.0) -> None:
        self.echo.receive(worker, 1, [(7, text)], dropped, "item {}".format, now)


def test_each_line_has_the_name_of_its_item() -> None:
    """A line that has no end yet is a line."""
    bench = Bench()

    bench.print("one\n\ntwo")

    assert bench.shown == ["item 7: one", "item 7: ", "item 7: two"]


def test_a_bar_is_shown_as_a_terminal_would() -> None:
    """What a carriage return overwrites is not shown."""
    bench = Bench()

    bench.print("10%\r50%\r100%\r\nnext\r\n")

    assert bench.shown == ["item 7: 100%", "item 7: next"]


def test_a_stranger_cannot_repaint_the_terminal() -> None:
    """No control characters, no endless lines."""
    bench = Bench()

    bench.print("\x1b[2J\x9b2J\u202eevil" + "x" * 1000)

    (line,) = bench.shown
    assert line.startswith("item 7: [2J2Jevilxxx")
    assert len(line) == len("item 7: ") + MAX_LINE_LENGTH


def test_a_worker_that_prints_without_end_is_cut_off() -> None:
    """For a time; how much was left out is told before the next line and at the end."""
    bench = Bench()
    burst = int(WORKER_LINES * BURST_SECONDS)

    bench.print("x\n" * (burst + 30), dropped=12)
    assert len(bench.shown) == burst
    bench.print("y\n" * 50, now=1.0)

    assert bench.shown[burst] == "(42 more lines were printed, too many to be shown)"
    assert bench.shown[burst + 1 :] == ["item 7: y"] * int(WORKER_LINES)
    bench.echo.over(1)
    assert bench.shown[-1] == "(30 more lines were printed, too many to be shown)"


def test_many_workers_cannot_print_more_than_a_person_reads() -> None:
    """A map has its own limit."""
    bench = Bench()

    for worker in range(100):
        bench.print("x\n" * 50, worker=worker)

    assert len(bench.shown) == MAP_LINES * BURST_SECONDS


@pytest.mark.parametrize(
    "printed",
    [
        "text",
        [(0, "x")] * (protocol.MAX_OUTPUT_ITEMS + 1),
        [(5, "of another lease")],
        [(-1, "x")],
        [(0, b"x")],
        [(0, "x", "y")],
        [(0, "x" * protocol.MAX_OUTPUT_BYTES)],
    ],
)
def test_an_output_that_makes_no_sense_is_refused(printed: object) -> None:
    """It comes from a stranger."""
    with pytest.raises(DecodeError):
        read_output(memoryview(codec.encode(printed)), 10, 15)


def test_an_output_names_items_of_the_map() -> None:
    """A worker knows but the places in its chunk."""
    printed = [(0, "x"), (4, "y")]

    assert read_output(memoryview(codec.encode(printed)), 10, 15) == [(10, "x"), (14, "y")]


@pytest.mark.parametrize(
    ("text", "shown", "told"),
    [
        ("a\nb\n", ["a", "b"], 0),
        ("a\nb", ["a", "b"], 0),
        ("a\nb\nc", ["a", "b"], 1),
        ("a\nb\nc\n", ["a", "b"], 1),
        ("a\nb\n\n\nc", ["a", "b"], 3),
        ("", [], 0),
    ],
)
def test_lines_beyond_the_allowance_are_counted(text: str, shown: list[str], told: int) -> None:
    """Whether or not the last one has an end."""
    bench = Bench()
    bench.print("x\n" * int(WORKER_LINES * BURST_SECONDS - 2))
    bench.shown.clear()

    bench.print(text)
    bench.echo.over(1)

    expected = [f"item 7: {line}" for line in shown]
    assert bench.shown[: len(shown)] == expected
    assert bench.shown[len(shown) :] == (
        [f"({told} more lines were printed, too many to be shown)"] if told else []
    )
