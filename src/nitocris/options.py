"""What an execution is to be like: the arguments that the owner gave, checked before all else.

DistributedExecution(...) --checked--> Options --> Serving
                             '--> ConfigurationError, which names argument, value and remedy
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from . import links
from .addresses import Proxies
from .call import check_count, check_text
from .display import Display, Observed
from .errors import ConfigurationError
from .journal_writer import Durability
from .notebook import Notebook, is_notebook
from .server_limits import ServerLimits
from .stats import Stats
from .tls import fingerprint, server_context

MAX_TITLE_LENGTH = 200
"""Characters: a line, also on a telephone."""
MAX_DESCRIPTION_LENGTH = 2000
"""Characters: a page of text that somebody reads before pressing Start."""


@dataclass(frozen=True, slots=True)
class Options:
    """What an execution is to be like; see `DistributedExecution`."""

    title: str
    description: str | None
    packages: tuple[str | os.PathLike[str], ...]
    wheels: tuple[Path, ...]
    host: str
    server_port: int | None
    websocket_port: int | None
    public_url: str | None
    max_devices: int
    local_workers: int
    pickled_results: bool
    display: Display
    limits: ServerLimits
    proxies: Proxies
    tls: ssl.SSLContext | None
    fingerprint: bytes | None
    journal: Path | None = None
    durability: Durability = "batched"


def checked(
    *,
    title: str | None,
    description: str | None,
    packages: Sequence[str | os.PathLike[str]],
    wheels: Sequence[str | os.PathLike[str]],
    host: str,
    server_port: int | None,
    websocket_port: int | None,
    public_url: str | None,
    max_devices: int,
    local_workers: int,
    results: Literal["safe", "pickle"],
    display: Display,
    journal: str | os.PathLike[str] | None,
    durability: Durability,
    limits: ServerLimits | None,
    trusted_proxies: Sequence[str],
    certfile: str | os.PathLike[str] | None,
    keyfile: str | os.PathLike[str] | None,
) -> Options:
    """Returns the options that the arguments of `DistributedExecution` stand for.

    Raises:
        ConfigurationError: One of them cannot work, or two do not go together.
    """
    if isinstance(packages, str | os.PathLike):
        raise ConfigurationError(f"packages must be a list, such as [{str(packages)!r}]")
    if isinstance(wheels, str | os.PathLike):
        raise ConfigurationError(f"wheels must be a list of folders, such as [{wheels!r}]")
    if results not in ("safe", "pickle"):
        raise ConfigurationError(f"results={results!r} is not known; use 'safe' or 'pickle'")
    if durability not in ("batched", "always"):
        raise ConfigurationError(
            f"durability={durability!r} is not known; use 'batched' or 'always'"
        )
    if journal is not None and results == "pickle":
        raise ConfigurationError(
            "a journal keeps plain data only: leave results='pickle' away, or the journal"
        )
    return Options(
        title=Path(links.this_owner()).name
        if title is None
        else check_text("title", title, longest=MAX_TITLE_LENGTH),
        description=None
        if description is None
        else check_text("description", description, longest=MAX_DESCRIPTION_LENGTH),
        packages=tuple(packages),
        wheels=tuple(Path(folder) for folder in wheels),
        host=host,
        server_port=_check_port("server_port", server_port),
        websocket_port=_check_port("websocket_port", websocket_port),
        public_url=links.check_public_url(public_url) if public_url else None,
        max_devices=check_count("max_devices", max_devices, low=1),
        local_workers=check_count("local_workers", local_workers, low=0),
        pickled_results=results == "pickle",
        display=display,
        journal=None if journal is None else Path(journal),
        durability=durability,
        limits=limits or ServerLimits(),
        proxies=Proxies(trusted_proxies),
        tls=server_context(certfile, keyfile),
        fingerprint=fingerprint(certfile) if certfile is not None else None,
    )


def display_for(progress: bool | Callable[[Stats], object]) -> Display:
    """Returns what shows the owner how things are; see `DistributedExecution`."""
    if not isinstance(progress, bool) and callable(progress):
        return Observed(progress)
    if not progress:
        return Display()
    if is_notebook():
        return Notebook()
    from .terminal import Terminal  # here: tqdm reads about installed packages

    return Terminal()


def _check_port(name: str, value: int | None) -> int | None:
    if value is not None and check_count(name, value, low=0) > 65535:
        raise ConfigurationError(f"{name} must be at most 65535, not {value}")
    return value
