"""The time zones of pandas' dates: pandas 2 has its own ideas of a zone's name, and of years."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from nitocris.codec.dates import read_zone, write_zone
from nitocris.codec.wire import Reader, Writer

YEARS = "zoned dates outside the years 1 to 9999"


def have_calendar_years(ticks: Any) -> bool:
    """Answer whether dates lie in the years of `datetime`, so that zones can be applied to them."""
    import numpy as np

    unit = np.datetime_data(ticks.dtype)[0]
    if unit == "ns":  # 1677 to 2262
        return True
    numbers = ticks.view("i8")
    # A day off, for whatever the zone's offset is.
    first, last = np.array(["0001-01-02", "9999-12-30"], f"M8[{unit}]").view("i8")
    is_missing = numbers == np.iinfo(np.int64).min
    return bool(((numbers >= first) & (numbers <= last) | is_missing).all())


def write_pandas_zone(writer: Writer, zone: Any) -> None:
    """Append a zone; one of pytz's, which pandas 2 makes of a name, travels as its name."""
    key = getattr(zone, "zone", None)
    named = key is not None and type(zone).__module__.partition(".")[0] == "pytz"
    writer.buffer.append(named)
    write_zone(writer, ZoneInfo(str(key)) if named else zone)


def read_pandas_zone(reader: Reader) -> Any:
    """Take a zone, or the checked name of which this pandas makes its own kind of zone."""
    named = reader.byte()
    zone = read_zone(reader)
    if named > 1 or (named and type(zone) is not ZoneInfo):
        reader.refuse("a zone's name without a name")
    return zone.key if named and type(zone) is ZoneInfo else zone
