"""Dates, times and time zones.

A zone is either a fixed offset or the key of a `ZoneInfo`, checked by a strict pattern before the
time zone database is asked, since a key is a path in a file system.
"""

from __future__ import annotations

import re
import struct
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nitocris.codec import tags
from nitocris.codec.limits import VALUE_BYTES
from nitocris.codec.wire import Reader, UnencodableError, Writer, decodes, encodes
from nitocris.errors import DecodeError

_DATETIME = struct.Struct("<HBBBBBIB")
_DATE = struct.Struct("<HBB")
_TIME = struct.Struct("<BBBIB")
_TIMEDELTA = struct.Struct("<iII")

_ZONE_KEY = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}", re.ASCII)
_ZONE_NODES = 2
"""A zone that was not seen before is read from a file, but there are only 600."""


@encodes(datetime)
def _encode_datetime(writer: Writer, value: datetime) -> None:
    writer.charge(1, VALUE_BYTES)
    writer.buffer.append(tags.DATETIME)
    writer.buffer += _DATETIME.pack(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        value.fold,
    )
    write_zone(writer, value.tzinfo)


@decodes(tags.DATETIME)
def _decode_datetime(reader: Reader) -> datetime:
    reader.charge(1, VALUE_BYTES)
    *numbers, fold = _DATETIME.unpack(reader.take(_DATETIME.size))
    return datetime(*numbers).replace(tzinfo=read_zone(reader), fold=fold)


@encodes(date)
def _encode_date(writer: Writer, value: date) -> None:
    writer.buffer.append(tags.DATE)
    writer.buffer += _DATE.pack(value.year, value.month, value.day)


@decodes(tags.DATE)
def _decode_date(reader: Reader) -> date:
    return date(*_DATE.unpack(reader.take(_DATE.size)))


@encodes(time)
def _encode_time(writer: Writer, value: time) -> None:
    writer.charge(1, VALUE_BYTES)
    writer.buffer.append(tags.TIME)
    writer.buffer += _TIME.pack(
        value.hour, value.minute, value.second, value.microsecond, value.fold
    )
    write_zone(writer, value.tzinfo)


@decodes(tags.TIME)
def _decode_time(reader: Reader) -> time:
    reader.charge(1, VALUE_BYTES)
    *numbers, fold = _TIME.unpack(reader.take(_TIME.size))
    return time(*numbers).replace(tzinfo=read_zone(reader), fold=fold)


@encodes(timedelta)
def _encode_timedelta(writer: Writer, value: timedelta) -> None:
    writer.buffer.append(tags.TIMEDELTA)
    writer.buffer += _TIMEDELTA.pack(value.days, value.seconds, value.microseconds)


@decodes(tags.TIMEDELTA)
def _decode_timedelta(reader: Reader) -> timedelta:
    days, seconds, microseconds = _TIMEDELTA.unpack(reader.take(_TIMEDELTA.size))
    if seconds >= 86_400 or microseconds >= 1_000_000:
        reader.refuse("a timedelta that is not in its normal form")
    return timedelta(days, seconds, microseconds)


@encodes(timezone)
def _encode_timezone(writer: Writer, value: timezone) -> None:
    # Only __getinitargs__ tells a given name from a derived one.
    offset, *name = value.__getinitargs__()  # type: ignore[attr-defined]
    writer.charge(2, 2 * VALUE_BYTES)
    writer.buffer.append(tags.TIMEZONE)
    _encode_timedelta(writer, offset)
    writer.write(name[0] if name else None)


@decodes(tags.TIMEZONE)
def _decode_timezone(reader: Reader) -> timezone:
    reader.charge(2, 2 * VALUE_BYTES)
    offset: timedelta = reader.read_one_of((tags.TIMEDELTA,), "an offset")
    name: str | None = reader.read_one_of((tags.NONE, tags.STR), "an offset's name")
    return timezone(offset) if name is None else timezone(offset, name)


@encodes(ZoneInfo)
def _encode_zoneinfo(writer: Writer, value: ZoneInfo) -> None:
    key = value.key
    if key is None or not _ZONE_KEY.fullmatch(key):
        raise UnencodableError(value, "only a ZoneInfo with a standard key can be carried")
    writer.charge(_ZONE_NODES, 0)
    writer.buffer.append(tags.ZONEINFO)
    writer.text(key)


@decodes(tags.ZONEINFO)
def _decode_zoneinfo(reader: Reader) -> ZoneInfo:
    reader.charge(_ZONE_NODES, 0)
    key = reader.text()
    if not _ZONE_KEY.fullmatch(key):
        reader.refuse(f"not a time zone's key: {key[:40]!a}")
    return _zone(key)


@lru_cache(maxsize=1024)
def _zone(key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DecodeError(
            f"the time zone {key!a} is not known here; `pip install tzdata` brings the database"
        ) from None


def write_zone(writer: Writer, zone: tzinfo | None) -> None:
    """Append the zone of a date or time."""
    if zone is not None and type(zone) not in (timezone, ZoneInfo):
        raise UnencodableError(
            zone, "of the time zones, only datetime.timezone and zoneinfo.ZoneInfo are carried"
        )
    writer.write(zone)


def read_zone(reader: Reader) -> tzinfo | None:
    """Take the zone of a date or time."""
    zone: tzinfo | None = reader.read_one_of(tags.ZONES, "a time zone")
    return zone
