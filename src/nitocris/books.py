"""The scheduler's books: tables of workers, maps and leases that stay true to each other.

What is to be done is decided elsewhere; here chunks are entered, lent, put back and done, and each
change puts workers and maps into the tables where they then belong.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from itertools import pairwise

from .agenda import Agenda
from .records import Chunk, ChunkState, Lease, Map, Parcel, Worker

GRACE_SECONDS = 60.0
"""After the owner's machine has slept: pages that took it for gone are back by then."""


class Books:
    """All tables, and the changes that keep them true."""

    def __init__(self) -> None:
        self.now = 0.0
        self.workers: dict[int, Worker] = {}
        self.idle: dict[int, Worker] = {}
        """Workers with a free place, the longest idle first (a dict keeps its order)."""
        self.hungry: dict[int, Worker] = {}
        """Workers without one that should have more in advance."""
        self.stuck: dict[int, Worker] = {}
        """Workers with chunks that wait behind nothing but what they were told to stop."""
        self.active: set[int] = set()
        self.networks: Counter[str] = Counter()
        """Where the active ones are."""
        self.capacity = 0
        self.maps: dict[int, Map] = {}
        self.turns: list[tuple[float, int]] = []
        """A heap of the maps that have something queued; least served first."""
        self.served = 0.0
        """What the map had been served that was last in turn."""
        self.wanting: dict[int, Map] = {}
        """Maps whose owner should be asked for a chunk as soon as a worker has room."""
        self.demands: dict[int, Map] = {}
        """Maps whose owner was asked, the latest last."""
        self.leases: dict[int, Lease] = {}
        self.waiting: dict[int, Lease] = {}
        """Leases that have not started, the oldest first."""
        self.deadlines = Agenda()
        self.lateness = Agenda()
        """When a lease will have run suspiciously long."""
        self.late: dict[int, Lease] = {}
        """Leases that have, and that nobody else has been lent yet."""
        self.unjudged: dict[int, dict[int, Lease]] = {}
        """Leases of each map that started before anything was known about how long they take."""
        self.spared_until = 0.0
        """Until then whoever leaves does so because of the owner."""
        self.next_lease = 1
        self.copies = 0
        """Chunks that were lent to confirm answers."""
        self.relent = 0
        """Chunks that were lent again because a worker was lost, crashed or too slow."""

    def resize(self, worker: Worker, capacity: int) -> None:
        """Notes how many chunks a worker, which may be new, computes at once."""
        self.workers[worker.id] = worker
        self.capacity += capacity - worker.capacity
        worker.capacity = capacity
        self._start_waiting(worker)

    def remove_worker(self, worker: Worker) -> None:
        """Forgets a worker, whose leases are closed already."""
        self.capacity -= worker.capacity
        worker.capacity = 0
        self.mark_worker(worker)
        del self.workers[worker.id]
        for map_id in worker.maps:
            del self.maps[map_id].paces[worker.id]

    def mark_worker(self, worker: Worker) -> None:
        """Puts a worker where it belongs after its leases or capacity changed."""
        if worker.is_active and worker.id not in self.active:
            self.active.add(worker.id)
            self.networks[worker.network] += 1
        elif not worker.is_active and worker.id in self.active:
            self.active.discard(worker.id)
            self.networks[worker.network] -= 1
            if not self.networks[worker.network]:
                del self.networks[worker.network]
        has_place = worker.has_place
        for table, belongs in (
            (self.idle, has_place),
            (self.hungry, not has_place and worker.wants_more),
            (self.stuck, bool(worker.waiting) and not worker.running),
        ):
            if belongs:
                table.setdefault(worker.id, worker)
            else:
                table.pop(worker.id, None)

    def mark_map(self, current: Map) -> None:
        """Puts a map where it belongs after its queue or its demand changed."""
        alive = current.id in self.maps
        queued = bool(current.queue or current.suspects or current.copies)
        if alive and queued and not current.in_turn:
            current.in_turn = True
            heapq.heappush(self.turns, (current.served, current.id))
        if alive and not current.ended and current.demanded is None and not current.queue:
            self.wanting.setdefault(current.id, current)
        else:
            self.wanting.pop(current.id, None)

    def demand(self, current: Map) -> None:
        """Notes that the owner is asked for a chunk."""
        current.demanded = self.now
        self.demands[current.id] = current
        self.mark_map(current)

    def end_demand(self, current: Map) -> None:
        """Notes that the owner answered."""
        current.demanded = None
        self.demands.pop(current.id, None)
        self.mark_map(current)

    def open_lease(self, worker: Worker, chunk: Chunk, cost: float | None) -> Lease:
        """Lends a chunk, which may be lent already, to a worker."""
        if chunk.state is ChunkState.QUEUED:
            chunk.become(ChunkState.LEASED)
        lease = Lease(
            self.next_lease,
            worker,
            chunk,
            begin=chunk.next,
            next=chunk.next,
            lent=self.now,
            cost=cost,
            piecewise=chunk.piecewise,
        )
        self.next_lease += 1
        self.leases[lease.id] = lease
        chunk.leases.append(lease)
        chunk.map.served += lease.weight
        # Last in line, so that the places of a large device are not all filled first.
        self.idle.pop(worker.id, None)
        self.hungry.pop(worker.id, None)
        worker.waiting[lease.id] = self.waiting[lease.id] = lease
        worker.backlog += lease.room
        worker.copies += bool(chunk.copy)
        self.copies += bool(chunk.copy)
        worker.tally.chunk_size = chunk.remaining
        if not chunk.parcel.is_known:
            chunk.map.ledger.lent(worker.id, worker.name, chunk.remaining)
        self._start_waiting(worker)
        return lease

    def start(self, lease: Lease) -> None:
        """Moves a lease from the waiting to the running ones."""
        self._stop_waiting(lease)
        lease.worker.running[lease.id] = lease
        lease.started = self.now
        if len(lease.chunk.leases) == 1:
            lease.chunk.map.ledger.last_start = self.now
        self.renew(lease)

    def overtake(self, lease: Lease) -> None:
        """Notes that a worker started another lease than the first of those that wait."""
        self.start(lease)
        lease.started = lease.lent  # at the earliest: it will be taken for slower than it is
        self.mark_worker(lease.worker)

    def renew(self, lease: Lease) -> None:
        """Puts off the times at which a lease expires, and at which it is late."""
        current = lease.chunk.map
        lease.renewed = self.now
        self.deadlines.set(lease.id, self.now + current.limit)
        self.late.pop(lease.id, None)
        late = self.late_at(lease)
        if late is None:
            self.unjudged.setdefault(current.id, {})[lease.id] = lease
        else:
            self.lateness.set(lease.id, late)

    def spare(self) -> None:
        """Gives all who were not heard time to speak."""
        self.spared_until = self.now + GRACE_SECONDS
        for lease in self.leases.values():
            if lease.started is not None:
                expiry = lease.renewed + lease.chunk.map.limit
                self.deadlines.set(lease.id, max(expiry, self.spared_until))

    def late_at(self, lease: Lease) -> float | None:
        """Returns when a started lease is late, or None if no chunk of its map is done yet.

        The rule is cubed's: after twice the time in which three quarters of the others were done.
        A chunk that takes others long already will take this worker as long.
        """
        typical = lease.chunk.map.durations.three_quarters
        if typical is None:
            return None
        expected = typical * (lease.chunk.stop - lease.next)
        others = (each for each in lease.chunk.leases if each.id < lease.id)
        return lease.renewed + 2 * max(
            expected, *(lease.lent - each.renewed for each in others), 0.0
        )

    def judge(self, current: Map) -> None:
        """Notes when the leases are late that started before anything was known."""
        for lease in self.unjudged.pop(current.id, {}).values():
            late = self.late_at(lease)
            if lease.id in self.leases and late is not None:
                self.lateness.set(lease.id, late)

    def close_lease(self, lease: Lease, *, cancelled: bool = False) -> None:
        """Takes a lease off all tables; a cancelled one keeps its place until that is free."""
        del self.leases[lease.id]
        lease.chunk.leases.remove(lease)
        worker = lease.worker
        if worker.running.pop(lease.id, None) is None:
            self._stop_waiting(lease)
        elif cancelled:
            worker.cancelling.add(lease.id)
        self.deadlines.cancel(lease.id)
        self.lateness.cancel(lease.id)
        self.late.pop(lease.id, None)
        self._start_waiting(worker)

    def free_place(self, worker: Worker, lease_id: int) -> None:
        """Notes that a worker has stopped what it was told to stop."""
        worker.cancelling.discard(lease_id)
        self._start_waiting(worker)

    def add_chunk(self, chunk: Chunk) -> None:
        """Enters a queued chunk, last in line."""
        chunk.map.chunks[chunk.key] = chunk
        _queue_of(chunk).append(chunk)
        self.mark_map(chunk.map)

    def note_relent(self, current: Map) -> None:
        """Counts a chunk that is lent again because of its worker."""
        self.relent += 1
        current.ledger.relent += 1

    def requeue(self, chunk: Chunk) -> None:
        """Puts a chunk that nobody has any more first in line."""
        chunk.become(ChunkState.QUEUED)
        self.put_back(chunk)

    def put_back(self, chunk: Chunk) -> None:
        """Puts a chunk that was taken out of a queue first in line."""
        _queue_of(chunk).appendleft(chunk)
        self.mark_map(chunk.map)

    def cut(self, chunk: Chunk, index: int) -> Chunk:
        """Cuts the items before `index` off a chunk that nobody has, and returns them as another.

        Neither is in a queue afterwards.
        """
        head = Chunk(
            chunk.map,
            chunk.parcel,
            chunk.next,
            index,
            attempt=chunk.attempt,
            piecewise=chunk.piecewise,
            failures=chunk.failures,
            departures=chunk.departures,
            failed_by=set(chunk.failed_by),
            copy=chunk.copy,
            voters=chunk.voters,
            networks=chunk.networks,
        )
        chunk.parcel.chunks += 1
        chunk.map.chunks[head.key] = head
        chunk.answered_up_to(index)
        return head

    def finish(self, chunk: Chunk) -> Parcel | None:
        """Takes a chunk off the books, and returns its parcel if no other needs it."""
        chunk.become(ChunkState.DONE)
        del chunk.map.chunks[chunk.key]
        chunk.parcel.chunks -= 1
        return self._parcel_over(chunk.map, chunk.parcel)

    def settle(self, current: Map, parcel: Parcel, count: int) -> Parcel | None:
        """Notes that items are not doubted any more; returns their parcel as `finish` does."""
        parcel.unsettled -= count
        current.unsettled -= count
        return self._parcel_over(current, parcel)

    def _parcel_over(self, current: Map, parcel: Parcel) -> Parcel | None:
        if parcel.chunks or parcel.unsettled:
            return None
        current.parcels.pop(parcel.start, None)
        return parcel

    def remove_map(self, current: Map) -> None:
        """Forgets a map, whose leases are closed already."""
        del self.maps[current.id]
        if not self.maps:
            self.turns.clear()  # else entries of maps that were cancelled wait for workers
        self.unjudged.pop(current.id, None)
        self.end_demand(current)
        for worker_id, pace in current.paces.items():
            worker = self.workers[worker_id]
            worker.maps.discard(current.id)
            if pace.items and current.function is not None:
                worker.remember(current.function, pace.mean)

    def _start_waiting(self, worker: Worker) -> None:
        while worker.waiting and worker.has_place:
            self.start(next(iter(worker.waiting.values())))
        self.mark_worker(worker)

    def _stop_waiting(self, lease: Lease) -> None:
        worker = lease.worker
        del worker.waiting[lease.id], self.waiting[lease.id]
        # Sums of floats that come and go drift; an empty one is zero.
        worker.backlog = worker.backlog - lease.room if worker.waiting else 0.0

    def check(self) -> None:
        """Raises AssertionError where the books do not agree; for tests."""
        assert self.capacity == sum(worker.capacity for worker in self.workers.values())
        for worker in self.workers.values():
            assert (worker.id in self.active) == worker.is_active
            assert (worker.id in self.idle) == worker.has_place
            assert (worker.id in self.hungry) == (not worker.has_place and worker.wants_more)
            assert not (worker.waiting and worker.has_place), "waits beside a free place"
            assert worker.running or not worker.waiting, "waits behind nothing"
            assert not worker.running.keys() & worker.waiting.keys()
            assert not (worker.running.keys() | worker.waiting.keys()) & worker.cancelling
            for lease in (*worker.running.values(), *worker.waiting.values()):
                assert self.leases[lease.id] is lease
                assert lease.worker is worker
        assert self.networks == Counter(self.workers[each].network for each in self.active)
        assert not self.idle.keys() - self.workers.keys()
        assert not self.hungry.keys() - self.workers.keys()
        for lease in self.leases.values():
            waits = lease.id in self.waiting
            assert lease in lease.chunk.leases
            assert lease.chunk.state is ChunkState.LEASED
            assert waits == (lease.started is None) == (lease.id in lease.worker.waiting)
            assert waits != (lease.id in lease.worker.running)
            assert waits != (lease.id in self.deadlines)
            assert self.maps[lease.chunk.map.id] is lease.chunk.map
        assert self.waiting.keys() | self.late.keys() <= self.leases.keys()
        for current in self.maps.values():
            self._check_map(current)

    def _check_map(self, current: Map) -> None:
        queued = [*current.queue, *current.suspects, *current.copies]
        assert len({chunk.key for chunk in queued}) == len(queued)
        assert bool(queued) <= current.in_turn, "queued and never its turn"
        assert (current.demanded is None) == (current.id not in self.demands)
        wants = not current.ended and current.demanded is None and not current.queue
        assert wants == (current.id in self.wanting)
        ranges = []
        for key, chunk in current.chunks.items():
            assert key == chunk.key
            assert not any(lease.worker.id in chunk.voters for lease in chunk.leases)
            assert (chunk in queued) == (chunk.state is ChunkState.QUEUED) == (not chunk.leases)
            assert all(lease.begin <= lease.next <= chunk.stop for lease in chunk.leases)
            assert chunk.next < chunk.stop
            if not chunk.copy:
                ranges.append((chunk.next, chunk.stop))
        ranges.sort()
        assert all(one[1] <= other[0] for one, other in pairwise(ranges))
        pending = sum(stop - start for start, stop in ranges)
        assert current.answered + pending == current.arrived, "an item is lost or doubled"
        assert current.paces.keys() <= self.workers.keys()
        if current.verified:
            unsettled = sum(parcel.unsettled for parcel in current.parcels.values())
            assert unsettled == current.unsettled <= current.answered


def _queue_of(chunk: Chunk) -> deque[Chunk]:
    current = chunk.map
    if chunk.copy:
        return current.copies
    return current.suspects if chunk.failed_by else current.queue
