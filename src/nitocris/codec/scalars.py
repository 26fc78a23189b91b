"""Numbers, texts and other single values of the standard library."""

from __future__ import annotations

import re
import struct
from decimal import Decimal
from fractions import Fraction
from math import gcd
from uuid import UUID

from nitocris.codec import tags
from nitocris.codec.limits import TEXT_BYTES, VALUE_BYTES
from nitocris.codec.wire import Reader, Writer, decodes, encodes

_DOUBLE = struct.Struct("<d")
_TWO_DOUBLES = struct.Struct("<2d")

_DECIMAL = re.compile(r"-?(?:\d+(?:\.\d+)?(?:E[+-]\d+)?|Infinity|s?NaN\d*)", re.ASCII)
"""What `str(Decimal)` writes."""

_DECIMAL_CHARACTERS_PER_NODE = 64
_FRACTION_BITS_PER_NODE = 512
"""The greatest common divisor is quadratic: (bits / 512)**2 microseconds on a slow laptop."""


@encodes(type(None))
def _encode_none(writer: Writer, _: None) -> None:
    writer.buffer.append(tags.NONE)


@decodes(tags.NONE)
def _decode_none(_: Reader) -> None:
    return None


@encodes(bool)
def _encode_bool(writer: Writer, value: bool) -> None:
    writer.buffer.append(tags.TRUE if value else tags.FALSE)


@decodes(tags.FALSE)
def _decode_false(_: Reader) -> bool:
    return False


@decodes(tags.TRUE)
def _decode_true(_: Reader) -> bool:
    return True


@encodes(int)
def _encode_int(writer: Writer, value: int) -> None:
    if 0 <= value < 128:
        writer.buffer.append(tags.SMALL_INT + value)
    elif -(2**63) <= value < 2**63:
        writer.buffer.append(tags.INT)
        # Zigzag: small negative numbers stay short.
        writer.varint(value << 1 if value >= 0 else ~(value << 1))
    else:
        size = _integer_size(value)
        writer.at_most("bytes of an int", size, writer.limits.integer_bytes)
        writer.charge(0, size)
        writer.buffer.append(tags.BIG_INT)
        writer.varint(size)
        writer.payload(value.to_bytes(size, "little", signed=True))


@decodes(tags.INT)
def _decode_int(reader: Reader) -> int:
    number = reader.varint()
    return ~(number >> 1) if number & 1 else number >> 1


@decodes(tags.BIG_INT)
def _decode_big_int(reader: Reader) -> int:
    size = reader.varint()
    reader.at_most("bytes of an int", size, reader.limits.integer_bytes)
    reader.charge(0, size)
    value = int.from_bytes(reader.take(size), "little", signed=True)
    if -(2**63) <= value < 2**63 or size != _integer_size(value):
        reader.refuse("an int that is not in its shortest form")
    return value


def _integer_size(value: int) -> int:
    """Answer the length in two's complement, in bytes."""
    return (value if value >= 0 else ~value).bit_length() // 8 + 1


@encodes(float)
def _encode_float(writer: Writer, value: float) -> None:
    writer.buffer.append(tags.FLOAT)
    writer.buffer += _DOUBLE.pack(value)


@decodes(tags.FLOAT)
def _decode_float(reader: Reader) -> object:
    position = reader.position
    reader.position = position + 8
    return _DOUBLE.unpack_from(reader.data, position)[0]


@encodes(complex)
def _encode_complex(writer: Writer, value: complex) -> None:
    writer.buffer.append(tags.COMPLEX)
    writer.buffer += _TWO_DOUBLES.pack(value.real, value.imag)


@decodes(tags.COMPLEX)
def _decode_complex(reader: Reader) -> complex:
    return complex(*_TWO_DOUBLES.unpack(reader.take(16)))


@encodes(str)
def _encode_str(writer: Writer, value: str) -> None:
    writer.buffer.append(tags.STR)
    writer.text(value)


@decodes(tags.STR)
def _decode_str(reader: Reader) -> str:
    return reader.text()


@encodes(bytes)
def _encode_bytes(writer: Writer, value: bytes) -> None:
    writer.buffer.append(tags.BYTES)
    _write_bytes(writer, value)


