"""A world for the scheduler: devices, networks, owners and time, from one seed and always the same.

Nothing waits: time is a heap of what happens next.  Devices compute items of known cost, answer
about once a second, and may leave, hang, slow down, give chunks back, crash on poisonous items and
lie; the network delays, loses, repeats and reorders; the owner's clock jumps.  Checked is what must
hold in any case: each item is delivered once, all of them are, and the books agree after every
event.
"""

from __future__ import annotations

import heapq
import itertools
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil

import numpy as np

from nitocris import events as ev
from nitocris.scheduler import Scheduler

FLUSH_SECONDS = 1.0
"""As in `nitocris.worker.core`."""
RESTART_SECONDS = 2.0
"""What a crashed interpreter needs until it takes the next chunk."""


class EqualCosts:
    """Items that all take the same time, in a number that needs no memory."""

    def __init__(self, count: int, seconds: float) -> None:
        self.count, self._seconds = count, seconds

    def until(self, index: int) -> float:
        """Returns the seconds of all items before this one."""
        return index * self._seconds

    def first_reaching(self, seconds: float) -> int:
        """Returns how many items take these seconds together."""
        return ceil(seconds / self._seconds - 1e-9)

    @property
    def longest(self) -> float:
        return self._seconds


class Costs:
    """Items with a time each."""

    def __init__(self, seconds: Sequence[float]) -> None:
        self.count = len(seconds)
        self.longest = float(max(seconds, default=0.0))
        self._sums = np.concatenate([[0.0], np.cumsum(seconds)])

    def until(self, index: int) -> float:
        """Returns the seconds of all items before this one."""
        return float(self._sums[index])

    def first_reaching(self, seconds: float) -> int:
        """Returns how many items take these seconds together."""
        return int(np.searchsorted(self._sums, seconds - 1e-9))


@dataclass(slots=True)
class SimulatedMap:
    """What the owner knows of a map."""

    costs: EqualCosts | Costs
    chunk_size: int | None = None
    crashes: Sequence[int] = ()
    """Items that take their interpreter down, sorted."""
    hangs: Sequence[int] = ()
    """Items that never end, sorted."""
    raises: dict[int, int] = field(default_factory=dict)
    """How often each of these items raises, in a transient way, before it is computed."""
    keep_going: bool = True
    retries: int = 0
    timeout: float = 60.0
    item_timeout: float | None = None
    verified: bool = False
    taken: int = 0
    done: bytearray = field(default_factory=bytearray)
    failed: dict[int, ev.Failed] = field(default_factory=dict)
    cancelled: bool = False
    outcome: ev.Finish | ev.Fail | None = None
    finished_at: float = 0.0


@dataclass(slots=True, eq=False)
class Job:
    """A lease at a device."""

    lend: ev.Lend
    next: int
    running: bool = False

    @property
    def start(self) -> int:
        """The index of the first item of its payload."""
        assert isinstance(self.lend.payload, range)
        return self.lend.payload[0]


@dataclass(slots=True)
class Device:
    """A worker with as many places as its capacity, and a queue before them."""

    id: int
    speed: float
    places: int
    latency: float
    jobs: dict[int, Job] = field(default_factory=dict)
    free: int = 0
    hung: bool = False
    alive: bool = True
    lies: float = 0.0
    """The share of its messages that make no sense."""
    returns: float = 0.0
    """The share of its chunks that it gives back instead of an answer."""
    cancelled: set[int] = field(default_factory=set)
    last_arrival: float = 0.0


@dataclass(slots=True)
class Network:
    """How messages travel."""

    jitter: float = 0.0
    lost: float = 0.0
    doubled: float = 0.0
    ordered: bool = False
    """Whether messages of one device overtake each other never, as on a real connection."""


