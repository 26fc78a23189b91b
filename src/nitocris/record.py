"""One map and the journal: what is there already, and what is to be added.

    items --> take --> those that are missing --> Coordinator --receive--> JournalWriter --> inbox
               +-----> results of the others --deliver--------------------------------------> inbox

Each item stays here from when it is supplied until its result comes, as two hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from . import codec
from . import events as ev
from .call import Call
from .encoded import Encoded
from .errors import DecodeError, EncodeError
from .fingerprint import ItemFingerprints, UnstableError, fingerprint_of_function
from .job import MappedFunction
from .journal import Row
from .journal_writer import JournalWriter
from .open_map import ToOwner

MAX_ITEM_BYTES = 1024
"""Larger arguments are not kept beside their results: they are there for people to read."""

MAX_WITHDRAWABLE = 100_000
"""The latest results of a stream can be removed again, so that it needs no more memory."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Some of the owner's items, in their order.

    Attributes:
        known: The results of the first ones, which are in the journal.
        missing: The arguments of those after them, which are not.
        following: The result of the one after these, if that is in the journal.
        over: Whether there are no more.
        broken: What the iterable raised after all these.
    """

    known: list[object] = field(default_factory=list)
    missing: list[tuple[Any, ...]] = field(default_factory=list)
    following: list[object] = field(default_factory=list)
    over: bool = False
    broken: Exception | None = None


def take_all(items: Iterator[tuple[Any, ...]], count: int) -> Taken:
    """Takes items where there is no journal, at most so many."""
    missing: list[tuple[Any, ...]] = []
    try:
        missing.extend(islice(items, count))  # what came before an error stays
    except Exception as error:
        return Taken(missing=missing, broken=error)
    return Taken(missing=missing, over=len(missing) < count)


class Record:
    """What the journal has of one map, and gets from it.

    Args:
        writer: The journal.
        function: The fingerprint of what is mapped.
        number: That of the function in the journal.
        call: What the owner wants.
        encoded: Its function.
        deliver: Takes results for the owner.

    Attributes:
        deliver: The same.
        may_withdraw: Whether results may turn out to rest on nobody but liars, later.
    """

    def __init__(
        self,
        writer: JournalWriter,
        function: bytes,
        number: int,
        call: Call,
        encoded: Encoded,
        deliver: Callable[[ToOwner], None],
    ) -> None:
        self._writer = writer
        self._function = function
        self._number = number
        self._call = call
        self._registry = encoded.registry
        self._items = ItemFingerprints(encoded.shipment.modules)
        self._waiting: dict[int, tuple[bytes, bytes]] = {}
        """Key and arguments of items that have been supplied, by their indexes."""
        self._reused = 0
        self._kept: dict[int, bytes] = {}
        """Keys of results that may be withdrawn, by their indexes; the oldest first."""
        self.may_withdraw = False
        self.deliver = deliver

    def take(self, items: Iterator[tuple[Any, ...]], index: int, count: int, most: int) -> Taken:
        """Takes items up to the first one that is in the journal after some that are not.

        Args:
            items: Where they come from.
            index: That of the first one.
            count: How many may be missing.
            most: How many may be taken at all.
        """
        known: list[object] = []
        missing: list[tuple[Any, ...]] = []
        while len(missing) < count and len(known) + len(missing) < most:
            try:
                arguments = next(items)
            except StopIteration:
                return Taken(known, missing, over=True)
            except Exception as error:
                return Taken(known, missing, broken=error)
            found = self._find(index + len(known) + len(missing), arguments)
            if not found:
                missing.append(arguments)
            elif missing:
                return Taken(known, missing, found)
            else:
                known += found
        return Taken(known, missing)

    def receive(self, note: ToOwner) -> None:
        """Takes what comes from the coordinator, and hands it on when it is noted."""
        if isinstance(note, ev.Demand):
            self.deliver(note)
        else:
            rows = partial(self._rows, note)
            self._writer.add(rows, partial(self.deliver, note))

    def withdraw(self, indexes: Sequence[int]) -> None:
        """Removes results from the journal, so that another run computes them again."""

        def keys() -> Iterator[bytes]:
            return (self._kept.pop(index) for index in indexes if index in self._kept)

        self._writer.remove(keys)

    def end(self, items: int) -> None:
        """Notes that all items have been taken, and says how many of them were there."""
        if self._reused:
            self._call.display.tell(
                f"{self._reused:,} of {items:,} items are in the journal "
                f"{self._writer.journal.path.name}."
            )

    def key_of(self, arguments: tuple[Any, ...]) -> bytes | None:
        """Returns what an item is called in the journal, None if it cannot be recognised."""
        item = self._items.of(arguments)
        return None if item is None else hashlib.sha256(self._function + item).digest()

    def known(self, key: bytes) -> list[object]:
        """Returns the result of an item if it is in the journal, else nothing."""
        encoded = self._writer.journal.get(key)
        if encoded is None:
            return []
        try:
            return [codec.decode(encoded, self._registry)]
        except DecodeError:  # of a class that is not known any more
            return []

    def expect(self, index: int, key: bytes, arguments: bytes) -> None:
        """Waits for the result of an item that is supplied, to keep it."""
        if not self._writer.problem:  # else nobody would take it out again
            self._waiting[index] = key, arguments

    def forget(self, index: int) -> None:
        """Waits no more for an item that was given up."""
        self._waiting.pop(index, None)

    def _find(self, index: int, arguments: tuple[Any, ...]) -> list[object]:
        """Returns the result of an item, or nothing and waits for it."""
        key = self.key_of(arguments)
        if key is None:
            return []
        found = self.known(key)
        self._reused += len(found)
        if not found:
            self.expect(index, key, readable(arguments))
        return found

    def _rows(self, note: ToOwner) -> Iterator[Row]:
        if not isinstance(note, ev.Deliver):
            return
        for index, value in enumerate(note.values, note.start):
            waiting = self._waiting.pop(index, None)
            if waiting is None or index in note.failures:
                continue
            try:
                encoded = codec.encode(value, self._registry)
            except EncodeError:  # it came as data, but is larger than data may be
                continue
            if self.may_withdraw:
                self._keep(index, waiting[0])
            yield Row(waiting[0], self._number, waiting[1], encoded)

    def _keep(self, index: int, key: bytes) -> None:
        self._kept[index] = key
        if len(self._kept) > MAX_WITHDRAWABLE:
            del self._kept[next(iter(self._kept))]


def open_record(
    writer: JournalWriter | None,
    call: Call,
    encoded: Encoded,
    deliver: Callable[[ToOwner], None],
    *,
    counts: bool = True,
) -> Record | None:
    """Returns what connects a map with the journal; None where it has none.

    Args:
        writer: The journal, if the execution has one.
        call: What the owner wants.
        encoded: Its function.
        deliver: Takes what is for the owner.
        counts: Whether to say how many results of the function are there.
    """
    if writer is None:
        return None
    name = MappedFunction.of(call.function).name
    file = writer.journal.path.name
    try:
        fingerprint = fingerprint_of_function(call.callee)
    except UnstableError as error:
        call.display.warn(
            f"results of {name} are not kept in {file}, because the function could not be "
            f"recognised by another run ({error})."
        )
        return None
    known = writer.function(fingerprint, name)
    if known is None:
        return None
    if known.has_changed:
        call.display.warn(
            f"{name}, or something that it refers to, has changed since {file} was written, so "
            "all of its items are computed anew."
        )
    if known.results and counts:
        call.display.tell(
            f"{file} has {known.results:,} results of {name}; items that are among them are not "
            "computed again."
        )
    return Record(writer, fingerprint, known.number, call, encoded, deliver)


def readable(arguments: tuple[Any, ...]) -> bytes:
    """Returns the arguments of an item for people to read, nothing where they are large."""
    try:
        encoded = codec.encode(arguments)
    except EncodeError:
        return b""
    return encoded if len(encoded) <= MAX_ITEM_BYTES else b""