@decodes(tags.BYTES)
def _decode_bytes(reader: Reader) -> bytes:
    return bytes(_read_bytes(reader))


@encodes(bytearray)
def _encode_bytearray(writer: Writer, value: bytearray) -> None:
    writer.buffer.append(tags.BYTEARRAY)
    _write_bytes(writer, value)


@decodes(tags.BYTEARRAY)
def _decode_bytearray(reader: Reader) -> bytearray:
    return bytearray(_read_bytes(reader))


def _write_bytes(writer: Writer, value: bytes | bytearray) -> None:
    writer.charge(0, TEXT_BYTES + len(value))
    writer.varint(len(value))
    writer.payload(value)


def _read_bytes(reader: Reader) -> memoryview:
    data = reader.take(reader.varint())
    reader.charge(0, TEXT_BYTES + len(data))
    return data


@encodes(range)
def _encode_range(writer: Writer, value: range) -> None:
    writer.charge(3, 3 * VALUE_BYTES)
    writer.buffer.append(tags.RANGE)
    for number in (value.start, value.stop, value.step):
        _encode_int(writer, number)


@decodes(tags.RANGE)
def _decode_range(reader: Reader) -> range:
    reader.charge(3, 3 * VALUE_BYTES)
    return range(read_integer(reader), read_integer(reader), read_integer(reader))


@encodes(Decimal)
def _encode_decimal(writer: Writer, value: Decimal) -> None:
    # The context decides on "E" or "e".
    text = str(value).replace("e", "E")
    writer.at_most("characters of a Decimal", len(text), writer.limits.decimal_characters)
    writer.charge(len(text) // _DECIMAL_CHARACTERS_PER_NODE, 0)
    writer.buffer.append(tags.DECIMAL)
    writer.text(text)


@decodes(tags.DECIMAL)
def _decode_decimal(reader: Reader) -> Decimal:
    text = reader.text()
    reader.at_most("characters of a Decimal", len(text), reader.limits.decimal_characters)
    reader.charge(len(text) // _DECIMAL_CHARACTERS_PER_NODE, 0)
    if not _DECIMAL.fullmatch(text):
        reader.refuse("a Decimal that is no number")
    value = Decimal(text)
    # An exponent out of range becomes NaN where the context does not trap it.
    if str(value).replace("e", "E") != text:
        reader.refuse("a Decimal that is not in its own form")
    return value


@encodes(Fraction)
def _encode_fraction(writer: Writer, value: Fraction) -> None:
    _pay_fraction(writer, value.numerator, value.denominator)
    writer.buffer.append(tags.FRACTION)
    _encode_int(writer, value.numerator)
    _encode_int(writer, value.denominator)


@decodes(tags.FRACTION)
def _decode_fraction(reader: Reader) -> Fraction:
    numerator, denominator = read_integer(reader), read_integer(reader)
    _pay_fraction(reader, numerator, denominator)
    if denominator < 1 or gcd(numerator, denominator) != 1:
        reader.refuse("a Fraction that is not in lowest terms")
    return Fraction(numerator, denominator)


def _pay_fraction(purse: Writer | Reader, numerator: int, denominator: int) -> None:
    bits = max(numerator.bit_length(), denominator.bit_length())
    purse.at_most("bits of a Fraction's side", bits, purse.limits.fraction_bits)
    purse.charge(4 + (bits // _FRACTION_BITS_PER_NODE) ** 2, 2 * VALUE_BYTES)


@encodes(UUID)
def _encode_uuid(writer: Writer, value: UUID) -> None:
    writer.charge(1, 2 * VALUE_BYTES)
    writer.buffer.append(tags.UUID)
    writer.buffer += value.bytes


@decodes(tags.UUID)
def _decode_uuid(reader: Reader) -> UUID:
    reader.charge(1, 2 * VALUE_BYTES)
    return UUID(bytes=bytes(reader.take(16)))


def read_integer(reader: Reader) -> int:
    """Take a value that must be an int."""
    value: int = reader.read_one_of(tags.INTEGERS, "an int")
    return value
