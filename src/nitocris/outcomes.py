"""What becomes of chunks: answered, failed, lost, given up; and the end of maps.

    LEASED --answer--> DONE
      |
      +--loss--> QUEUED, first in line; the second time one item is answered after the other
      |
      +--the same item took down three workers--> it fails, alone

A chunk may be answered by several workers at once; the first answer of each item counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from . import events as ev
from .books import Books
from .errors import ItemTimeoutError, WorkerLostError
from .health import Record
from .records import Chunk, ChunkState, Lease, Map, Worker

MAX_FAILURES = 3
"""Workers that an item may take down before it is given up."""
MAX_DEPARTURES = 30
"""Workers that may leave while they have an item: tabs are closed all the time, but a tab that runs
out of memory leaves as well."""


class Outcomes:
    """Enters in the books what happened to leases, and says what follows.

    Args:
        books: Where it is entered.
        emit: Takes the commands.
        suspect: Takes a worker that failed a chunk which another one answered.
    """

    def __init__(
        self, books: Books, emit: Callable[[ev.Command], None], suspect: Callable[[Worker], None]
    ) -> None:
        self._books = books
        self._emit = emit
        self._suspect = suspect
        self.everybody = Record()

    # Answers

    def answered(self, lease: Lease, event: ev.ResultArrived) -> None:
        """Takes results of a lease, of which the first for each item counts."""
        chunk = lease.chunk
        current = chunk.map
        first = chunk.parcel.start + event.offset
        stop = first + len(event.values)
        raised_last = len(event.values) - 1 in event.failures
        ends = event.final == (stop == chunk.stop) or (event.final and raised_last)
        if not event.values or first != lease.next or stop > chunk.stop or not ends:
            self.rejected(lease, f"results {first} to {stop} do not fit the items of their lease")
            return
        if lease.started is None:
            self._books.overtake(lease)
        self._note(lease, event, first)
        lease.next = stop
        lease.worker.record.delivered()
        retried: list[Chunk] = []
        if stop > chunk.next:
            retried = self._accept(lease, first, event.values, event.failures)
        if current.id not in self._books.maps:
            return  # it failed
        if chunk.next == chunk.stop:
            self._complete(lease)
        elif event.final:
            self.close(lease)
        else:
            self._books.renew(lease)
        for again in retried:
            self._books.add_chunk(again)
        self.finish_if_done(current)

    def _note(self, lease: Lease, event: ev.ResultArrived, first: int) -> None:
        """Counts a result, also of items that another worker has answered."""
        if lease.chunk.parcel.is_known:
            return
        worker, current, items = lease.worker, lease.chunk.map, len(event.values)
        elapsed = max(self._books.now - lease.renewed, 0.0)
        worker.tally.answered(items, self._books.now)
        current.ledger.answered(worker.id, items, event.seconds, elapsed)
        fresh = lease.chunk.next - first
        slowest = [(first + place, each) for place, each in event.slowest if place >= fresh]
        current.ledger.took(slowest, elapsed)

    def _accept(
        self,
        lease: Lease,
        first: int,
        values: Sequence[object],
        failures: Mapping[int, ev.Failure],
    ) -> list[Chunk]:
        """Delivers the values from `first` on that nobody else answered before.

        Returns:
            Chunks of one item each that are to be tried again.
        """
        chunk = lease.chunk
        current = chunk.map
        begin, stop = chunk.next, lease.next
        chunk.answered_up_to(stop)
        failed: dict[int, ev.Failed] = {}
        retried: list[Chunk] = []
        for position in sorted(failures):
            index = first + position
            failure = failures[position]
            if index < begin:
                continue
            if failure.transient and chunk.attempt <= current.retries:
                self._deliver(lease, begin, values[begin - first : position], failed)
                begin, failed = index + 1, {}
                retried.append(_another_attempt(lease, index))
                continue
            parcel = chunk.parcel
            place = index - parcel.start
            name = lease.worker.name
            final = ev.Failed(failure.error, name, chunk.attempt, parcel.payload, place)
            if not current.keep_going:
                self._deliver(lease, begin, values[begin - first : position], failed)
                self._fail_map(current, index, final)
                return []
            failed[index] = final
        fresh = values if begin == first else values[begin - first :]
        self._deliver(lease, begin, fresh, failed)
        return retried

    def _deliver(
        self,
        by: Lease | Chunk,
        start: int,
        values: Sequence[object],
        failed: Mapping[int, ev.Failed],
    ) -> None:
        """Hands answers on: those of a lease, or what is known of a chunk without one."""
        chunk, worker = (by.chunk, by.worker.id) if isinstance(by, Lease) else (by, None)
        current = chunk.map
        if not values:
            return
        if not chunk.copy:
            current.answered += len(values)
        if not current.verified:
            self._emit(ev.Deliver(current.id, start, values, failed))
            return
        parcel = chunk.parcel
        if not chunk.copy:
            parcel.unsettled += len(values)
            current.unsettled += len(values)
            current.parcels[parcel.start] = parcel
        self._emit(
            ev.Answered(
                current.id, worker, chunk.copy, parcel.start, parcel.payload, start, values, failed
            )
        )

    def _complete(self, lease: Lease) -> None:
        """Notes that a lease answered the last item of its chunk."""
        chunk, worker = lease.chunk, lease.worker
        current = chunk.map
        assert lease.started is not None
        seconds = max(self._books.now - lease.started, 0.0)
        items = chunk.stop - lease.begin
        current.paces[worker.id].learn(items, seconds)
        current.durations.add(seconds / items)
        current.served += seconds - lease.weight
        worker.record.answered()
        self.everybody.answered()
        self._books.judge(current)
        self._books.close_lease(lease)
        for slower in list(chunk.leases):
            self.cancel(slower)
        self._finish_chunk(chunk)
        # A worker that only was asked to try an item again which had raised has failed nothing.
        for worker_id in sorted(chunk.failed_by) if chunk.attempt == 1 else ():
            if worker_id != worker.id and worker_id in self._books.workers:
                self._suspect(self._books.workers[worker_id])

    # Failures

    def failed(self, lease: Lease, reason: str, *, expired: bool = False) -> None:
        """Its worker crashed or hung: was it the item?"""
        chunk, worker = lease.chunk, lease.worker
        worker.tally.failures += 1
        alone = lease.piecewise or chunk.stop - lease.next == 1
        if lease.next == chunk.next:
            chunk.failed_by.add(worker.id)
            chunk.failures += alone and lease.started is not None
            chunk.piecewise = True
        if expired:
            self.cancel(lease)
        else:
            self._books.close_lease(lease)
        if not chunk.leases:
            limit = chunk.map.item_timeout if expired and alone else None
            self._lend_again(chunk, worker.name, reason, limit)

    def lost(self, lease: Lease) -> None:
        """Its worker left, which says little about the item."""
        chunk = lease.chunk
        had_it = lease.started is not None and lease.next == chunk.next
        self._books.close_lease(lease)
        if had_it and self._books.now >= self._books.spared_until:
            chunk.departures += 1
            chunk.piecewise = chunk.piecewise or 2 * chunk.departures > MAX_DEPARTURES
        if not chunk.leases:
            self._lend_again(chunk, lease.worker.name, "it left, perhaps for lack of memory")

    def rejected(self, lease: Lease, reason: str) -> None:
        """Nonsense counts against its worker, never against the chunk."""
        self._emit(ev.Blame(lease.worker.id, reason))
        lease.chunk.failed_by.add(lease.worker.id)
        lease.worker.tally.failures += 1
        self.close(lease)

    def close(self, lease: Lease) -> None:
        """Ends a lease without an answer, and without blaming anybody."""
        self._books.close_lease(lease)
        if not lease.chunk.leases:
            self._books.requeue(lease.chunk)

    def cancel(self, lease: Lease) -> None:
        """Tells a worker to stop; the chunk stays where it is."""
        self._emit(ev.Cancel(lease.worker.id, lease.id))
        self._books.close_lease(lease, cancelled=True)

    def _lend_again(
        self, chunk: Chunk, worker: str, reason: str, item_timeout: float | None = None
    ) -> None:
        """Queues a chunk that nobody has any more; an item that took down too many is given up.

        Args:
            chunk: The chunk.
            worker: The name of the worker that had it.
            reason: Why it does not have it any more.
            item_timeout: The limit that its first item has exceeded, if that is why.
        """
        gone = chunk.piecewise and chunk.departures >= MAX_DEPARTURES
        hopeless = gone or chunk.failures >= MAX_FAILURES or item_timeout is not None
        chunk.become(ChunkState.QUEUED)
        item = chunk
        if (hopeless or chunk.failures) and chunk.remaining > 1:
            # It is known which item it was: the others go on without it, and without blame.
            item = self._books.cut(chunk, chunk.next + 1)
            chunk.failed_by.clear()
            chunk.piecewise = False
            self._books.put_back(chunk)
        if hopeless:
            self._give_up(item, worker, reason, item_timeout)
        else:
            self._books.note_relent(item.map)
            self._books.put_back(item)

    def _give_up(self, chunk: Chunk, worker: str, reason: str, item_timeout: float | None) -> None:
        """Lets the one item of a chunk fail."""
        current, index = chunk.map, chunk.next
        tries = max(chunk.failures, chunk.departures)
        error: Exception
        if item_timeout is not None:
            error = ItemTimeoutError.after(item_timeout)
        else:
            error = WorkerLostError(
                f"took down {tries} workers, the last one ({worker}) because of: {reason}. "
                "Try it alone on this machine; if it only needs longer, raise timeout_in_seconds."
            )
        failed = ev.Failed(error, worker, tries)
        if not current.keep_going:
            self._fail_map(current, index, failed)
            return
        self._deliver(chunk, index, [None], {index: failed})
        self._finish_chunk(chunk)
        self.finish_if_done(current)

    # Ends

    def unwanted(self, chunk: Chunk) -> None:
        """The owner lost interest in the one item of a chunk."""
        current = chunk.map
        for lease in list(chunk.leases):
            self.cancel(lease)
        for queue in (current.queue, current.suspects, current.copies):
            if chunk in queue:
                queue.remove(chunk)
        self._books.mark_map(current)
        current.answered += 1
        self._finish_chunk(chunk)
        self.finish_if_done(current)

    def doubted(self, current: Map, event: ev.Doubted) -> None:
        """Queues answered items for other workers as well."""
        parcel = current.parcels[event.parcel]
        parcel.chunks += 1
        self._books.add_chunk(
            Chunk(
                current,
                parcel,
                event.start,
                event.stop,
                copy=event.copy,
                voters=event.voters,
                networks=event.networks,
            )
        )

    def settled(self, current: Map, event: ev.Settled) -> None:
        """Notes what is not doubted any more."""
        parcel = self._books.settle(current, current.parcels[event.parcel], event.count)
        if parcel:
            self._emit(ev.Release(current.id, parcel.payload))
        self.finish_if_done(current)

    def finish_if_done(self, current: Map) -> None:
        """Ends a map whose items are all answered, and believed where that is wanted."""
        if current.verified and current.ended and current.answered == current.arrived:
            if not current.told:
                current.told = True
                self._emit(ev.AllAnswered(current.id))
            if current.unsettled:
                return
            for chunk in list(current.chunks.values()):
                self._withdraw(chunk)
        if current.ended and not current.chunks:
            self.end(current)
            self._emit(ev.Finish(current.id))

    def end(self, current: Map) -> None:
        """Ends a map, whatever is still out."""
        leases = [lease for chunk in current.chunks.values() for lease in chunk.leases]
        # The waiting ones first, lest they start in the places of the others.
        for lease in sorted(leases, key=lambda lease: lease.started is not None):
            self.cancel(lease)
        self._books.remove_map(current)
        for worker_id in current.paces:
            self._emit(ev.Forget(worker_id, current.id))

    def _withdraw(self, chunk: Chunk) -> None:
        """Gives up a copy that nobody needs any more."""
        for lease in list(chunk.leases):
            self.cancel(lease)
        if chunk in chunk.map.copies:
            chunk.map.copies.remove(chunk)
        self._books.mark_map(chunk.map)
        self._finish_chunk(chunk)

    def _finish_chunk(self, chunk: Chunk) -> None:
        parcel = self._books.finish(chunk)
        if parcel:
            self._emit(ev.Release(chunk.map.id, parcel.payload))

    def _fail_map(self, current: Map, index: int, failed: ev.Failed) -> None:
        self.end(current)
        self._emit(ev.Fail(current.id, index, failed))


def _another_attempt(lease: Lease, index: int) -> Chunk:
    """Returns a chunk with one item of a lease, for another worker if there is one."""
    chunk = lease.chunk
    chunk.parcel.chunks += 1
    return Chunk(
        chunk.map,
        chunk.parcel,
        index,
        index + 1,
        attempt=chunk.attempt + 1,
        failed_by={lease.worker.id},
        copy=chunk.copy,
        voters=chunk.voters,
        networks=chunk.networks,
    )
