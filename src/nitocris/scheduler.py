"""Who computes what: leases, order, loss.  Facts in (events), wishes out (commands).

    owner's items --Demand/ChunkArrived--> QUEUED --Lend--> LEASED --ResultArrived--> DONE
                                              ^                |
                                              +---- loss ------+

No clock, socket, thread or randomness: the same events at the same times give the same commands.
A chunk's results may come in several pieces; what came back is never computed again, because a
chunk that is lent anew skips it.  Work per event does not depend on the number of items.
"""

from __future__ import annotations

import heapq
from typing import assert_never

from . import events as ev
from .books import Chunk, ChunkState, Lease, Map, Worker
from .chunking import Pace, next_count
from .errors import WorkerLostError

MAX_FAILURES = 3
"""A chunk that crashed or outlasted this many leases ends its map; a worker that merely left does
not count, because tabs are closed all the time."""
LOOKAHEAD = 1
"""Chunks of each map that wait, encoded, for a worker to become free."""


class Scheduler:
    """Lends chunks to workers until every item of every map has exactly one result."""

    def __init__(self) -> None:
        self._workers: dict[int, Worker] = {}
        self._free: dict[int, Worker] = {}
        """Workers with a free place, the longest idle first (a dict keeps its order)."""
        self._maps: dict[int, Map] = {}
        self._leases: dict[int, Lease] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._capacity = 0
        self._next_lease = 1
        self._commands: list[ev.Command] = []
        self._now = 0.0

    def handle(self, event: ev.Event, now: float) -> list[ev.Command]:
        """Takes what happened at the time `now` (seconds, never going back); returns what to do."""
        self._now = now
        match event:
            case ev.WorkerJoined():
                self._workers[event.worker] = Worker(event.worker, 0)
                self._resize(self._workers[event.worker], event.capacity)
            case ev.WorkerResized():
                if worker := self._workers.get(event.worker):
                    self._resize(worker, event.capacity)
            case ev.WorkerLeft():
                self._leave(event.worker)
            case ev.MapStarted():
                self._maps[event.map] = Map(event.map, event.total, event.chunk_size, event.timeout)
            case ev.ChunkArrived():
                self._arrive(event)
            case ev.InputEnded():
                if current := self._maps.get(event.map):
                    current.demanded, current.ended = False, True
                    self._finish_if_done(current)
            case ev.MapCancelled():
                if current := self._maps.get(event.map):
                    self._end(current)
            case ev.ResultArrived():
                self._result(event)
            case ev.LeaseFailed():
                if lease := self._lease_of(event.lease, event.worker):
                    self._fail_lease(lease, event.reason)
            case ev.ResultRejected():
                if lease := self._lease_of(event.lease, event.worker):
                    self._reject(lease, event.reason)
            case ev.LeaseCancelled():
                if worker := self._workers.get(event.worker):
                    worker.cancelling.discard(event.lease)
                    self._mark(worker)
            case ev.TimePassed():
                self._expire()
            case _:
                assert_never(event)
        self._lend()
        self._demand()
        commands, self._commands = self._commands, []
        return commands

    def map_of(self, lease_id: int, worker_id: int) -> int | None:
        """Returns the map of a live lease of this worker, or None if it is over or not its own."""
        lease = self._lease_of(lease_id, worker_id)
        return lease.chunk.map.id if lease else None

    def next_deadline(self) -> float | None:
        """Returns when `TimePassed` is wanted next, or None while no lease is out."""
        while self._deadlines:
            deadline, lease_id = self._deadlines[0]
            lease = self._leases.get(lease_id)
            if lease and lease.deadline <= deadline:
                return deadline
            heapq.heappop(self._deadlines)
            if lease:
                heapq.heappush(self._deadlines, (lease.deadline, lease_id))
        return None

    def _resize(self, worker: Worker, capacity: int) -> None:
        self._capacity += capacity - worker.capacity
        worker.capacity = capacity
        self._mark(worker)

    def _mark(self, worker: Worker) -> None:
        """Keeps `_free` true after the worker's leases or capacity changed."""
        if worker.has_room:
            self._free.setdefault(worker.id, worker)
        else:
            self._free.pop(worker.id, None)

    def _leave(self, worker_id: int) -> None:
        worker = self._workers.pop(worker_id, None)
        if worker is None:
            return
        self._capacity -= worker.capacity
        self._free.pop(worker_id, None)
        for lease_id in sorted(worker.leases, reverse=True):
            self._requeue(self._leases.pop(lease_id).chunk)
        for map_id in worker.maps:
            del self._maps[map_id].workers[worker_id]

    def _arrive(self, event: ev.ChunkArrived) -> None:
        current = self._maps.get(event.map)
        if current is None:
            return
        chunk = Chunk(current, event.start, event.count, event.payload)
        current.demanded = False
        current.arrived += event.count
        current.chunks[chunk.start] = chunk
        current.queue.append(chunk)

    def _result(self, event: ev.ResultArrived) -> None:
        lease = self._lease_of(event.lease, event.worker)
        if lease is None:
            return
        chunk = lease.chunk
        done = event.offset + len(event.values)
        complete = done == chunk.count
        fits = event.offset == chunk.done and done <= chunk.count
        fits = fits and (bool(event.values) or event.final)
        sound = complete == event.final if event.failure is None else event.final and not complete
        if not (fits and sound):
            reason = f"results {event.offset} to {done} do not fit a chunk of {chunk.count} items"
            self._reject(lease, reason)
            return
        chunk.done = done
        if event.values:
            chunk.map.delivered += len(event.values)
            start = chunk.start + event.offset
            self._commands.append(ev.Deliver(chunk.map.id, start, event.values))
        if event.failure is not None:
            self._fail_map(chunk.map, chunk.start + done, event.failure)
        elif event.final:
            self._complete(lease)
        else:
            lease.deadline = self._now + chunk.map.timeout

    def _complete(self, lease: Lease) -> None:
        chunk = lease.chunk
        pace = chunk.map.workers[lease.worker.id]
        pace.learn(chunk.count - lease.skip, self._now - lease.since)
        self._drop(lease)
        chunk.become(ChunkState.DONE)
        del chunk.map.chunks[chunk.start]
        self._commands.append(ev.Release(chunk.map.id, chunk.payload))
        self._finish_if_done(chunk.map)

    def _cancel(self, lease: Lease) -> None:
        self._commands.append(ev.Cancel(lease.worker.id, lease.id))
        lease.worker.cancelling.add(lease.id)

    def _lease_of(self, lease_id: int, worker_id: int) -> Lease | None:
        lease = self._leases.get(lease_id)
        return lease if lease and lease.worker.id == worker_id else None

    def _reject(self, lease: Lease, reason: str) -> None:
        self._commands.append(ev.Blame(lease.worker.id, reason))
        self._drop(lease)
        self._requeue(lease.chunk)

    def _drop(self, lease: Lease) -> None:
        del self._leases[lease.id]
        lease.chunk.lease = None
        lease.worker.leases.discard(lease.id)
        self._mark(lease.worker)

    def _requeue(self, chunk: Chunk) -> None:
        chunk.lease = None
        chunk.become(ChunkState.QUEUED)
        chunk.map.queue.appendleft(chunk)

    def _expire(self) -> None:
        while (deadline := self.next_deadline()) is not None and deadline <= self._now:
            _, lease_id = heapq.heappop(self._deadlines)
            lease = self._leases[lease_id]
            self._cancel(lease)
            self._fail_lease(lease, f"no result within {lease.chunk.map.timeout:g} s")

    def _fail_lease(self, lease: Lease, reason: str) -> None:
        chunk = lease.chunk
        self._drop(lease)
        self._requeue(chunk)
        chunk.failures += 1
        if chunk.failures >= MAX_FAILURES:
            first, last = chunk.start + chunk.done, chunk.start + chunk.count - 1
            items = f"item {first}" if first == last else f"one of the items {first} to {last}"
            error = WorkerLostError(
                f"{items} failed {chunk.failures} times, the last time because of: {reason}. "
                "Try it alone on this machine; if it only needs longer, "
                "raise timeout_in_seconds or lower chunk_size."
            )
            self._fail_map(chunk.map, first, error)

    def _fail_map(self, current: Map, index: int, error: Exception) -> None:
        self._end(current)
        self._commands.append(ev.Fail(current.id, index, error))

    def _finish_if_done(self, current: Map) -> None:
        if current.ended and not current.chunks:
            self._end(current)
            self._commands.append(ev.Finish(current.id))

    def _end(self, current: Map) -> None:
        del self._maps[current.id]
        for chunk in current.chunks.values():
            if chunk.lease is not None:
                lease = self._leases[chunk.lease]
                self._cancel(lease)
                self._drop(lease)
        for worker_id in current.workers:
            self._workers[worker_id].maps.discard(current.id)
            self._commands.append(ev.Forget(worker_id, current.id))

    def _lend(self) -> None:
        """Gives queued chunks to free workers, the maps taking turns."""
        while self._free and (current := self._next_queued()):
            worker = next(iter(self._free.values()))
            chunk = current.queue.popleft()
            chunk.become(ChunkState.LEASED)
            lease = Lease(
                self._next_lease,
                worker,
                chunk,
                since=self._now,
                deadline=self._now + current.timeout,
                skip=chunk.done,
            )
            self._next_lease += 1
            self._leases[lease.id] = lease
            chunk.lease = lease.id
            heapq.heappush(self._deadlines, (lease.deadline, lease.id))
            worker.leases.add(lease.id)
            # Last in line, so that the free places of a large device are not all filled first.
            self._free.pop(worker.id)
            self._mark(worker)
            if worker.id not in current.workers:
                current.workers[worker.id] = Pace()
                worker.maps.add(current.id)
                self._commands.append(ev.Introduce(worker.id, current.id))
            self._commands.append(
                ev.Lend(worker.id, lease.id, current.id, chunk.count, chunk.done, chunk.payload)
            )

    def _demand(self) -> None:
        """Asks each map's owner for a chunk when fewer than `LOOKAHEAD` are ready.

        One demand at a time: its answer is lent at once, and asks for the next.
        """
        for current in self._maps.values():
            if current.ended or current.demanded or len(current.queue) >= LOOKAHEAD:
                continue
            current.demanded = True
            self._commands.append(ev.Demand(current.id, self._next_count(current)))

    def _next_count(self, current: Map) -> int:
        if current.chunk_size is not None:
            return current.chunk_size
        remaining = None if current.total is None else max(current.total - current.arrived, 0)
        worker = next(iter(self._free), None)
        if worker is None or worker not in current.workers:
            worker = next(reversed(current.workers), None)
        pace = None if worker is None else current.workers[worker]
        return next_count(pace, remaining, self._capacity)

    def _next_queued(self) -> Map | None:
        """Returns a map with a queued chunk, and puts it last in line."""
        current = next((each for each in self._maps.values() if each.queue), None)
        if current is not None:
            self._maps[current.id] = self._maps.pop(current.id)
        return current

    def check_invariants(self) -> None:
        """Raises AssertionError where the books do not agree; for tests."""
        assert self._capacity == sum(worker.capacity for worker in self._workers.values())
        for worker in self._workers.values():
            assert (worker.id in self._free) == worker.has_room
            assert not worker.leases & worker.cancelling
            assert all(self._leases[lease].worker is worker for lease in worker.leases)
        for lease in self._leases.values():
            assert lease.chunk.lease == lease.id
            assert lease.chunk.state is ChunkState.LEASED
            assert lease.id in lease.worker.leases
            assert lease.worker.id in self._workers
        for current in self._maps.values():
            queued = {chunk.start for chunk in current.queue}
            leased = {s for s, c in current.chunks.items() if c.state is ChunkState.LEASED}
            assert len(queued) == len(current.queue)
            assert queued | leased == set(current.chunks)
            assert not queued & leased
            pending = sum(chunk.count - chunk.done for chunk in current.chunks.values())
            assert current.delivered + pending == current.arrived
            assert set(current.workers) <= set(self._workers)
