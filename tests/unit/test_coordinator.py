"""The coordinator between a scheduler and devices, without sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nitocris import codec, protocol
from nitocris import events as ev
from nitocris.answers import decode_result
from nitocris.awake import AwakeClock
from nitocris.coordinator import Coordinator
from nitocris.devices import LARGE_RESULT_BYTES
from nitocris.dismissal import BY_OWNER
from nitocris.errors import ProtocolError
from nitocris.function import encode_function, encode_items
from nitocris.health import MAX_STRIKES
from nitocris.job import MappedFunction
from nitocris.report import Provenance
from nitocris.server_limits import ServerLimits
from nitocris.verify import OUTSIDE, Verify

NOTHING = Provenance("", "", None, (), "")


class FakeDevice:
    """Keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: list[protocol.FromCoordinator] = []
        self.lent: dict[int, tuple[int, bytes]] = {}
        self.posted: list[protocol.FromCoordinator] = []
        self.closed: tuple[int, str] | None = None

    def send(self, message: protocol.FromCoordinator, payload: bytes = b"") -> None:
        protocol.encode(message, payload)
        self.sent.append(message)
        if isinstance(message, protocol.Chunk):
            self.lent[message.lease] = message.map, payload

    def post(self, frame: bytes) -> None:
        self.posted.append(protocol.decode_from_coordinator(frame)[0])

    def close(self, code: int, reason: str) -> None:
        self.closed = code, reason

    def take(self) -> list[protocol.Chunk]:
        """Returns the chunks that it has and nobody has taken."""
        chunks = [message for message in self.sent if isinstance(message, protocol.Chunk)]
        self.sent = [message for message in self.sent if not isinstance(message, protocol.Chunk)]
        return chunks


class Bench:
    """A coordinator, its owner and what the owner was told; time stands still."""

    def __init__(self, limits: ServerLimits | None = None, clock: AwakeClock | None = None) -> None:
        began = asyncio.get_running_loop().time()
        self.told: list[str] = []
        self.shown: list[str] = []
        self.coordinator = Coordinator(
            self.told.append,
            self.shown.append,
            limits=limits,
            clock=clock or AwakeClock(lambda: began, lambda: began),
        )
        self.devices: dict[int, FakeDevice] = {}
        self.notes: list[Any] = []
        self.taken = 0
        self.items = 1_000_000

    def join(self, capacity: int = 1, *, is_browser: bool = False, is_here: bool = False) -> int:
        device = FakeDevice()
        number = self.coordinator.devices.join(device, is_browser=is_browser, is_here=is_here)
        self.devices[number] = device
        self.coordinator.devices.announce(number, capacity)
        return number

    async def start(self, function: Callable[..., Any] = abs, **options: Any) -> int:
        options = {"total": self.items, "chunk_size": 1, "timeout": 100.0, **options}
        return await self.coordinator.start_map(
            encode_function(function),
            codec.Registry(()),
            self.receive,
            mapped=MappedFunction.of(function),
            **options,
        )

    def receive(self, note: Any) -> None:
        self.notes.append(note)
        if isinstance(note, ev.Demand):
            asyncio.get_running_loop().call_soon(self.supply, note.map)

    def supply(self, number: int) -> None:
        if self.taken == self.items:
            self.coordinator.end_input(number)
            return
        start, self.taken = self.taken, self.taken + 1
        self.coordinator.supply(number, start, 1, encode_items([(-start,)], start))

    async def answer(self, number: int, chunk: protocol.Chunk, value: object = 0) -> None:
        result = protocol.Result(chunk.lease, chunk.skip, 1, 0, True)
        frame = protocol.encode(result, codec.encode(([value], [])))
        await self.coordinator.devices.receive(number, frame)

    async def raise_for(self, number: int, chunk: protocol.Chunk, error: Exception) -> None:
        result = protocol.Result(chunk.lease, chunk.skip, 1, 1, True)
        frame = protocol.encode(result, codec.encode(([None], [(0, error, False)])))
        await self.coordinator.devices.receive(number, frame)

    async def fail(self, number: int, chunk: protocol.Chunk) -> None:
        failed = protocol.Failed(chunk.lease, "out of memory")
        await self.coordinator.devices.receive(number, protocol.encode(failed))


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def settled(condition: Callable[[], object]) -> None:
    """Lets what was asked of the owner come."""
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


