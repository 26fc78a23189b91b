"""How much of the owner's machine strangers may take: every limit of the server, in one place.

Those of what a result may hold are the codec's (`codec/limits.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from . import protocol
from .errors import ConfigurationError

DEFAULT_MAX_DEVICES = 10_000
"""Connections that one process can look after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What the server takes from others; each value itself is still allowed.

    Args:
        connections: Open at the same time, of devices and downloads together; fewer where the
            system gives this process fewer open files.
        connections_per_address: Of these from one address (IPv6: one /64 network); a school or
            company may have a single one.
        waiting: Connections that have not agreed on TLS, have not sent a whole request, or no hello
            after the WebSocket was opened; one more ends the one that has waited longest.
        waiting_seconds: How long they may take for each of these.
        header_bytes: Size of a request.
        hello_bytes: Size of a device's first message.
        control_bytes: Size of a later one that is no result for a live lease.
        result_bytes: Size of a result for a live lease; workers send no more than 64 MiB.
        messages_per_second: Of one browser; what comes faster is read later.
        send_buffer_messages: Messages that wait for one device to read them. Their payloads are
            shared with other devices, and become bytes one by one.
        stalled_seconds: How long somebody may read nothing of what waits for them.
        silence_seconds: How long a device may give no sign of life.
        wrong_tokens: From one address in a minute; then only right ones are answered until the
            minute is over.
        decodes_at_once: Large results that are decoded at the same time, in threads.

    Raises:
        ConfigurationError: A limit is no positive number.
    """

    connections: int = 12_000
    connections_per_address: int = 2_500
    waiting: int = 512
    waiting_seconds: float = protocol.HELLO_TIMEOUT
    header_bytes: int = 16 * 1024
    hello_bytes: int = 64 * 1024
    control_bytes: int = protocol.MAX_CONTROL_BYTES
    result_bytes: int = protocol.MAX_RESULT_BYTES
    messages_per_second: int = 1000
    send_buffer_messages: int = 10_000
    stalled_seconds: float = 30.0
    silence_seconds: float = protocol.SILENCE_TIMEOUT
    wrong_tokens: int = 20
    decodes_at_once: int = 2

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            in_seconds = limit.name.endswith("_seconds")
            kinds = (int, float) if in_seconds else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < math.inf:
                wanted = "a positive number of seconds" if in_seconds else "a whole number above 0"
                raise ConfigurationError(f"{limit.name} must be {wanted}, not {value!r}")
