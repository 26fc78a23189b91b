"""When volunteers are told how far the maps are, and when not, in made-up time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import pytest

from nitocris import protocol
from nitocris.bulletin import MANY_READERS, Bulletin


class Timer:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Reader:
    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def post(self, frame: bytes) -> None:
        self.frames.append(frame)


class Bench:
    """A bulletin, its readers, and a clock that is moved by hand."""

    def __init__(self, readers: int = 2) -> None:
        self.now = 0.0
        self.progress = protocol.Progress(1, 0, 0.0)
        self.readers = [Reader() for _ in range(readers)]
        self._alarms: list[tuple[float, int, Timer, Callable[[], None]]] = []
        self._order = itertools.count()
        self.bulletin = Bulletin(self.call_later, lambda: self.progress, lambda: self.readers)

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        timer = Timer()
        heapq.heappush(self._alarms, (self.now + seconds, next(self._order), timer, action))
        return timer

    def change(self, done: int, rate: float = 0.0) -> None:
        self.progress = protocol.Progress(1, done, rate)
        self.bulletin.stir()

    def pass_time(self, seconds: float) -> int:
        """Lets time pass; returns how many alarms rang."""
        until, rang = self.now + seconds, 0
        while self._alarms and self._alarms[0][0] <= until:
            self.now, _, timer, action = heapq.heappop(self._alarms)
            if not timer.cancelled:
                rang += 1
                action()
        self.now = until
        return rang


def told(reader: Reader) -> list[int]:
    """Returns the numbers of items done that a reader was told."""
    messages = [protocol.decode_from_coordinator(frame)[0] for frame in reader.frames]
    return [message.done for message in messages if isinstance(message, protocol.Progress)]


def test_many_changes_make_one_frame_a_second() -> None:
    """It has the newest numbers, and all readers get the same bytes."""
    bench = Bench()
    for done in range(1, 36):
        bench.change(done)
        bench.pass_time(1 / 8)

    one, other = bench.readers
    assert told(one) == [8, 16, 24, 32]
    assert all(mine is theirs for mine, theirs in zip(one.frames, other.frames, strict=True))


def test_a_crowd_is_told_every_two_seconds() -> None:
    """Else the frames alone would keep the loop busy."""
    bench = Bench(readers=MANY_READERS + 1)
    for done in range(1, 36):
        bench.change(done)
        bench.pass_time(1 / 8)

    assert told(bench.readers[0]) == [16, 32]


def test_what_is_not_new_is_not_sent() -> None:
    """And while nothing happens, no clock ticks either."""
    bench = Bench()
    bench.change(1)
    bench.pass_time(1)
    bench.change(1)

    assert bench.pass_time(1) == 1
    assert bench.pass_time(1000) == 0
    assert told(bench.readers[0]) == [1]


def test_a_falling_rate_is_news_without_any_event() -> None:
    """Readers see that nobody computes any more, until the rate is zero."""
    bench = Bench()
    bench.change(1, rate=2.0)
    bench.pass_time(1)
    bench.progress = protocol.Progress(1, 1, 1.0)
    bench.pass_time(1)
    bench.progress = protocol.Progress(1, 1, 0.0)

    assert bench.pass_time(1000) == 1
    assert told(bench.readers[0]) == [1, 1, 1]


def test_who_comes_is_told_at_once() -> None:
    """Not at the next change, which may be minutes away."""
    bench = Bench()
    reader = Reader()

    bench.bulletin.greet(reader)

    assert told(reader) == [0]
    assert [told(each) for each in bench.readers] == [[], []]


@pytest.mark.parametrize("stirred", [False, True])
def test_nothing_comes_after_the_end(stirred: bool) -> None:
    """Whatever was to be published, or changes while the devices are sent away."""
    bench = Bench()
    if stirred:
        bench.change(1)
    bench.bulletin.stop()
    bench.change(2)

    assert bench.pass_time(1000) == 0
    assert bench.readers[0].frames == []