async def test_the_owner_is_told_of_a_worker_that_rests(bench: Bench) -> None:
    """One sentence with the worker, for how long, and why."""
    good, bad = bench.join(), bench.join()
    await bench.start(keep_going=True)

    for _ in range(20 * MAX_STRIKES):
        await asyncio.sleep(0)
        for chunk in bench.devices[bad].take():
            await bench.fail(bad, chunk)
        for chunk in bench.devices[good].take():
            await bench.answer(good, chunk)

    assert bench.told == [
        f"native worker {bad} rests for 30 s, because it failed again and again what others "
        "could compute."
    ]


async def test_what_a_device_returns_goes_to_another_one(bench: Bench) -> None:
    """At once, and nobody is told to stop."""
    pausing = bench.join()
    bench.items = 1
    await bench.start()
    await settled(lambda: len(bench.devices[pausing].sent) == 2)
    (chunk,) = bench.devices[pausing].take()
    other = bench.join()

    bench.coordinator.devices.announce(pausing, 0)
    await bench.coordinator.devices.receive(
        pausing, protocol.encode(protocol.Returned(chunk.lease))
    )

    assert [each.skip for each in bench.devices[other].take()] == [chunk.skip]
    assert protocol.Cancel(chunk.lease) not in bench.devices[pausing].sent


async def test_a_dismissed_worker_is_sent_away_and_the_owner_told(bench: Bench) -> None:
    """With the close code that tells it not to come back by itself."""
    number = bench.join()

    bench.coordinator._perform(ev.Dismiss(number, "it failed"))

    assert bench.devices[number].closed == (protocol.CLOSE_DISMISSED, "it failed")
    assert bench.told == [f"native worker {number} was sent away, because it failed."]


async def test_the_owner_may_send_a_device_away(bench: Bench) -> None:
    """It gets no more chunks, and hears a reason of its own; what it has goes to another one."""
    await bench.start()
    sent, other = bench.join(), bench.join(capacity=0)
    await settled(lambda: bench.devices[sent].take())

    known = bench.coordinator.devices.dismiss(sent)
    again = bench.coordinator.devices.dismiss(99)

    assert (known, again) == (True, False)
    assert bench.devices[sent].closed == (protocol.CLOSE_DISMISSED, BY_OWNER)
    assert bench.coordinator.capacity == 0
    bench.coordinator.devices.leave(sent)
    bench.coordinator.devices.announce(other, 1)
    await settled(lambda: bench.devices[other].take())
    assert not bench.devices[sent].take()


async def test_volunteers_are_told_how_far_the_maps_are(bench: Bench) -> None:
    """From when they come; native workers have nobody who would look."""
    native = bench.join()
    browser = bench.join(0, is_browser=True)
    bench.items = 2
    bench.coordinator.devices.inform(native)
    bench.coordinator.devices.inform(browser)
    await bench.start()
    await settled(lambda: len(bench.devices[native].sent) == 3)

    bench.coordinator._bulletin._publish()
    for chunk in bench.devices[native].take():
        await bench.answer(native, chunk)
        bench.coordinator._bulletin._publish()
    await settled(lambda: isinstance(bench.notes[-1], ev.Finish))
    bench.coordinator._bulletin._publish()

    assert bench.devices[native].posted == []
    assert bench.devices[browser].posted == [
        protocol.Progress(2, 0, 0.0, 0),
        protocol.Progress(2, 0, 0.0, 2),
        protocol.Progress(2, 1, 1.0, 2, 1.0),
        protocol.Progress(2, 2, 2.0, 2, 0.0),
        protocol.Progress(2, 0, 0.0, 0),
    ]


