"""Lists, tuples, dicts, sets and their relatives from `collections`.

Every container is a tag and one or two sequences (see `sequences`); a dict is the sequence of its
keys and that of its values.  A list refers to nothing but what follows it: there are no back
references, so bytes can describe neither a cycle nor a value that unfolds a million times.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection
from decimal import Decimal
from numbers import Number
from typing import Any, TypeVar, cast

from nitocris.codec import tags
from nitocris.codec.hashes import check_hashes, check_hashes_everywhere
from nitocris.codec.limits import DICT_ENTRY_BYTES
from nitocris.codec.sequences import read_sequence, write_sequence
from nitocris.codec.wire import Reader, UnencodableError, Writer, decodes, encodes

_Set = TypeVar("_Set", set[Any], frozenset[Any])

_CONTAINER_NODES = 2
_SET_ENTRY_BYTES = 64
_CONTAINER_BYTES = 192

_FACTORIES: tuple[Callable[[], Any] | None, ...] = (
    None, int, float, complex, bool, str, bytes, list, tuple, dict, set, frozenset,
)  # fmt: skip
"""The factories of a defaultdict, by their number on the wire: append only."""


@encodes(list)
def _encode_list(writer: Writer, value: list[Any]) -> None:
    writer.buffer.append(tags.LIST)
    write_sequence(writer, value)


@decodes(tags.LIST)
def _decode_list(reader: Reader) -> list[object]:
    return read_sequence(reader)


@encodes(tuple)
def _encode_tuple(writer: Writer, value: tuple[Any, ...]) -> None:
    writer.buffer.append(tags.TUPLE)
    write_sequence(writer, value)


@decodes(tags.TUPLE)
def _decode_tuple(reader: Reader) -> tuple[object, ...]:
    return tuple(read_sequence(reader))


@encodes(deque)
def _encode_deque(writer: Writer, value: deque[Any]) -> None:
    writer.buffer.append(tags.DEQUE)
    writer.charge(10, _CONTAINER_BYTES + 512)
    writer.write(value.maxlen)
    write_sequence(writer, list(value))


@decodes(tags.DEQUE)
def _decode_deque(reader: Reader) -> deque[object]:
    reader.charge(10, _CONTAINER_BYTES + 512)
    maxlen: int | None = reader.read_one_of((tags.NONE, *tags.INTEGERS), "a deque's length")
    items = read_sequence(reader)
    if maxlen is not None and len(items) > maxlen:
        reader.refuse("a deque that is longer than it may be")
    return deque(items, maxlen)


@encodes(set)
def _encode_set(writer: Writer, value: set[Any]) -> None:
    writer.buffer.append(tags.SET)
    _write_elements(writer, value)


@decodes(tags.SET)
def _decode_set(reader: Reader) -> set[object]:
    return _read_elements(reader, set)


@encodes(frozenset)
def _encode_frozenset(writer: Writer, value: frozenset[Any]) -> None:
    writer.buffer.append(tags.FROZENSET)
    _write_elements(writer, value)


@decodes(tags.FROZENSET)
def _decode_frozenset(reader: Reader) -> frozenset[object]:
    return _read_elements(reader, frozenset)


def _write_elements(writer: Writer, value: Collection[Any]) -> None:
    elements = list(value)
    writer.charge(_CONTAINER_NODES, _CONTAINER_BYTES + _SET_ENTRY_BYTES * len(elements))
    check_hashes_everywhere(writer, elements)
    write_sequence(writer, elements)


def _read_elements(reader: Reader, kind: type[_Set]) -> _Set:
    elements = read_sequence(reader)
    reader.charge(_CONTAINER_NODES, _CONTAINER_BYTES + _SET_ENTRY_BYTES * len(elements))
    check_hashes(reader, elements)
    result = kind(elements)
    if len(result) != len(elements):
        reader.refuse(f"a {kind.__name__} with an element that occurs twice")
    return result


@encodes(dict)
def _encode_dict(writer: Writer, value: dict[Any, Any]) -> None:
    writer.buffer.append(tags.DICT)
    _write_entries(writer, value)


@decodes(tags.DICT)
def _decode_dict(reader: Reader) -> dict[object, object]:
    return _read_entries(reader, {})


@encodes(OrderedDict)
def _encode_ordered_dict(writer: Writer, value: OrderedDict[Any, Any]) -> None:
    writer.buffer.append(tags.ORDERED_DICT)
    # Its links and second table cost about as much again.
    writer.charge(len(value), _CONTAINER_BYTES + DICT_ENTRY_BYTES * len(value))
    _write_entries(writer, value)


@decodes(tags.ORDERED_DICT)
def _decode_ordered_dict(reader: Reader) -> OrderedDict[object, object]:
    entries = _read_entries(reader, {})
    reader.charge(len(entries), _CONTAINER_BYTES + DICT_ENTRY_BYTES * len(entries))
    return OrderedDict(entries)


@encodes(Counter)
def _encode_counter(writer: Writer, value: Counter[Any]) -> None:
    if not _are_counts(value):
        raise UnencodableError(value, "its counts are no numbers; return dict(...) of it")
    writer.buffer.append(tags.COUNTER)
    _write_entries(writer, value)


@decodes(tags.COUNTER)
def _decode_counter(reader: Reader) -> Counter[object]:
    result: Counter[object] = Counter()
    _read_entries(reader, cast("dict[object, object]", result))
    if not _are_counts(result):
        reader.refuse("a Counter whose counts are no numbers")
    return result


def _are_counts(value: Counter[Any]) -> bool:
    """Answer whether the values can be ordered, as a Counter's repr does: NaN of Decimal cannot."""
    kinds = set(map(type, value.values()))
    return all(issubclass(kind, Number) and not issubclass(kind, Decimal) for kind in kinds)


@encodes(defaultdict)
def _encode_defaultdict(writer: Writer, value: defaultdict[Any, Any]) -> None:
    numbers = [n for n, factory in enumerate(_FACTORIES) if factory is value.default_factory]
    if not numbers:
        raise UnencodableError(
            value, "its default_factory is code, which does not travel; return dict(...) of it"
        )
    writer.buffer.append(tags.DEFAULT_DICT)
    writer.buffer.append(numbers[0])
    _write_entries(writer, value)


@decodes(tags.DEFAULT_DICT)
def _decode_defaultdict(reader: Reader) -> defaultdict[object, object]:
    number = reader.byte()
    if number >= len(_FACTORIES):
        reader.refuse("a defaultdict with an unknown factory")
    result: defaultdict[object, object] = defaultdict(_FACTORIES[number])
    _read_entries(reader, result)
    return result


def _write_entries(writer: Writer, value: dict[Any, Any]) -> None:
    keys = list(dict.keys(value))
    writer.charge(_CONTAINER_NODES, _CONTAINER_BYTES + DICT_ENTRY_BYTES * len(keys))
    check_hashes_everywhere(writer, keys)
    write_sequence(writer, keys)
    write_sequence(writer, list(dict.values(value)))


def _read_entries(reader: Reader, result: dict[Any, object]) -> dict[object, object]:
    keys = read_sequence(reader)
    reader.charge(_CONTAINER_NODES, _CONTAINER_BYTES + DICT_ENTRY_BYTES * len(keys))
    check_hashes(reader, keys)
    values = read_sequence(reader)
    if len(values) != len(keys):
        reader.refuse(f"a dict of {len(keys):,} keys and {len(values):,} values")
    # Not result.update: Counter's own adds instead of setting.
    dict.update(result, zip(keys, values, strict=True))
    if len(result) != len(keys):
        reader.refuse("a dict with a key that occurs twice")
    return result
