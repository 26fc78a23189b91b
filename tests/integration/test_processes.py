"""Child processes of a native worker: real ones, interrupted and killed at bad moments."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from nitocris import codec, protocol
from nitocris.background import LoopThread
from nitocris.errors import ItemTimeoutError
from nitocris.function import encode_function, encode_items
from nitocris.protocol import Buffer
from nitocris.worker.core import FLUSH_BYTES
from nitocris.worker.processes import ComputeProcess
from nitocris.worker.rules import Rules
from nitocris.worker.signals import AGAIN_SECONDS

cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Driven:
    """A process whose event loop is in another thread, so that a test can interrupt what runs."""

    def __init__(self, max_memory: int | None = None, threads: int = 1) -> None:
        self._loop = LoopThread("driven")
        self.process = self._loop.run(self._start(max_memory, threads))

    async def _start(self, max_memory: int | None, threads: int) -> ComputeProcess:
        return ComputeProcess(max_memory, threads)

    @property
    def pid(self) -> int:
        return self.process.pid

    def run(
        self,
        frame: bytes,
        blobs: Sequence[bytes] = (),
        on_result: Callable[[Buffer], None] = lambda _: None,
    ) -> None:
        self._loop.run(self.process.run(frame, blobs, on_result))

    def interrupt(self) -> None:
        self._loop.run(self._interrupt())

    async def _interrupt(self) -> None:
        self.process.interrupt()

    def end(self) -> None:
        self._loop.run(self._end())
        self._loop.stop()

    async def _end(self) -> None:
        self.process.kill()


@pytest.fixture
def process() -> Iterator[Driven]:
    process = Driven()
    yield process
    process.end()


def introduce(process: Driven, function: Callable[..., Any], rules: Rules | None = None) -> None:
    shipment = encode_function(function, (), rules or Rules())
    process.run(protocol.encode(protocol.Map(1, ()), shipment.payload))


def chunk(items: list[Any], *, number: int = 1, piecewise: bool = False) -> bytes:
    shipment = encode_items([(item,) for item in items], 0)
    message = protocol.Chunk(9, number, 0, len(items), (), piecewise)
    return protocol.encode(message, shipment.payload)


def compute(process: Driven, items: list[Any], number: int = 1) -> tuple[list[Any], list[Any]]:
    """Returns values and failures of a chunk, which are answered in full."""
    values: list[Any] = []
    failures: list[Any] = []

    def on_result(frame: Buffer) -> None:
        _, payload = protocol.decode_from_worker(frame)
        decoded: Any = codec.decode(payload)
        failures.extend((len(values) + place, error) for place, error, _ in decoded[1])
        values.extend(decoded[0])

    process.run(chunk(items, number=number), [], on_result)
    assert len(values) == len(items)
    return values, failures


class Running:
    """A chunk that is computed in another thread."""

    def __init__(self, process: Driven, items: list[Any], *, piecewise: bool = True) -> None:
        self._process = process
        self._answers = threading.Semaphore(0)
        self.answered = 0
        frame = chunk(items, piecewise=piecewise)
        self._thread = threading.Thread(target=process.run, args=(frame, [], self._on_result))
        self._thread.start()

    def _on_result(self, _: Buffer) -> None:
        self.answered += 1
        self._answers.release()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def wait_for_an_answer(self) -> None:
        self._answers.acquire()

    def interrupt(self) -> None:
        while self.is_alive:
            self._process.interrupt()
            self._thread.join(AGAIN_SECONDS)


def spin(x: int) -> int:
    """Answers at once for 0, and never for 1."""
    while x == 1:
        pass
    return os.getpid()


def test_an_interrupted_loop_leaves_process_and_maps_as_they_were(process: Driven) -> None:
    """No new interpreter, no new function; and nothing of the interruption looks like a result."""
    introduce(process, spin, Rules(keep_going=True))
    running = Running(process, [0, 1, 0])
    running.wait_for_an_answer()

    running.interrupt()

    assert running.answered == 1
    assert compute(process, [0, 0]) == ([process.pid] * 2, [])


def test_a_late_interruption_hits_nothing(process: Driven) -> None:
    """Neither the next chunk nor the reading of its frame, whenever the signal arrives."""
    introduce(process, lambda x: sum(range(x)))

    for _ in range(200):
        assert compute(process, [100] * 5) == ([4950] * 5, [])
        process.interrupt()
        os.kill(process.pid, signal.SIGUSR1)


def test_a_signal_for_another_run_hits_nothing(process: Driven) -> None:
    """Not even in the middle of a function: the one that it was sent for is over."""
    introduce(process, lambda x: sum(range(x)))
    compute(process, [1])
    process.interrupt()

    running = Running(process, [1, *[20_000] * 500])
    running.wait_for_an_answer()
    while running.is_alive:
        os.kill(process.pid, signal.SIGUSR1)

    assert running.answered == 501


def test_an_interruption_at_any_moment_spares_the_next_chunk(process: Driven) -> None:
    """The chunk may end just then; the one after it is answered in full."""
    introduce(process, lambda x: sum(range(x)))

    for number in range(200):
        Running(process, [number * 20] * 5).interrupt()
        assert compute(process, [100] * 5) == ([4950] * 5, [])


def test_a_chunk_that_is_unwanted_before_it_starts_does_not_start(process: Driven) -> None:
    """An interruption that came between its arrival and its first item is not lost."""
    introduce(process, spin)
    answers: list[Buffer] = []
    process.process._runs.unwanted.value = process.process._run + 1

    process.run(chunk([1]), [], answers.append)

    assert answers == []


def test_an_import_is_not_cut_in_two(process: Driven, tmp_path: Path) -> None:
    """The interruption waits for its end, and the module is whole for the next chunk."""
    entered, leave = tmp_path / "entered", tmp_path / "leave"
    os.mkfifo(entered)
    os.mkfifo(leave)
    (tmp_path / "slow_to_import.py").write_text(
        f"open({str(entered)!r}, 'w').close()\nopen({str(leave)!r}).close()\nvalue = 7\n"
    )

    def work(x: int) -> int:
        sys.path.append(str(tmp_path))
        import slow_to_import  # type: ignore[import-not-found]

        while x == 1:
            pass
        value: int = slow_to_import.value
        return value

    introduce(process, work)
    running = Running(process, [1])
    entered.open().close()
    for _ in range(3):
        process.interrupt()
    leave.open("w").close()

    running.interrupt()

    assert running.answered == 0
    assert compute(process, [0]) == ([7], [])


def test_an_item_that_runs_too_long_is_stopped_and_told(process: Driven) -> None:
    """Its traceback shows where it was; the others, and the process, are as ever."""
    introduce(process, spin, Rules(keep_going=True, item_timeout=0.1))

    values, ((position, error),) = compute(process, [0, 1, 0])

    assert values == [process.pid, None, process.pid]
    assert position == 1
    assert "while x == 1" in error.remote_traceback
    assert isinstance(error, ItemTimeoutError)


def test_an_alarm_hits_only_the_call_that_it_was_set_for(process: Driven) -> None:
    """Calls that end just when their time is up fail or succeed, and the process lives."""
    limit = 0.002

    def work(number: int) -> int:
        import time

        ends = time.monotonic() + limit * (0.9 + number % 20 / 100)
        while time.monotonic() < ends:
            pass
        return number

    introduce(process, work, Rules(keep_going=True, item_timeout=limit))

    values, failures = compute(process, list(range(200)))

    failed = {position for position, _ in failures}
    assert all(isinstance(error, ItemTimeoutError) for _, error in failures)
    assert values == [None if number in failed else number for number in range(200)]


def test_an_interruption_leaves_no_alarm_behind(process: Driven) -> None:
    """Also where it strikes while an alarm is set, none rings in the middle of another call."""
    limit = 0.03
    introduce(process, bytes, Rules(item_timeout=limit))
    waiting = encode_function(lambda _: __import__("time").sleep(2 * limit))
    process.run(protocol.encode(protocol.Map(2, ()), waiting.payload))

    for _ in range(20):
        # The first result is so large that it leaves at once; the others take no time.
        running = Running(process, [FLUSH_BYTES, *[0] * 200_000], piecewise=False)
        running.wait_for_an_answer()
        running.interrupt()
        assert compute(process, [0], number=2) == ([None], [])


def test_a_child_that_died_idle_is_told_from_one_that_died_of_its_frame() -> None:
    """The first is a ConnectionError, the second is not."""
    idle, busy = Driven(), Driven()
    introduce(busy, lambda x: os.kill(os.getpid(), x))
    introduce(idle, spin)
    os.kill(idle.pid, signal.SIGKILL)

    with pytest.raises(ConnectionError):
        idle.run(chunk([0]))
    with pytest.raises(EOFError):
        busy.run(chunk([signal.SIGKILL]))

    assert (idle.process.exit_code, busy.process.exit_code) == (-signal.SIGKILL, -signal.SIGKILL)
    idle.end()
    busy.end()


def eat(megabytes: int) -> int:
    eaten = [bytes(2**7) for _ in range(megabytes * 2**13)]
    return len(eaten) >> 13


def test_an_item_that_needs_too_much_memory_fails_in_words() -> None:
    """Whether it asks for it at once or little by little; the process goes on."""
    process = Driven(512 * 2**20)
    introduce(process, eat, Rules(keep_going=True))
    pid = process.pid

    values, failures = compute(process, [10, 2000, 20])

    assert values == [10, None, 20]
    ((place, error),) = failures
    assert place == 1
    assert isinstance(error, MemoryError)
    assert "more memory than the 512 MiB that this worker's --max-memory allows" in str(error)
    assert process.pid == pid
    process.end()


def test_numerical_libraries_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread for every core in each process would make all of them slow; the owner may say so."""
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    driven = Driven(threads=3)
    try:
        introduce(driven, lambda name: os.environ.get(name))
        limits, _ = compute(driven, ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
    finally:
        driven.end()

    assert limits == ["3", "7"]