async def test_a_late_chunk_reaches_a_second_device() -> None:
    """The loop's own timer rings for it; the first answer wins, the other device is told."""
    bench = Bench(clock=AwakeClock(asyncio.get_running_loop().time))
    slow, fast = bench.join(), bench.join()
    bench.items = 2
    await bench.start()
    await settled(lambda: len(bench.devices[fast].sent) == 2)
    (late,) = bench.devices[slow].take()
    await asyncio.sleep(0.05)  # what the fast one needs: twice that later the slow one is late
    for chunk in bench.devices[fast].take():
        await bench.answer(fast, chunk)

    async with asyncio.timeout(5):
        while not (again := bench.devices[fast].take()):
            await asyncio.sleep(0.001)
    await bench.answer(fast, again[0], 7)
    await bench.answer(slow, late, 8)

    assert protocol.Cancel(late.lease) in bench.devices[slow].sent
    delivered = [(note.start, note.values) for note in bench.notes if isinstance(note, ev.Deliver)]
    assert delivered == [(1, [0]), (0, [7])]
    assert isinstance(bench.notes[-1], ev.Finish)


async def test_nothing_is_left_of_a_map(bench: Bench) -> None:
    """Neither its function, nor its items, nor an alarm."""
    number = bench.join()
    matrix = np.zeros(10_000)
    await bench.start(lambda x: matrix[x])
    await settled(lambda: bench.taken == 2)
    assert len(bench.coordinator._blobs._data) == 1

    bench.coordinator.cancel_map(1)

    assert bench.coordinator._maps == {}
    assert bench.coordinator._blobs._data == {}
    assert bench.coordinator._scheduler.next_deadline() is None
    assert protocol.Forget(1) in bench.devices[number].sent


async def test_an_error_names_the_kind_of_worker(bench: Bench) -> None:
    """A person knows browsers and native workers, not numbers."""
    number = bench.join()
    await bench.start()
    await settled(lambda: len(bench.devices[number].sent) == 3)
    chunk, _ = bench.devices[number].take()
    failures = [(0, ValueError("no"), False)]
    result = protocol.Result(chunk.lease, 0, 1, 1, True)

    frame = protocol.encode(result, codec.encode(([None], failures)))
    await bench.coordinator.devices.receive(number, frame)

    (fail,) = (note for note in bench.notes if isinstance(note, ev.Fail))
    assert fail.failed.worker == f"native worker {number}"
    assert isinstance(fail.failed.error, ValueError)


async def test_statistics_say_what_each_worker_did(bench: Bench) -> None:
    """Items, chunks that it has and failed, its last chunk's size, where it is."""
    bench.items = 10
    good, bad = bench.join(), bench.join()
    number = await bench.start(len, keep_going=True)
    await settled(lambda: bench.coordinator.stats().workers[1].leases)

    for chunk in bench.devices[good].take():
        await bench.answer(good, chunk)
    for chunk in bench.devices[bad].take()[:1]:
        await bench.fail(bad, chunk)
    ping = protocol.encode(protocol.Ping(0.25))
    await bench.coordinator.devices.receive(good, ping)

    stats = bench.coordinator.stats()
    first, second = stats.workers
    assert (first.number, first.kind, first.capacity) == (good, "native", 1)
    assert (first.items, first.failures, first.chunk_size) == (stats.done, 0, 1)
    assert first.round_trip == 0.25
    assert (second.items, second.failures, second.round_trip) == (0, 1, None)
    assert stats.retries == 1
    assert stats.bytes_received > len(ping)
    (current,) = stats.maps
    assert (current.number, current.function, current.total) == (number, "len", 10)
    assert current.done == stats.done > 0


async def test_statistics_go_on_after_a_map(bench: Bench) -> None:
    """What was done is counted for ever; only what runs is listed."""
    bench.items = 3
    worker = bench.join()
    await bench.start()
    for _ in range(20):
        await asyncio.sleep(0)
        for chunk in bench.devices[worker].take():
            await bench.answer(worker, chunk)

    stats = bench.coordinator.stats()

    assert (stats.done, stats.maps) == (3, ())
    assert stats.rate > 0


async def test_errors_are_grouped_by_what_they_say(bench: Bench) -> None:
    """With the first item and worker of each; the most frequent comes first."""
    bench.items = 5
    worker = bench.join()
    await bench.start(keep_going=True)
    for _ in range(20):
        await asyncio.sleep(0)
        for chunk in bench.devices[worker].take():
            error = KeyError("rare") if bench.coordinator.stats().done == 1 else ValueError("bad")
            await bench.raise_for(worker, chunk, error)

    frequent, rare = bench.coordinator.stats().errors

    assert (frequent.error, frequent.count, frequent.index) == ("ValueError: bad", 4, 0)
    assert (rare.error, rare.count, rare.index) == ("KeyError: 'rare'", 1, 1)
    assert frequent.worker == f"native worker {worker}"
    assert "ValueError: bad" in frequent.traceback


