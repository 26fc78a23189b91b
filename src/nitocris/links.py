"""Links: the address that others can reach, the tokens, and how both are remembered for a day.

    http://192.168.1.20:41234/#TOKEN          for volunteers
    http://192.168.1.20:41234/worker#TOKEN    for native workers
    http://192.168.1.20:41234/owner#TOKEN     for the owner's dashboard

A script that runs again within a day gets the same port and tokens, so that open pages rejoin.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_state_path

from .errors import ConfigurationError

REMEMBER_SECONDS = 24 * 60 * 60
TOKEN_BYTES = 16
"""128 bits: not to be guessed."""
_TOKEN_LENGTH = 22  # of 16 bytes in base64 without padding


@dataclass(frozen=True, slots=True)
class Access:
    """A port and the tokens by role; what makes a link."""

    port: int
    volunteer: str = field(repr=False)
    worker: str = field(repr=False)
    owner: str = field(repr=False)
    local: str = field(repr=False, compare=False, default_factory=lambda: _new_token())
    """Of the workers that this process has a cluster start; never in a link that people see."""

    def revoked(self) -> Access:
        """Returns it with other tokens for volunteers and workers."""
        return replace(self, volunteer=_new_token(), worker=_new_token())


def new_access(port: int = 0) -> Access:
    """Returns fresh tokens."""
    return Access(port, _new_token(), _new_token(), _new_token())


def _new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def recall(owner: str) -> Access | None:
    """Returns what the same script used within the last day, or None."""
    path = _memory(owner)
    try:
        if time.time() - path.stat().st_mtime > REMEMBER_SECONDS:
            return None
        access = Access(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    sound = isinstance(access.port, int) and 0 < access.port < 65536
    tokens = (access.volunteer, access.worker, access.owner)
    return access if sound and all(len(str(token)) == _TOKEN_LENGTH for token in tokens) else None


def remember(owner: str, access: Access) -> None:
    """Keeps the access for the next run, in a file that only this user can read.

    A machine that does not let us write merely gets another link next time.
    """
    path = _memory(owner)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            kept = asdict(access)
            del kept["local"]
            json.dump(kept, file)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)


def this_owner() -> str:
    """Returns what tells this script or notebook from others."""
    main = sys.modules.get("__main__")
    # Jupyter and Visual Studio Code name the notebook's file, each in its own way.
    notebook = os.environ.get("JPY_SESSION_NAME") or getattr(main, "__vsc_ipynb_file__", None)
    script = getattr(main, "__file__", None)
    return notebook or (os.path.abspath(script) if script else f"{Path.cwd()}/interactive")


def _memory(owner: str) -> Path:
    name = hashlib.sha256(owner.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return user_state_path("nitocris") / "links" / f"{name}.json"


def reachable_address(host: str) -> str:
    """Returns the address under which others reach a server that listens on `host`."""
    if host not in ("", "0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return host
    # Connecting a datagram socket sends nothing; it only picks the interface with the way out.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def base_url(host: str, port: int, *, secure: bool = False) -> str:
    """Returns `http://HOST:PORT`, or `https`, with brackets around an IPv6 address."""
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def check_public_url(url: str) -> str:
    """Returns a public URL without its trailing slash.

    Raises:
        ConfigurationError: It is not the address of a website's root.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ConfigurationError(
            f"public_url={url!r} must look like https://example.org or http://example.org:8000"
        )
    return f"{parts.scheme}://{parts.netloc}"


def parse_worker_url(url: str) -> tuple[str, str]:
    """Splits a native worker's link into the base URL and the token.

    Raises:
        ConfigurationError: It is not such a link, or it was cut off.
    """
    parts = urlsplit(url)
    shown = url.partition("#")[0]  # what follows is the token
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"{shown!r} is no link; it should look like http://192.168.1.20:41234/worker#TOKEN"
        )
    if len(parts.fragment) != _TOKEN_LENGTH:
        raise ConfigurationError(
            f"the link {shown!r} is incomplete: after # it needs a token of {_TOKEN_LENGTH} "
            "characters. In a shell, put the link into quotes."
        )
    return f"{parts.scheme}://{parts.netloc}", parts.fragment
