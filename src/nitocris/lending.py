"""Who gets what: queued chunks to workers with room, the rest of the input, help for stragglers.

    queued chunk -> idle worker (starts at once)  -> hungry worker (has it in advance)
    no chunk     -> ask the owners
    nothing left -> an idle worker takes over what waits elsewhere, and doubles what is late there

Maps take turns by the time of workers that they have had.  Each function does bounded work for
each command that it returns, whatever the number of items, chunks and workers.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import chain, islice
from math import inf

from . import events as ev
from .books import Books
from .chunking import next_count
from .records import Chunk, ChunkState, Lease, Map, Worker

MAX_LEASES = 4
"""On one chunk at once, the helpers included."""
PATIENCE = 0.1
"""Seconds without an answer after which the owner is taken to have nothing for idle workers now."""
STEAL_GAIN = 0.05
"""Seconds that a chunk must end earlier elsewhere before it is taken from where it waits."""
TRIES = 8
"""Candidates that are looked at before a search is given up until the next event."""
HELPERS = 32
"""Idle workers among which the fastest one helps with a late chunk."""


VERY_LATE = 5
"""How many times as long until a device that is late helps itself.  A hung process is rare, and a
long item is not worth computing twice on one machine."""
MUCH_FASTER = 1.5
"""A helper at this ratio is worth another lease although the others are not late."""


def lend(books: Books) -> Iterator[ev.Command]:
    """Yields what shall be sent to workers and asked of owners now, and enters it in the books."""
    yield from _lend_queued(books, books.idle)
    yield from _lend_queued(books, books.hungry)
    yield from _demand(books)
    if books.idle:
        yield from _double_late(books)
        patient_until = patience(books)
        if patient_until is None or patient_until <= books.now:
            yield from _take_over(books)


def patience(books: Books) -> float | None:
    """Returns when idle workers stop waiting for the owners, or None if no owner was asked."""
    latest = next(reversed(books.demands.values()), None)
    if latest is None or latest.demanded is None:
        return None
    return latest.demanded + PATIENCE


def first_demand(books: Books, current: Map) -> Iterator[ev.Command]:
    """Asks for a map's first chunk, workers or no workers: it shows what they will need."""
    worker = next(iter(books.idle.values()), None)
    books.demand(current)
    fit = _fitting(books, current, worker) if worker else 1
    yield ev.Demand(current.id, current.chunk_size or fit)


def _lend_queued(books: Books, pool: dict[int, Worker]) -> Iterator[ev.Command]:
    unfit: list[Worker] = []
    while pool and books.turns:
        if pool is books.hungry and _is_expected(books):
            break
        worker = next(iter(pool.values()))
        chunk, seen = _next_chunk(books, worker)
        if chunk is None:
            unfit.append(pool.pop(worker.id))
        else:
            yield from _lend_chunk(books, worker, chunk)
        for current in seen:
            books.mark_map(current)
    for worker in unfit:
        books.mark_worker(worker)


def _is_expected(books: Books) -> bool:
    """Whether a chunk will come at once of a map that had less than the one in turn.

    Nobody is idle for the lack of a chunk in advance, so that one is waited for.
    """
    served, _ = books.turns[0]
    asked = (
        each
        for each in islice(reversed(books.demands.values()), TRIES)
        if each.demanded is not None and each.demanded + PATIENCE > books.now
    )
    to_be_asked = islice(books.wanting.values(), TRIES)
    return any(each.served < served for each in chain(to_be_asked, asked))


def _next_chunk(books: Books, worker: Worker) -> tuple[Chunk | None, list[Map]]:
    """Takes a chunk out of a queue, and returns it with the maps that had their turn."""
    seen: list[Map] = []
    while books.turns:
        _, map_id = heapq.heappop(books.turns)
        current = books.maps.get(map_id)
        if current is None:
            continue
        current.in_turn = False
        seen.append(current)
        if chunk := _take(books, current, worker):
            books.served = max(books.served, current.served)
            return chunk, seen
    return None, seen


def _take(books: Books, current: Map, worker: Worker) -> Chunk | None:
    for chunk in islice(current.suspects, TRIES):
        # Whoever failed it gets it again only if all the others have failed it too.
        if worker.id not in chunk.failed_by or books.active <= chunk.failed_by:
            current.suspects.remove(chunk)
            return chunk
    tries = min(TRIES, len(current.copies)) if _is_in_turn(books, worker) else 0
    for _ in range(tries):
        if _may_answer(books, worker, current.copies[0]):
            return current.copies.popleft()
        current.copies.rotate(-1)  # lest those that nobody here may have hide the others
    return current.queue.popleft() if current.queue else None


def _is_in_turn(books: Books, worker: Worker) -> bool:
    """Whether a worker shall confirm others: each as much as all, and whoever has nothing to do."""
    return worker.has_place or worker.copies * len(books.active) <= books.copies


def _may_answer(books: Books, worker: Worker, chunk: Chunk) -> bool:
    """Whether a worker may compute what others answered; elsewhere than they, if possible."""
    if worker.id in chunk.voters:
        return False
    elsewhere = any(network not in chunk.networks for network in books.networks)
    return worker.network not in chunk.networks or not elsewhere