async def test_a_stranger_cannot_name_itself_in_a_terminals_language(bench: Bench) -> None:
    """A name is one line without control characters."""
    name = "\x1b[2JFirefox\n153 \u202e"

    bench.coordinator.devices.join(FakeDevice(), is_browser=True, name=name, address="10.0.0.7")

    (worker,) = bench.coordinator.stats().workers
    assert worker.name == "[2JFirefox 153"
    assert (worker.kind, worker.address, worker.capacity) == ("browser", "10.0.0.7", 0)


async def test_what_items_print_is_shown_with_their_index(bench: Bench) -> None:
    """As long as their lease is out, and to whoever has it."""
    worker, other = bench.join(), bench.join()
    await bench.start()
    await settled(lambda: bench.coordinator.stats().workers[0].leases)
    lease = bench.devices[worker].take()[0].lease

    def printed(lease: int) -> bytes:
        return protocol.encode(protocol.Output(lease, 0), codec.encode([(0, "hello\n")]))

    await bench.coordinator.devices.receive(worker, printed(lease))
    await bench.coordinator.devices.receive(worker, printed(999))
    await bench.coordinator.devices.receive(other, printed(lease))

    assert bench.shown == ["item 0: hello"]


async def test_a_report_is_there_during_and_after_a_map(bench: Bench) -> None:
    """With the slowest items under their index in the map, of which nobody may claim others."""
    bench.items = 6
    worker = bench.join()
    await bench.start()
    came = Provenance("", "", None, (), bench.coordinator.history.function or "")
    seen = []
    for _ in range(20):
        await asyncio.sleep(0)
        for chunk in bench.devices[worker].take():
            result = protocol.Result(chunk.lease, 0, 1, 0, True, 1e9, ((0, 1e9),))
            frame = protocol.encode(result, codec.encode(([0], [])))
            await bench.coordinator.devices.receive(worker, frame)
            seen.append(bench.coordinator.history.report(came, asyncio.get_running_loop().time()))

    after = bench.coordinator.history.report(came, asyncio.get_running_loop().time())
    assert [each.items for each in seen] == [1, 2, 3, 4, 5, 6]
    assert not any(each.is_over for each in seen)
    assert after.is_over
    indices = {each.index for each in after.slowest}
    assert len(indices) == 5
    assert indices < set(range(6))
    assert all(each.seconds <= after.seconds for each in after.slowest)
    assert after.computing <= after.seconds
    (share,) = after.workers
    assert (share.items, share.chunks, share.largest_chunk) == (6, 6, 1)


async def test_a_worker_cannot_time_items_that_it_does_not_answer(bench: Bench) -> None:
    """Such a result is nonsense."""
    worker = bench.join()
    await bench.start()
    await settled(lambda: bench.coordinator.stats().workers[0].leases)
    (chunk,) = bench.devices[worker].take()[:1]

    result = protocol.Result(chunk.lease, 0, 1, 0, True, 1.0, ((1, 1.0),))
    frame = protocol.encode(result, codec.encode(([0], [])))
    await bench.coordinator.devices.receive(worker, frame)

    (stats,) = bench.coordinator.stats().workers
    assert (stats.items, stats.failures) == (0, 1)


async def test_the_size_of_a_result_is_limited() -> None:
    """To the byte, also where there is a lease for it."""
    bench = Bench(ServerLimits(result_bytes=1000, control_bytes=10))
    number = bench.join()
    await bench.start()
    await settled(lambda: bench.devices[number].sent and bench.taken)
    (chunk,) = bench.devices[number].take()[:1]
    result = protocol.Result(chunk.lease, chunk.skip, 1, 0, True)
    padding = 1000 - len(codec.encode(([b""], [])))
    fits = next(
        payload
        for size in range(padding, 0, -1)
        if len(payload := codec.encode(([bytes(size)], []))) == 1000
    )

    with pytest.raises(ProtocolError, match="1001 bytes"):
        await bench.coordinator.devices.receive(number, protocol.encode(result, fits + b"x"))
    await bench.coordinator.devices.receive(number, protocol.encode(result, fits))

    assert [note for note in bench.notes if isinstance(note, ev.Deliver)]