class Simulation:
    """Runs maps on devices until the maps are over.

    Args:
        seed: All chance comes from it.
        network: How messages travel.
        check: Whether to look through the books after every event.
        tell: Whether to keep the story.
    """

    def __init__(
        self,
        seed: int = 0,
        network: Network | None = None,
        *,
        check: bool = True,
        tell: bool = False,
    ) -> None:
        self.random = random.Random(seed)
        self.network = network or Network()
        self.scheduler = Scheduler()
        self.maps: dict[int, SimulatedMap] = {}
        self.devices: dict[int, Device] = {}
        self.now = 0.0
        self.events = 0
        self.jumped = 0.0
        self.story: list[str] = []
        self.lent_items = 0
        self.gentle = True
        """Whether nothing is lost, nobody lies or hangs, and clocks do not jump."""
        self._check = check
        self._tell_story = tell
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._next_device = 1
        self._alarm: float | None = None

    # What a scenario is made of

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Has something happen at a time."""
        heapq.heappush(self._heap, (time, next(self._order), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Has something happen some seconds from now."""
        self.at(self.now + seconds, action)

    def start(self, map_: SimulatedMap) -> int:
        """The owner calls `map`."""
        number = len(self.maps) + 1
        self.maps[number] = map_
        map_.done = bytearray(map_.costs.count)
        self._handle(
            ev.MapStarted(
                number,
                map_.costs.count,
                map_.chunk_size,
                map_.timeout,
                map_.item_timeout,
                map_.keep_going,
                map_.retries,
                map_.verified,
            )
        )
        return number

    def join(
        self,
        speed: float = 1.0,
        capacity: int = 1,
        latency: float = 0.0,
        *,
        lies: float = 0.0,
        returns: float = 0.0,
        network: str = "",
    ) -> Device:
        """A device comes; its latency is that of each direction."""
        device = Device(
            self._next_device, speed, capacity, latency, free=capacity, lies=lies, returns=returns
        )
        self._next_device += 1
        self.devices[device.id] = device
        self._handle(ev.WorkerJoined(device.id, capacity, network=network))
        return device

    def leave(self, device: Device) -> None:
        """A device is gone, with all that it had."""
        device.alive = False
        device.jobs.clear()
        if self.devices.pop(device.id, None):
            self._handle(ev.WorkerLeft(device.id))

    def cancel(self, number: int) -> None:
        """The owner gives a map up."""
        map_ = self.maps[number]
        if map_.outcome is None:
            map_.cancelled, map_.outcome = True, ev.Finish(number)
            self._handle(ev.MapCancelled(number))

    def resize(self, device: Device, capacity: int) -> None:
        """A device pauses, or goes on."""
        self._handle(ev.WorkerResized(device.id, capacity))

    def wake(self) -> None:
        """The owner's machine has slept, while its clock stood still."""
        self._handle(ev.Woken())

    def give_back(self, device: Device) -> None:
        """A device will not finish what it has."""
        for job in list(device.jobs.values()):
            self._return(device, job)

    def run(self, until: float = 1e9) -> float:
        """Lets time pass until all maps are over, and returns when that was.

        Raises:
            AssertionError: Something that must hold did not, or nothing more happens.
        """
        while any(each.outcome is None for each in self.maps.values()):
            assert self._heap, f"at {self.now:.3f} nothing more happens and a map is not over"
            time, _, action = heapq.heappop(self._heap)
            assert time <= until, f"a map is not over at {until}"
            self.now = max(self.now, time)
            action()
        for map_ in self.maps.values():
            if isinstance(map_.outcome, ev.Finish) and not map_.cancelled:
                assert all(map_.done), "a map finished without all of its results"
        return max(each.finished_at for each in self.maps.values())

    # The owner

    def _handle(self, event: ev.Event) -> None:
        clock = self.now + self.jumped
        self._tell(lambda: f"-> {_short(event)}")
        self.events += 1
        commands = self.scheduler.handle(event, clock)
        if self._check:
            self.scheduler.check_invariants()
        for command in commands:
            self._tell(lambda command=command: f"   {_short(command)}")  # type: ignore[misc]
            self._perform(command)
        deadline = self.scheduler.next_deadline()
        if deadline is not None and (self._alarm is None or deadline < self._alarm):
            self._alarm = deadline
            self.at(max(self.now, deadline - self.jumped), partial(self._ring, deadline))

    def _ring(self, alarm: float) -> None:
        if self._alarm == alarm:
            self._alarm = None
            self._handle(ev.TimePassed())

    def _perform(self, command: ev.Command) -> None:
        match command:
            case ev.Demand():
                self._answer_demand(command)
            case ev.Lend():
                self.lent_items += command.stop - command.skip
                self._send(command.worker, lambda device: self._take(device, command))
            case ev.Cancel():
                self._send(command.worker, lambda device: self._stop(device, command.lease))
            case ev.Dismiss():
                if device := self.devices.get(command.worker):
                    self.after(0, partial(self.leave, device))
            case ev.Deliver():
                self._receive(command)
            case ev.Answered() | ev.AllAnswered():
                self.judge(command)
            case ev.Finish() | ev.Fail():
                map_ = self.maps[command.map]
                assert map_.outcome is None, f"map {command.map} is over twice"
                map_.outcome = command
                map_.finished_at = self.now
            case _:
                pass

    def judge(self, command: ev.Answered | ev.AllAnswered) -> None:
        """Decides what to believe of a verified map."""
        raise AssertionError(f"nobody judges {command}")

    def _answer_demand(self, demand: ev.Demand) -> None:
        map_ = self.maps[demand.map]
        start, count = map_.taken, min(demand.count, map_.costs.count - map_.taken)
        if map_.chunk_size is not None:
            assert demand.count == map_.chunk_size, "a fixed size is obeyed"
        map_.taken += count
        answer: ev.Event = ev.InputEnded(demand.map)
        if count:
            answer = ev.ChunkArrived(demand.map, start, count, range(start, start + count))
        self.at(self.now, partial(self._handle, answer))

    def _receive(self, delivery: ev.Deliver) -> None:
        map_ = self.maps[delivery.map]
        start, stop = delivery.start, delivery.start + len(delivery.values)
        assert map_.outcome is None, "delivered after the end"
        assert not any(map_.done[start:stop]), f"{start} to {stop} are delivered twice"
        assert delivery.values[0] in (start, None)
        assert delivery.values[-1] in (stop - 1, None)
        map_.done[start:stop] = b"\1" * (stop - start)
        map_.failed.update(delivery.failures)

    # The network

    def _send(self, number: int, arrive: Callable[[Device], None]) -> None:
        if device := self.devices.get(number):
            self._travel(device, lambda: arrive(device))

    def _travel(self, device: Device, arrive: Callable[[], None]) -> None:
        """Carries a message to or from a device that is there when it arrives."""
        network = self.network
        if network.lost and self.random.random() < network.lost:
            self._tell(lambda: f"   a message of device {device.id} is lost")
            return
        copies = 2 if network.doubled and self.random.random() < network.doubled else 1
        for _ in range(copies):
            delay = device.latency
            if network.jitter:
                delay += self.random.expovariate(1 / network.jitter)
            arrival = self.now + delay
            if network.ordered:
                arrival = device.last_arrival = max(arrival, device.last_arrival)
            self.at(arrival, lambda: arrive() if device.alive else None)

    def _report(self, device: Device, event: ev.Event) -> None:
        if device.lies and self.random.random() < device.lies:
            event = self._lie(device, event)
        self._travel(device, partial(self._handle, event))

    def _lie(self, device: Device, event: ev.Event) -> ev.Event:
        if isinstance(event, ev.ResultArrived):
            # An invented answer that fits cannot be told from an honest one here.
            return ev.ResultRejected(device.id, event.lease, "no value of the codec")
        lease = self.random.randint(1, 1 + max(device.jobs, default=1))
        lies: list[ev.Event] = [
            ev.ResultArrived(device.id, lease, 10**6, [-1], True),
            ev.ResultArrived(device.id, lease, 1, range(10**6), False),
            ev.ResultArrived(device.id, lease, 0, [], True),
            ev.ResultRejected(device.id, lease, "no value of the codec"),
            ev.LeaseFailed(device.id, lease, "invented"),
            ev.LeaseCancelled(device.id, lease),
            ev.LeaseReturned(device.id, lease),
            ev.WorkerResized(device.id, device.places),
        ]
        return self.random.choice(lies)

    # The devices

    def _take(self, device: Device, lend: ev.Lend) -> None:
        if lend.lease in device.cancelled or lend.lease in device.jobs:
            return
        assert isinstance(lend.payload, range)
        job = Job(lend, lend.payload[0] + lend.skip)
        device.jobs[lend.lease] = job
        self._begin_waiting(device)

    def _begin_waiting(self, device: Device) -> None:
        for job in list(device.jobs.values()):
            if device.free == 0 or device.hung or not device.alive:
                return
            if not job.running:
                device.free -= 1
                job.running = True
                self._compute(device, job)

    def _compute(self, device: Device, job: Job) -> None:
        """Has the job's next message come when its time is over."""
        if device.hung:
            return
        map_ = self.maps[job.lend.map]
        costs = map_.costs
        done = costs.until(job.next)
        upto = job.next + 1
        if not job.lend.piecewise:
            upto = max(upto, costs.first_reaching(done + FLUSH_SECONDS * device.speed))
        upto = min(upto, job.start + job.lend.stop)
        crash = _first_in(map_.crashes, job.next, upto)
        hang = _first_in(map_.hangs, job.next, crash or upto)
        if hang is not None:
            return  # until somebody cancels it
        seconds = (costs.until(upto if crash is None else crash) - done) / device.speed
        if crash is not None:
            self.after(seconds, partial(self._crash, device, job))
        else:
            self.after(seconds, partial(self._answer, device, job, job.next, upto))

    def _answer(self, device: Device, job: Job, first: int, last: int) -> None:
        if device.jobs.get(job.lend.lease) is not job or device.hung or not device.alive:
            return
        if device.returns and self.random.random() < device.returns:
            self._return(device, job)
            return
        map_ = self.maps[job.lend.map]
        start = job.start
        failures = {}
        for index in range(first, last) if map_.raises else ():
            if map_.raises.get(index, 0) > 0:
                map_.raises[index] -= 1
                failures[index - first] = ev.Failure(OSError("transient"), transient=True)
        final = last == start + job.lend.stop
        job.next = last
        values = self.values(device, first, last)
        lease = job.lend.lease
        self._report(
            device, ev.ResultArrived(device.id, lease, first - start, values, final, failures)
        )
        if final:
            self._over(device, job)
        else:
            self._compute(device, job)

    def values(self, _device: Device, first: int, last: int) -> Sequence[object]:
        """Returns what a device answers for some items: each is its own index."""
        return range(first, last)

    def _crash(self, device: Device, job: Job) -> None:
        if device.jobs.pop(job.lend.lease, None) is job and device.alive:
            self._report(device, ev.LeaseFailed(device.id, job.lend.lease, "out of memory"))
            self.after(RESTART_SECONDS, partial(self._free, device))

    def _stop(self, device: Device, lease: int) -> None:
        device.cancelled.add(lease)
        job = device.jobs.get(lease)
        if device.hung:
            return
        self._report(device, ev.LeaseCancelled(device.id, lease))
        if job:
            self._over(device, job)

    def _return(self, device: Device, job: Job) -> None:
        if not device.hung:
            self._report(device, ev.LeaseReturned(device.id, job.lend.lease))
            self._over(device, job)

    def _over(self, device: Device, job: Job) -> None:
        device.jobs.pop(job.lend.lease, None)
        if job.running:
            self._free(device)

    def _free(self, device: Device) -> None:
        device.free += 1
        self._begin_waiting(device)

    def _tell(self, line: Callable[[], str]) -> None:
        if self._tell_story:
            self.story.append(f"{self.now:10.3f} {line()}")


def _first_in(sorted_items: Sequence[int], start: int, stop: int) -> int | None:
    at = bisect_left(sorted_items, start)
    return sorted_items[at] if at < len(sorted_items) and sorted_items[at] < stop else None


def _short(what: object) -> str:
    text = repr(what).removeprefix("nitocris.events.")
    return text if len(text) < 150 else text[:147] + "..."
