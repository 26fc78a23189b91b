"""Exceptions: what happened, as text and plain data, never as the remote object.

    type name, text of str(), args, attributes, notes, traceback, cause

An argument that cannot be carried comes as its repr, a traceback too long as its tail: whatever
was raised, the owner hears of it.  What it becomes there is told in `remote_errors`.
"""

from __future__ import annotations

import traceback
from functools import lru_cache
from itertools import pairwise

from nitocris.codec import tags
from nitocris.codec.limits import KIB, Limits
from nitocris.codec.remote_errors import RemoteFacts, attributes_of, build
from nitocris.codec.wire import Encoder, Reader, Writer, decodes, text_memory
from nitocris.errors import EncodeError, RemoteError

_EXCEPTION_NODES = 50
_EXCEPTION_BYTES = 1024
_MAX_NAME_BYTES = 300
_MAX_NOTES = 32
_MAX_ARGUMENTS = 64
_MAX_ARGUMENT_BYTES = 256 * KIB
"""An argument that takes more (an array in an assertion) comes back as the head of its repr."""
_MAX_REPR_CHARACTERS = 1_000


def find_encoder(_: Writer, value: object) -> Encoder | None:
    """Recognise exceptions of any class."""
    return _encode_exception if isinstance(value, BaseException) else None


def _encode_exception(writer: Writer, value: BaseException) -> None:
    if writer.in_exception:
        # Chains travel as causes; anything else could be as long as it likes.
        raise EncodeError("an exception within an exception's arguments")
    chain: list[BaseException] = []
    link: BaseException | None = value
    while link is not None and len(chain) < writer.limits.causes + 1:
        chain.append(link)
        link = _cause(link)
        if any(link is seen for seen in chain):
            break
    writer.enter()
    writer.buffer.append(tags.EXCEPTION)
    writer.varint(len(chain))
    for link in chain:
        # Each traceback on its own, except the first, which shows the whole chain.
        _write_exception(writer, link, whole_chain=link is value)
    writer.leave()


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__


def _write_exception(writer: Writer, error: BaseException, *, whole_chain: bool) -> None:
    writer.charge(_EXCEPTION_NODES, _EXCEPTION_BYTES)
    limit = writer.limits.traceback_bytes
    name = _type_name(type(error))
    arguments = [_plain(writer, argument) for argument in error.args[:_MAX_ARGUMENTS]]
    attributes = [
        _plain(writer, getattr(error, attribute, None)) for attribute in attributes_of(name)
    ]
    notes = getattr(error, "__notes__", ())
    notes = [note for note in notes if type(note) is str] if type(notes) is list else []
    notes = notes[:_MAX_NOTES]
    _write_text(writer, _utf8(name)[:_MAX_NAME_BYTES])
    _write_text(writer, _utf8(_text_of(error))[:limit])
    writer.write(arguments)
    writer.write(attributes)
    writer.varint(len(notes))
    for note in notes:
        _write_text(writer, _utf8(note)[: limit // _MAX_NOTES])
    # The end of a traceback says what happened.
    _write_text(writer, _utf8(_format(error, whole_chain))[-limit:])


def _type_name(cls: type) -> str:
    module, name = cls.__module__, cls.__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<its __str__ failed>"


def _format(error: BaseException, whole_chain: bool) -> str:
    try:
        return "".join(traceback.format_exception(error, chain=whole_chain))
    except Exception:
        return f"{_type_name(type(error))}: <its traceback could not be formatted>"


def _utf8(text: str) -> bytes:
    """Answer the bytes of a text; where they are cut, the reader shows a replacement character."""
    return text.encode("utf-8", "replace")


def _plain(writer: Writer, value: object) -> object:
    """Answer a value that can be carried: itself, or else the head of its repr."""
    trial = Writer(_small(writer.limits), writer.registry)
    trial.in_exception = True
    try:
        trial.write(value)
    except Exception:
        return _repr(value)
    return value if trial.size() <= _MAX_ARGUMENT_BYTES else _repr(value)


@lru_cache(maxsize=8)
def _small(limits: Limits) -> Limits:
    return Limits(
        depth=max(limits.depth // 2, 1),
        nodes=limits.nodes // 100,
        memory=limits.memory // 100,
        hash_multiplicity=limits.hash_multiplicity,
        integer_bytes=limits.integer_bytes,
    )


def _repr(value: object) -> str:
    try:
        return repr(value)[:_MAX_REPR_CHARACTERS]
    except Exception:
        return f"<{type(value).__qualname__}: its __repr__ failed>"


@decodes(tags.EXCEPTION)
def _decode_exception(reader: Reader) -> RemoteError:
    reader.enter()
    count = reader.varint()
    if not 0 < count <= reader.limits.causes + 1:
        reader.refuse(f"a chain of {count:,} exceptions")
    chain = [_read_exception(reader) for _ in range(count)]
    reader.leave()
    for error, cause in pairwise(chain):
        error.remote_cause = cause
    return chain[0]


def _read_exception(reader: Reader) -> RemoteError:
    reader.charge(_EXCEPTION_NODES, _EXCEPTION_BYTES)
    limit = reader.limits.traceback_bytes
    name = _read_text(reader, _MAX_NAME_BYTES)
    text = _read_text(reader, limit)
    arguments: list[object] = reader.read_one_of((tags.LIST,), "arguments")
    attributes: list[object] = reader.read_one_of((tags.LIST,), "attributes")
    count = reader.varint()
    reader.at_most("notes", count, _MAX_NOTES)
    notes = [_read_text(reader, limit) for _ in range(count)]
    trace = _read_text(reader, limit)
    return build(RemoteFacts(name, text, tuple(arguments), attributes, notes, trace))


def _read_text(reader: Reader, limit: int) -> str:
    size = reader.varint()
    reader.at_most("bytes of an exception's text", size, limit)
    reader.charge(0, text_memory(size, ascii_only=False))
    return bytes(reader.take(size)).decode("utf-8", "replace")


def _write_text(writer: Writer, data: bytes) -> None:
    writer.charge(0, text_memory(len(data), ascii_only=False))
    writer.varint(len(data))
    writer.payload(data)