async def test_few_large_results_are_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many come at the same time, the owner's processor is not theirs alone."""
    bench = Bench(ServerLimits(decodes_at_once=2))
    number = bench.join(3)
    await bench.start()
    await settled(lambda: len(bench.devices[number].sent) > 3)
    chunks = bench.devices[number].take()[:3]
    go_on, running = threading.Event(), [0]

    def decode(*arguments: Any) -> Any:
        running[0] += 1
        assert go_on.wait(10)
        return decode_result(*arguments)

    monkeypatch.setattr("nitocris.devices.decode_result", decode)
    value = bytes(LARGE_RESULT_BYTES)
    answers = [asyncio.create_task(bench.answer(number, chunk, value)) for chunk in chunks]
    while running[0] < 2:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    at_once = running[0]
    go_on.set()
    await asyncio.gather(*answers)

    assert len(chunks) == 3
    assert at_once == 2
    assert running == [3]


async def test_a_volunteer_from_another_machine_has_running_maps_verified(bench: Bench) -> None:
    """Those that are to be then; what browsers here say is believed, and the owner is told once."""
    bench.items = 4
    here = bench.join(is_browser=True, is_here=True)
    number = await bench.start(verify=OUTSIDE, hold=True)
    await asyncio.sleep(0)
    (chunk, *_) = bench.devices[here].take()
    await bench.answer(here, chunk)
    assert (bench.told, bench.coordinator.history.report(NOTHING, 1.0).trust) == ([], None)

    await asyncio.sleep(0)
    outside = bench.join(is_browser=True)
    (told,) = bench.told
    bench.join(is_browser=True)
    assert "a volunteer has joined from another machine" in told
    assert bench.told == [told]
    trust = bench.coordinator.history.report(NOTHING, 1.0).trust
    assert trust is not None
    assert trust.own == 1

    for _ in range(3):
        await asyncio.sleep(0)  # the owner supplies
    chunks = [(each, chunk) for each in (outside, here) for chunk in bench.devices[each].take()]
    assert {worker for worker, _ in chunks} == {outside, here}
    bench.notes.clear()
    for worker, chunk in chunks:
        await bench.answer(worker, chunk)
    while not bench.notes:
        await asyncio.sleep(0.001)
    assert isinstance(bench.notes[0], ev.Deliver), "of the browser here, but not of the other one"
    bench.coordinator.cancel_map(number)

    untouched = await bench.start(verify=None)
    assert bench.coordinator.history.report(NOTHING, 1.0).trust is None
    bench.coordinator.cancel_map(untouched)


async def test_a_lie_undoes_what_rests_on_the_liar_in_all_maps_that_run(bench: Bench) -> None:
    """A trusted device answers in one map alone, and lies in another: the first asks again."""
    liar = bench.join(2, is_browser=True)
    bench.coordinator._referees._trust._reputes[liar].confirmed = 10**12
    chunks: list[protocol.Chunk] = []

    async def chunk_of(number: int) -> protocol.Chunk:
        while not any(chunk.map == number for chunk in chunks):
            await asyncio.sleep(0.001)
            chunks.extend(bench.devices[liar].take())
        return next(chunk for chunk in chunks if chunk.map == number)

    bench.items = 2  # so that the first map is not over
    first = await bench.start(verify=Verify(trust_after=1, recheck=1e-9), hold=True)
    believed = await chunk_of(first)
    await bench.answer(liar, believed, "a lie")
    while not any(isinstance(note, ev.Held) for note in bench.notes):
        await asyncio.sleep(0.001)
    bench.taken = 0
    second = await bench.start(verify=Verify(check=lambda _item, _result: False), hold=True)
    caught = await chunk_of(second)
    other = bench.join(0, is_browser=True)
    await bench.answer(liar, caught)
    while not bench.devices[liar].closed:
        await asyncio.sleep(0.001)
    bench.coordinator.devices.leave(liar)

    bench.coordinator.devices.announce(other, 9)
    lie = bench.devices[liar].lent[believed.lease]
    while lie not in bench.devices[other].lent.values():
        await asyncio.sleep(0.001)
    bench.coordinator.cancel_map(first)
    bench.coordinator.cancel_map(second)