def _lend_chunk(books: Books, worker: Worker, chunk: Chunk) -> Iterator[ev.Command]:
    """Lends a chunk that is in no queue; what is too much for this worker goes back into one."""
    current = chunk.map
    if current.chunk_size is None and chunk.state is ChunkState.QUEUED:
        fit = _fitting(books, current, worker, chunk.remaining)
        if 2 * fit < chunk.remaining:
            rest, chunk = chunk, books.cut(chunk, chunk.next + fit)
            books.put_back(rest)
    if worker.id not in current.paces:
        current.paces[worker.id] = worker.pace_of(current)
        worker.maps.add(current.id)
        yield ev.Introduce(worker.id, current.id)
    lease = books.open_lease(worker, chunk, _cost(worker, chunk))
    start = chunk.parcel.start
    yield ev.Lend(
        worker.id,
        lease.id,
        current.id,
        chunk.next - start,
        chunk.stop - start,
        chunk.parcel.payload,
        chunk.piecewise,
    )


def _fitting(books: Books, current: Map, worker: Worker, further: int = 0) -> int:
    """Returns how many items suit a worker; `further` ones are about to be lent, not arriving."""
    remaining = None if current.total is None else max(current.total - current.arrived, 0) + further
    return next_count(worker.pace_of(current), remaining, books.capacity)


def _cost(worker: Worker, chunk: Chunk) -> float | None:
    """Returns how many seconds a worker will probably take, None if nothing is known."""
    pace = chunk.map.paces.get(worker.id)
    if pace and pace.items:
        return pace.seconds_per_item * chunk.remaining
    typical = chunk.map.durations.three_quarters
    return None if typical is None else typical * chunk.remaining


def _demand(books: Books) -> Iterator[ev.Command]:
    """Asks the owners for chunks that suit the worker that is next.

    One demand of each map at a time: its answer is lent at once, and asks for the next.
    """
    worker = next(iter((books.idle or books.hungry).values()), None)
    while books.wanting and worker:
        current = next(iter(books.wanting.values()))
        books.demand(current)
        yield ev.Demand(current.id, current.chunk_size or _fitting(books, current, worker))


def _double_late(books: Books) -> Iterator[ev.Command]:
    """Lends chunks that take suspiciously long to idle workers as well."""
    for lease_id in books.lateness.due(books.now):
        lease = books.leases[lease_id]
        late = books.late_at(lease)
        if late is None or late <= books.now:
            books.late[lease_id] = lease
            late = _very_late_at(books, lease)
        if late > books.now:
            books.lateness.set(lease_id, late)
    for lease in list(islice(books.late.values(), TRIES)):
        # Last in line, for this one may find no helper, or need another one later.
        books.late[lease.id] = books.late.pop(lease.id)
        if helper := _helper(books, lease.chunk):
            books.note_relent(lease.chunk.map)
            yield from _lend_chunk(books, helper, lease.chunk)


def _helper(books: Books, chunk: Chunk) -> Worker | None:
    """Returns the fastest idle worker for a late chunk, if one more lease on it makes sense.

    It does when all who have it are late, or when the worker is much faster than any of them.
    """
    if len(chunk.leases) >= MAX_LEASES:
        return None
    idle = list(islice(books.idle.values(), HELPERS))
    helpers = [worker for worker in idle if _may(worker, chunk)]
    if not helpers:
        all_hang = all(_very_late_at(books, lease) <= books.now for lease in chunk.leases)
        return next((each for each in idle if all_hang and each.id not in chunk.voters), None)
    helper = min(helpers, key=lambda worker: _mean_pace(worker, chunk.map))
    fastest = min(_mean_pace(lease.worker, chunk.map) for lease in chunk.leases)
    all_late = all(lease.id in books.late for lease in chunk.leases)
    return helper if all_late or MUCH_FASTER * _mean_pace(helper, chunk.map) < fastest else None


def _very_late_at(books: Books, lease: Lease) -> float:
    """Returns when a lease has taken so long that its worker probably hangs."""
    late = books.late_at(lease)
    if lease.started is None or late is None:
        return inf
    return lease.renewed + VERY_LATE * (late - lease.renewed)


def _mean_pace(worker: Worker, current: Map) -> float:
    pace = current.paces.get(worker.id)
    return pace.mean if pace else inf


def _take_over(books: Books) -> Iterator[ev.Command]:
    """Lends to idle workers what has not started elsewhere, where that ends earlier."""
    unfit: list[Worker] = []
    while books.idle and books.waiting and len(unfit) < TRIES:
        worker = next(iter(books.idle.values()))
        oldest = islice(books.waiting.values(), TRIES)
        lease = next((each for each in oldest if _is_better(books, worker, each)), None)
        if lease is None:
            unfit.append(books.idle.pop(worker.id))
            continue
        yield ev.Cancel(lease.worker.id, lease.id)
        books.close_lease(lease)
        lease.chunk.become(ChunkState.QUEUED)
        yield from _lend_chunk(books, worker, lease.chunk)
    for worker in unfit:
        books.mark_worker(worker)


def _may(worker: Worker, chunk: Chunk) -> bool:
    """Whether a worker is another one than those that have or failed a chunk."""
    return worker.id not in chunk.failed_by | chunk.voters and all(
        each.worker is not worker for each in chunk.leases
    )


def _is_better(books: Books, worker: Worker, lease: Lease) -> bool:
    """Whether a chunk that waits elsewhere would probably be done earlier by an idle worker."""
    if not _may(worker, lease.chunk):
        return False
    cost = _cost(worker, lease.chunk)
    ends_here = books.now + (lease.weight if cost is None else cost)
    starts_there = min(_probable_end(books, each) for each in lease.worker.running.values())
    return ends_here + STEAL_GAIN < starts_there + lease.weight


def _probable_end(books: Books, lease: Lease) -> float:
    """Returns when a running lease will be over; what is late may well take as long again."""
    started = lease.lent if lease.started is None else lease.started
    end = started + lease.weight
    return end if end > books.now else 2 * books.now - started
