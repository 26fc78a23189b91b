"""Who computes what: leases, order, loss.  Facts in (events), wishes out (commands).

    owner's items --Demand/ChunkArrived--> QUEUED --Lend--> LEASED --ResultArrived--> DONE
                                              ^                |
                                              +---- loss ------+

No clock, socket, thread or randomness: the same events at the same times give the same commands.
`books` holds the tables, `lending` decides who gets what, `outcomes` what becomes of it.  Work per
event does not depend on the number of items.
"""

from __future__ import annotations

from typing import assert_never

from . import events as ev
from .agenda import Agenda
from .books import Books
from .ledger import Ledger, WorkerTally
from .lending import first_demand, lend, patience
from .outcomes import Outcomes
from .records import Chunk, Lease, Map, Parcel, Worker
from .throughput import Throughput

KNOWN = 1
"""What stands for the number of a doubt where nothing is doubted: no two chunks share an index."""


class Scheduler:
    """Lends chunks to workers until every item of every map has exactly one result."""

    def __init__(self) -> None:
        self._books = Books()
        self._rests = Agenda()
        self._commands: list[ev.Command] = []
        self._outcomes = Outcomes(self._books, self._commands.append, self._suspect)

    def handle(self, event: ev.Event, now: float) -> list[ev.Command]:
        """Takes what happened at the time `now` (seconds, never going back); returns what to do."""
        self._books.now = now
        match event:
            case ev.WorkerJoined():
                name = event.name or f"worker {event.worker}"
                tally = WorkerTally(Throughput(now))
                self._books.resize(
                    Worker(event.worker, name, event.network, tally=tally), event.capacity
                )
            case ev.WorkerResized():
                if worker := self._books.workers.get(event.worker):
                    self._resize(worker, event.capacity)
            case ev.WorkerLeft():
                if worker := self._books.workers.get(event.worker):
                    self._leave(worker)
            case ev.MapStarted():
                self._start(event)
            case ev.MapVerified():
                if current := self._books.maps.get(event.map):
                    # As for one that was verified from the start: no stranger shall end it.
                    current.verified = current.keep_going = True
            case ev.ChunkArrived():
                self._arrive(event)
            case ev.KnownArrived():
                self._arrive_known(event)
            case ev.ItemsReused():
                current = self._books.maps.get(event.map)
                if current is not None and current.total is not None:
                    current.total -= event.count
            case ev.InputEnded():
                if current := self._books.maps.get(event.map):
                    current.ended = True
                    self._books.end_demand(current)
                    self._outcomes.finish_if_done(current)
            case ev.MapCancelled():
                if current := self._books.maps.get(event.map):
                    self._outcomes.end(current)
            case ev.ItemCancelled():
                self._cancel_item(event)
            case ev.Doubted():
                if current := self._books.maps.get(event.map):
                    self._outcomes.doubted(current, event)
            case ev.Settled():
                if current := self._books.maps.get(event.map):
                    self._outcomes.settled(current, event)
            case ev.ResultArrived():
                if lease := self._lease_of(event.lease, event.worker):
                    self._outcomes.answered(lease, event)
            case ev.LeaseFailed():
                if lease := self._lease_of(event.lease, event.worker):
                    self._outcomes.failed(lease, event.reason)
            case ev.ResultRejected():
                if lease := self._lease_of(event.lease, event.worker):
                    self._outcomes.rejected(lease, event.reason)
            case ev.LeaseCancelled():
                if worker := self._books.workers.get(event.worker):
                    self._books.free_place(worker, event.lease)
            case ev.LeaseReturned():
                if lease := self._lease_of(event.lease, event.worker):
                    self._give_back(lease)
            case ev.TimePassed():
                self._expire()
            case ev.Woken():
                self._books.spare()
            case _:
                assert_never(event)
        for worker in list(self._books.stuck.values()):
            self._recall(worker)  # nobody knows how long it takes to stop
        self._commands.extend(lend(self._books))
        commands = self._commands.copy()
        self._commands.clear()
        return commands

    def map_of(self, lease_id: int, worker_id: int) -> int | None:
        """Returns the map of a live lease of this worker, or None if it is over or not its own."""
        lease = self._lease_of(lease_id, worker_id)
        return lease.chunk.map.id if lease else None

    @property
    def relent(self) -> int:
        """How many chunks were lent again because a worker was lost, crashed or too slow."""
        return self._books.relent

    def tally_of(self, worker_id: int) -> WorkerTally:
        """Returns what a worker, which must have joined, did so far."""
        return self._books.workers[worker_id].tally

    def ledger_of(self, map_id: int) -> Ledger:
        """Returns what a map, which must be running, took so far; it stays true afterwards."""
        return self._books.maps[map_id].ledger

    def leases_of(self, worker_id: int) -> int:
        """Returns how many chunks a worker, which must have joined, has."""
        worker = self._books.workers[worker_id]
        return len(worker.running) + len(worker.waiting)

    def items_of(self, lease_id: int, worker_id: int) -> tuple[int, int, int] | None:
        """Returns what a live lease of this worker is about, or None; known items are nobody's.

        Returns:
            The map, the index of the first item of the payload, and the index after the last item.
        """
        lease = self._lease_of(lease_id, worker_id)
        if lease is None or lease.chunk.parcel.is_known:
            return None
        return lease.chunk.map.id, lease.chunk.parcel.start, lease.chunk.stop

    def next_deadline(self) -> float | None:
        """Returns when `TimePassed` is wanted next, or None while nothing is due."""
        books = self._books
        times = [books.deadlines.next(), self._rests.next()]
        if books.idle:
            times.append(books.lateness.next())
            patient_until = patience(books) if books.waiting else None
            if patient_until is not None and patient_until > books.now:
                times.append(patient_until)
        return min((time for time in times if time is not None), default=None)

    def check_invariants(self) -> None:
        """Raises AssertionError where the books do not agree; for tests."""
        self._books.check()

    def _lease_of(self, lease_id: int, worker_id: int) -> Lease | None:
        lease = self._books.leases.get(lease_id)
        return lease if lease and lease.worker.id == worker_id else None

    def _resize(self, worker: Worker, capacity: int) -> None:
        self._books.resize(worker, capacity)
        if capacity == 0:
            self._recall(worker)

    def _recall(self, worker: Worker) -> None:
        """Takes back what a worker has not started."""
        for lease in reversed(worker.waiting.copy().values()):
            self._commands.append(ev.Cancel(worker.id, lease.id))
            self._outcomes.close(lease)

    def _leave(self, worker: Worker) -> None:
        self._books.resize(worker, 0)
        leases = [*worker.running.values(), *worker.waiting.values()]
        for lease in reversed(leases):
            if lease.id in self._books.leases:  # else its map failed because of the one before
                self._outcomes.lost(lease)
        self._books.remove_worker(worker)
        self._rests.cancel(worker.id)

    def _suspect(self, worker: Worker) -> None:
        """Counts a chunk that a worker failed and another one answered.

        One that fails much more often than the others gets a rest, and is sent away after some.
        """
        everybody = self._outcomes.everybody
        worker.record.failed()
        everybody.failed()
        is_last = self._books.active <= {worker.id}
        if worker.resting or is_last or not worker.record.is_worse_than(everybody):
            return
        self._rest(worker, "it failed again and again what others could compute")

    def _give_back(self, lease: Lease) -> None:
        """Queues a chunk again that its worker does not want to finish.

        One that never does anything else gets a rest: each return costs a chunk on the wire.
        """
        worker = lease.worker
        self._outcomes.close(lease)
        worker.record.returned(lease.id, self._books.next_lease)
        if worker.record.returns_too_much and not worker.resting:
            self._rest(worker, "it gave everything back that it was lent")

    def _rest(self, worker: Worker, reason: str) -> None:
        worker.resting = True
        self._recall(worker)
        self._books.mark_worker(worker)
        seconds = worker.record.rest()
        if seconds is None:
            self._commands.append(ev.Dismiss(worker.id, reason))
        else:
            self._rests.set(worker.id, self._books.now + seconds)
            self._commands.append(ev.Rest(worker.id, seconds, reason))

    def _start(self, event: ev.MapStarted) -> None:
        current = Map(
            event.map,
            event.total,
            event.chunk_size,
            event.timeout,
            event.item_timeout,
            event.keep_going,
            event.retries,
            # Not before all the others, for what they had while it was not there.
            served=self._books.served,
            verified=event.verified,
            function=event.function,
        )
        self._books.maps[event.map] = current
        self._commands.extend(first_demand(self._books, current))

    def _arrive(self, event: ev.ChunkArrived) -> None:
        current = self._books.maps.get(event.map)
        if current is None:
            return
        current.arrived += event.count
        parcel = Parcel(event.payload, event.start)
        self._books.add_chunk(Chunk(current, parcel, event.start, event.start + event.count))
        self._books.end_demand(current)

    def _arrive_known(self, event: ev.KnownArrived) -> None:
        if current := self._books.maps.get(event.map):
            start, stop = event.start, event.start + event.count
            parcel = Parcel(event.payload, start)
            chunk = Chunk(current, parcel, start, stop, copy=KNOWN, voters=event.spared)
            self._books.add_chunk(chunk)

    def _cancel_item(self, event: ev.ItemCancelled) -> None:
        current = self._books.maps.get(event.map)
        chunk = current.chunks.get(event.index + 1) if current else None
        if chunk is not None and chunk.next == event.index:
            self._outcomes.unwanted(chunk)

    def _expire(self) -> None:
        for lease_id in self._books.deadlines.due(self._books.now):
            lease = self._books.leases[lease_id]
            limit = lease.chunk.map.limit
            self._outcomes.failed(lease, f"no result within {limit:g} s", expired=True)
        for worker_id in self._rests.due(self._books.now):
            worker = self._books.workers[worker_id]
            worker.resting = False
            self._books.resize(worker, worker.capacity)
