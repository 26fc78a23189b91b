"""Whether a map is worth sharing, judged by one item: its time against the way of its bytes."""

from __future__ import annotations

WIRELESS_BYTES_PER_SECOND = 5e6
"""Of one device in a home's or an office's wireless network, both ways together."""
MESSAGE_SECONDS = 0.0001
"""What an item costs besides, in a chunk with others."""
BROWSER_SLOWDOWN = 2.0
"""Python in a browser against the same on this machine; with much NumPy it is more."""
WORTH = 5.0
"""Times that computing an item must take longer than its way, for devices to add up."""
LOCAL_SECONDS = 0.0001
"""What an item costs with a worker on this machine."""


def advice(seconds: float, bytes_in: int, bytes_out: int, cores: int) -> str:
    """Returns one sentence: what an item takes, and who should compute it.

    Args:
        seconds: That an item takes on this machine.
        bytes_in: Of its arguments.
        bytes_out: Of its result.
        cores: How many this machine has.
    """
    size = bytes_in + bytes_out
    way = size / WIRELESS_BYTES_PER_SECOND + MESSAGE_SECONDS
    item = f"{duration(seconds)} and {amount(size)} per item"
    if seconds * BROWSER_SLOWDOWN >= WORTH * way:
        return f"{item}: worth sharing"
    if seconds >= way:
        return f"{item}: worth sharing with machines nearby, less so by a slow network"
    if seconds < LOCAL_SECONDS:
        return (
            f"{item}: a plain loop will be faster than any worker; give each item more to do, "
            "such as a list of these"
        )
    workers = f"; try local_workers={cores}" if cores > 1 else ""
    return f"{item}: your own machine will be faster than any network{workers}"


def duration(seconds: float) -> str:
    """Returns a time with two figures and its unit, such as `"38 ms"`."""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 0.995:
            return f"{_figures(seconds * factor)} {unit}"
    if seconds * 1e3 >= 0.0995:
        return f"{_figures(seconds * 1e3)} ms"
    return f"{_figures(seconds * 1e6)} µs"


def amount(size: int) -> str:
    """Returns a number of bytes with two figures and its unit, such as `"12 KB"`."""
    if size < 1000:
        return f"{size} bytes"
    for unit, factor in (("KB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if size < 999.5 * factor or unit == "GB":
            return f"{_figures(size / factor)} {unit}"
    raise AssertionError


def _figures(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 and f"{value:.1f}"[-2:] != ".0" else f"{value:.0f}"
