"""Instances of registered classes.

    class   the class's number in this message; a new number is followed by its name and fields
    DATACLASS, NAMEDTUPLE: class, then the values of the fields
    ENUM: class, the member's name
    FLAG: class, then the member's name, or the number of a combination

Decoding an instance runs none of its class's methods: no `__init__`, no `__post_init__`, no
`__setstate__`.  The values have the fields' names, not necessarily their types.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from enum import Enum, Flag
from functools import cached_property
from typing import Any

from nitocris.codec import tags
from nitocris.codec.limits import VALUE_BYTES
from nitocris.codec.registry import Shape, is_namedtuple, shape_of
from nitocris.codec.wire import Encoder, Reader, UnencodableError, Writer, decodes

_INSTANCE_NODES = 2
_INSTANCE_BYTES = 160
_FIELD_BYTES = 2 * VALUE_BYTES
_FLAG_NODES = 10
"""A combination that is seen for the first time becomes a new member of the class."""


def find_encoder(writer: Writer, value: object) -> Encoder | None:
    """Recognise instances of registered classes, and say of others how to register them."""
    cls = type(value)
    if writer.registry.of_class(cls) is not None:
        if isinstance(value, Enum):
            return _encode_enum
        return _encode_instance
    if isinstance(value, Enum) or is_dataclass(cls) or is_namedtuple(cls):
        kind = "dataclass" if is_dataclass(cls) else "named tuple"
        if isinstance(value, Enum):
            kind = "enum"
        raise UnencodableError(
            value,
            f"the {kind} {cls.__qualname__} is not known to the owner; "
            f"register it before the map with DistributedExecution.register({cls.__name__})",
        )
    return None


def _encode_instance(writer: Writer, value: Any) -> None:
    shape = _shape_for(writer, value)
    writer.enter()
    writer.charge(
        _INSTANCE_NODES + len(shape.fields), _INSTANCE_BYTES + _FIELD_BYTES * len(shape.fields)
    )
    _refuse_extra_attributes(value, shape)
    writer.buffer.append(shape.tag)
    _write_class(writer, shape)
    if shape.tag == tags.NAMEDTUPLE:
        values = list(tuple.__iter__(value))
    else:
        try:
            values = [getattr(value, name) for name in shape.fields]
        except AttributeError as error:
            raise UnencodableError(value, f"a field is missing: {error}") from None
    for item in values:
        writer.write(item)
    writer.leave()


def _shape_for(writer: Writer, value: object) -> Shape:
    """Answer the registered shape, provided that the value's class still agrees with it."""
    cls = type(value)
    registered = writer.registry.of_class(cls)
    own = registered if registered and registered.cls is cls else shape_of(cls)
    if registered is None or (own.tag, own.fields) != (registered.tag, registered.fields):
        raise UnencodableError(value, f"another class is registered as {own.name}")
    return own


def _refuse_extra_attributes(value: object, shape: Shape) -> None:
    fields = () if shape.tag == tags.NAMEDTUPLE else shape.fields
    for name in getattr(value, "__dict__", {}).keys() - set(fields):
        # A cached property is computed again by whoever asks for it.
        if not isinstance(getattr(type(value), name, None), cached_property):
            raise UnencodableError(
                value, f"its attribute {name!r} is no field, and only the fields travel"
            )


@decodes(tags.DATACLASS)
def _decode_dataclass(reader: Reader) -> object:
    shape, values = _read_instance(reader, tags.DATACLASS)
    instance = object.__new__(shape.cls)
    for name, value in zip(shape.fields, values, strict=True):
        object.__setattr__(instance, name, value)
    return instance


@decodes(tags.NAMEDTUPLE)
def _decode_namedtuple(reader: Reader) -> object:
    shape, values = _read_instance(reader, tags.NAMEDTUPLE)
    return tuple.__new__(shape.cls, values)


def _read_instance(reader: Reader, tag: int) -> tuple[Shape, list[object]]:
    reader.enter()
    shape = _read_class(reader, tag)
    reader.charge(
        _INSTANCE_NODES + len(shape.fields), _INSTANCE_BYTES + _FIELD_BYTES * len(shape.fields)
    )
    values = [reader.read() for _ in shape.fields]
    reader.leave()
    return shape, values


def _encode_enum(writer: Writer, value: Enum) -> None:
    shape = _shape_for(writer, value)
    members = type(value).__members__
    name = value._name_
    writer.charge(_INSTANCE_NODES, VALUE_BYTES)
    writer.buffer.append(shape.tag)
    _write_class(writer, shape)
    if name is not None and members.get(name) is value:
        writer.write(name)
        return
    if not isinstance(value, Flag) or value._value_ & ~_all_bits(type(value)):
        raise UnencodableError(value, f"it is no member of {type(value).__qualname__}")
    writer.charge(_FLAG_NODES, 8 * VALUE_BYTES)
    writer.write(value._value_)


@decodes(tags.ENUM)
def _decode_enum(reader: Reader) -> object:
    shape = _read_class(reader, tags.ENUM)
    reader.charge(_INSTANCE_NODES, VALUE_BYTES)
    return _member(reader, shape, reader.read_one_of((tags.STR,), "a member's name"))


@decodes(tags.FLAG)
def _decode_flag(reader: Reader) -> object:
    shape = _read_class(reader, tags.FLAG)
    reader.charge(_INSTANCE_NODES, VALUE_BYTES)
    which: str | int = reader.read_one_of((tags.STR, *tags.INTEGERS), "a member")
    if isinstance(which, str):
        return _member(reader, shape, which)
    reader.charge(_FLAG_NODES, 8 * VALUE_BYTES)
    if which < 0 or which & ~_all_bits(shape.cls):
        reader.refuse(f"{shape.name!a} has no such flags: {which:#x}")
    return shape.cls(which)


def _member(reader: Reader, shape: Shape, name: str) -> object:
    member = shape.cls.__members__.get(name)
    if member is None or member._name_ != name:
        reader.refuse(f"{shape.name!a} has no such member")
    return member


def _all_bits(cls: type[Any]) -> int:
    bits = 0
    for member in cls.__members__.values():
        bits |= member._value_
    return bits


def _write_class(writer: Writer, shape: Shape) -> None:
    known = writer.known_classes
    number = known.get(shape.name)
    if number is not None:
        writer.varint(number)
        return
    writer.varint(len(known))
    known[shape.name] = len(known)
    writer.text(shape.name)
    writer.varint(len(shape.fields))
    for field in shape.fields:
        writer.text(field)


def _read_class(reader: Reader, tag: int) -> Shape:
    known = reader.known_shapes
    number = reader.varint()
    if number > len(known):
        reader.refuse("a class that was not described")
    if number == len(known):
        known.append(_read_description(reader))
    shape = known[number]
    if shape.tag != tag:
        reader.refuse(f"{shape.name!a} is another kind of class")
    return shape


def _read_description(reader: Reader) -> Shape:
    name = reader.text()
    shape = reader.registry.of_name(name)
    if shape is None:
        reader.refuse(f"no class is registered as {name[:80]!a}")
    count = reader.varint()
    # Counted first: the texts are only read if there are as many as there should be.
    if count != len(shape.fields) or any(reader.text() != field for field in shape.fields):
        reader.refuse(f"{name[:80]!a} has the fields {shape.fields}, not those that came")
    return shape
