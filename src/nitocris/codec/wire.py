"""The writer, the reader, and the tables that say which function handles which type or tag.

    value --ENCODERS[type(value)]--> Writer --join--> bytes --> Reader --DECODERS[tag]--> value

Every other module of this package fills the two tables for its own kinds through `encodes` and
`decodes`.  The writer gathers small things in one growing buffer and keeps large ones as views, so
that an array is copied once, by the final join.  The reader checks every claimed length against
the bytes that are there before anything is allocated.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from nitocris.codec import tags
from nitocris.codec.limits import TEXT_BYTES, Budget, Limits
from nitocris.errors import DecodeError, EncodeError

if TYPE_CHECKING:
    from nitocris.codec.registry import Registry, Shape

VERSION = 1
"""The first byte of a message."""

ALIGNMENT = 8
"""Array data begins at a multiple of this many bytes from the start of the message."""

_OWN_CHUNK_BYTES = 4096
"""From this size on a buffer is kept as a view: cheaper than a copy into the growing buffer."""

Encoder = Callable[["Writer", Any], None]
Decoder = Callable[["Reader"], object]
EncoderT = TypeVar("EncoderT", bound=Encoder)
DecoderT = TypeVar("DecoderT", bound=Decoder)

ENCODERS: dict[type, Encoder] = {}
"""By exact type; never by base class, which would silently change what the user returned."""

FINDERS: list[Callable[[Writer, Any], Encoder | None]] = []
"""Asked in order for types that are not in the table: registered classes, numpy, exceptions."""


class UnencodableError(EncodeError):
    """A value that the codec does not carry; `encode` adds the path that leads to it."""

    def __init__(self, value: object, reason: str) -> None:
        """Name the culprit; without a reason the remedy for its type is looked up."""
        super().__init__(reason)
        self.value = value


def encodes(*types: type) -> Callable[[EncoderT], EncoderT]:
    """Enter a function in the table of encoders."""

    def enter(encoder: EncoderT) -> EncoderT:
        ENCODERS.update(dict.fromkeys(types, encoder))
        return encoder

    return enter


def decodes(tag: int) -> Callable[[DecoderT], DecoderT]:
    """Enter a function in the table of decoders."""

    def enter(decoder: DecoderT) -> DecoderT:
        DECODERS[tag] = decoder
        return decoder

    return enter


class Writer(Budget):
    """Collects the bytes of one message."""

    __slots__ = ("buffer", "chunks", "flushed", "in_exception", "known_classes", "registry")

    error: ClassVar[type[Exception]] = EncodeError

    def __init__(self, limits: Limits, registry: Registry) -> None:
        """Begin an empty message."""
        super().__init__(limits)
        self.registry = registry
        self.buffer = bytearray()
        self.chunks: list[bytes | bytearray | memoryview] = []
        self.flushed = 0
        self.known_classes: dict[str, int] = {}
        self.in_exception = False

    def write(self, value: object) -> None:
        """Append any value with its tag."""
        encoder = ENCODERS.get(type(value))
        if encoder is None:
            encoder = self.find_encoder(value)
        encoder(self, value)

    def find_encoder(self, value: object) -> Encoder:
        """Answer who encodes a value whose type is not in the table."""
        for finder in FINDERS:
            encoder = finder(self, value)
            if encoder is not None:
                return encoder
        raise UnencodableError(value, "")

    def varint(self, number: int) -> None:
        """Append a count: 7 bits a byte, the lowest first."""
        buffer = self.buffer
        while number > 0x7F:
            buffer.append(number & 0x7F | 0x80)
            number >>= 7
        buffer.append(number)

    def text(self, text: str) -> None:
        """Append a text with its length in bytes."""
        data = text.encode("utf-8", "surrogatepass")
        self.charge(0, text_memory(len(data), ascii_only=text.isascii()))
        self.varint(len(data))
        self.payload(data)

    def payload(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes as they are; a view must stay unchanged until `join`."""
        size = len(data)
        if size < _OWN_CHUNK_BYTES:
            self.buffer += data
            return
        self.chunks.append(self.buffer)
        self.chunks.append(data)
        self.flushed += len(self.buffer) + size
        self.buffer = bytearray()

    def align(self) -> None:
        """Append zeros up to the next multiple of 8."""
        self.buffer += bytes(-(self.flushed + len(self.buffer)) % ALIGNMENT)

    def size(self) -> int:
        """Answer how many bytes the message has so far."""
        return self.flushed + len(self.buffer)

    def join(self) -> bytes:
        """Answer the message."""
        if not self.chunks:
            return bytes(self.buffer)
        return b"".join([*self.chunks, self.buffer])


class Reader(Budget):
    """Walks through the bytes of one message."""

    __slots__ = ("data", "known_shapes", "position", "registry", "view")

    error: ClassVar[type[Exception]] = DecodeError

    def __init__(
        self, data: bytes | bytearray | memoryview, limits: Limits, registry: Registry
    ) -> None:
        """Begin at the first byte."""
        super().__init__(limits)
        self.registry = registry
        self.view = memoryview(data).cast("B")
        # bytes are faster to index than a view.
        self.data: bytes | memoryview = data if isinstance(data, bytes) else self.view
        self.position = 0
        self.known_shapes: list[Shape] = []

    def read(self) -> object:
        """Take one value of any kind."""
        tag = self.data[self.position]
        self.position += 1
        if tag >= tags.SMALL_INT:
            return tag - tags.SMALL_INT
        return DECODERS[tag](self)

    def read_one_of(self, allowed: Container[int], what: str) -> Any:
        """Take one value whose tag is among a few.

        Where a part can only be a text, anything else is refused before it is built, and parts
        cannot be nested where no depth is counted.
        """
        tag = min(self.data[self.position], tags.SMALL_INT)
        if tag not in allowed:
            self.refuse(f"the tag 0x{tag:02x} in the place of {what}")
        return self.read()

    def byte(self) -> int:
        """Take one byte."""
        byte = self.data[self.position]
        self.position += 1
        return byte

    def varint(self) -> int:
        """Take a count of at most 64 bits."""
        data = self.data
        position = self.position
        byte = data[position]
        number = byte & 0x7F
        shift = 7
        while byte > 0x7F:
            position += 1
            byte = data[position]
            number |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63 + 7:
                self.refuse("a count longer than ten bytes")
        if byte == 0 and shift > 7:
            self.refuse("a count that is not in its shortest form")
        if number >> 64:
            self.refuse("a count of more than 64 bits")
        self.position = position + 1
        return number

    def text(self) -> str:
        """Take a text."""
        data = bytes(self.take(self.varint()))
        self.charge(0, text_memory(len(data), ascii_only=data.isascii()))
        return data.decode("utf-8", "surrogatepass")

    def take(self, size: int) -> memoryview:
        """Take the next bytes, without a copy."""
        start = self.position
        end = start + size
        if end > len(self.data):
            self.refuse(f"{size:,} bytes claimed, {len(self.data) - start:,} are left")
        self.position = end
        return self.view[start:end]

    def align(self) -> None:
        """Skip the zeros up to the next multiple of 8."""
        if any(self.take(-self.position % ALIGNMENT)):
            self.refuse("padding that is not zero")


def text_memory(size: int, *, ascii_only: bool) -> int:
    """Answer the memory of a text with that many bytes of UTF-8; one wide character widens all."""
    return TEXT_BYTES + (size if ascii_only else 4 * size)


def _unknown(reader: Reader) -> NoReturn:
    reader.refuse(f"unknown tag 0x{reader.data[reader.position - 1]:02x}")


DECODERS: list[Decoder] = [_unknown] * tags.SMALL_INT
