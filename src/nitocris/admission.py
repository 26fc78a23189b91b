"""Who may compute: judges a device's first message, and says in words why not."""

from __future__ import annotations

from collections.abc import Collection

from . import protocol
from .environment import python_version
from .errors import ProtocolError
from .guards import same_token
from .links import Access


def read_hello(frame: bytes) -> protocol.Hello | protocol.Refused:
    """Reads a device's first message."""
    try:
        message, _ = protocol.decode_from_worker(frame)
    except ProtocolError as error:
        return protocol.Refused("malformed", f"The first message was no hello: {error}"[:500])
    if not isinstance(message, protocol.Hello):
        return protocol.Refused("malformed", "The first message was no hello.")
    return message


def no_place(hello: protocol.Hello, devices: int, most: int) -> protocol.Refused | None:
    """Returns why a device must wait, or None if there is a place for it.

    Native workers are the owner's own, so there always is one for them.

    Args:
        hello: What it said.
        devices: How many are connected.
        most: How many may be.
    """
    if hello.kind == "native" or devices < most:
        return None
    return protocol.Refused(
        "full",
        "All places are taken at the moment. Leave the page open: it asks again by itself.",
    )


def revoked(hello: protocol.Hello, former: Collection[str]) -> bool:
    """Returns whether a device has a link that the owner has replaced.

    Args:
        hello: What it said.
        former: The tokens of before.
    """
    return any(same_token(hello.token, token) for token in former)


REVOKED = protocol.Refused(
    "revoked", "The owner has replaced this link by another one. Ask for the new one."
)


def refusal(
    hello: protocol.Hello, access: Access, *, volunteers: bool = True
) -> protocol.Refused | None:
    """Returns why a device is not admitted, or None if it is.

    Args:
        hello: What it said.
        access: The tokens of this execution.
        volunteers: Whether holders of the volunteers' link are admitted at all.
    """
    is_volunteer = same_token(hello.token, access.volunteer)
    is_worker = same_token(hello.token, access.worker)
    if not (is_worker or (is_volunteer and volunteers)):
        return protocol.Refused("token", "This link is not valid (any more). Ask for a new one.")
    if hello.protocol != protocol.PROTOCOL_VERSION:
        return protocol.Refused(
            "protocol",
            f"The coordinator speaks version {protocol.PROTOCOL_VERSION} of the protocol, this "
            f"worker version {hello.protocol}. Reload the page, or install the same version of "
            "nitocris.",
        )
    if hello.kind == "native" and not is_worker:
        return protocol.Refused(
            "role",
            "This link is for browsers, which compute in a sandbox. A native worker runs the "
            "owner's code with all your rights, so it needs the owner's other link, d.worker_url.",
        )
    if hello.kind == "native" and hello.python != python_version():
        return protocol.Refused(
            "python",
            f"The owner runs Python {python_version()}, this worker Python {hello.python}. "
            "Functions do not travel between them: run the worker with Python "
            f"{python_version()}.",
        )
    return None
