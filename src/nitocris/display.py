"""What the owner sees of an execution: nothing here, more in `terminal` and `notebook`.

    Lifetime --invite, close--> Display <--warn, show-- whoever has something to tell
    run_map --track--> Tracker --advance, look--> bar, line, or the owner's function

All may be called on any thread.  Whatever is told is also logged, without tokens.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urldefrag

from .stats import Stats

logger = logging.getLogger("nitocris")
logger.addHandler(logging.NullHandler())  # else Python would print warnings a second time

FOR_OWNER = "for you alone, to watch and to send devices away"
"""What stands before the link to the dashboard, so that nobody hands it on with the other."""

SNAPSHOT_SECONDS = 0.3
"""From one call of the owner's function to the next, at least."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """The links of an execution.

    Attributes:
        url: For volunteers; empty where none are admitted.
        worker_url: For native workers.
        dashboard_url: For the owner, None if there is no dashboard.
    """

    url: str
    worker_url: str
    dashboard_url: str | None = None

    def __str__(self) -> str:
        if self.url:
            return f"to compute, open {self.url}"
        return f"to compute, run: nitocris worker '{self.worker_url}'"


class Crew(Protocol):
    """Who computes now; a coordinator."""

    @property
    def native(self) -> int:
        """How many chunks native workers compute at once."""

    @property
    def browsers(self) -> int:
        """How many browsers compute."""

    @property
    def retries(self) -> int:
        """How many chunks were lent again because of their worker."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """A map that is to be shown.

    Attributes:
        name: Of what is mapped.
        total: The number of items, None if unknown.
        crew: Who computes.
        stats: Returns the execution's statistics.
    """

    name: str
    total: int | None
    crew: Crew
    stats: Callable[[], Stats]


class Tracker:
    """How far a map is; this one shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(is_whole=kind is None)

    def advance(self, items: int) -> None:
        """Notes finished items."""

    def look(self) -> None:
        """Notes that some time has passed."""

    def close(self, *, is_whole: bool) -> None:
        """Notes the end of the map, and whether all of it is done."""


class Display:
    """Shows nothing, and logs what is amiss.

    Attributes:
        warnings: How often something was amiss.
    """

    def __init__(self) -> None:
        self._told: Counter[str] = Counter()
        self.warnings = 0

    def invite(self, invitation: Invitation) -> None:
        """Tells the links."""
        logger.info("the server listens at %s", urldefrag(invitation.worker_url).url)

    def warn(self, text: str) -> None:
        """Tells a sentence that the owner should read; what was told already is only counted."""
        self.warnings += 1
        self._told[text] += 1
        if self._told[text] == 1:
            logger.warning("%s", text)
            self.tell(text)

    def tell(self, text: str) -> None:
        """Shows a new warning."""

    def show(self, line: str) -> None:
        """Shows a line that an item has printed."""

    def track(self, _: Tracked) -> Tracker:
        """Returns what shows how far a map is."""
        return Tracker()

    def close(self) -> None:
        """Notes the end of the execution; may be called again."""


class Observed(Display):
    """Hands statistics to a function of the owner's while maps run.

    Args:
        observe: The function, called in the thread that maps.
    """

    def __init__(self, observe: Callable[[Stats], object]) -> None:
        super().__init__()
        self._observe = observe

    def track(self, tracked: Tracked) -> Tracker:
        """Returns what calls the function a few times a second, and at the end."""
        return _Observer(self, tracked)

    def call(self, stats: Stats) -> None:
        """Calls the function; what it raises is a warning."""
        try:
            self._observe(stats)
        except Exception as error:
            self.warn(f"progress={self._observe!r:.80} raised {type(error).__name__}: {error}")


class _Observer(Tracker):
    def __init__(self, display: Observed, tracked: Tracked) -> None:
        self._display = display
        self._tracked = tracked
        self._called = 0.0

    def look(self) -> None:
        if time.monotonic() - self._called >= SNAPSHOT_SECONDS:
            self._call()

    def close(self, *, is_whole: bool) -> None:
        if is_whole:
            self._call()

    def _call(self) -> None:
        self._display.call(self._tracked.stats())
        self._called = time.monotonic()


def crew_text(crew: Crew, warnings: int) -> str:
    """Returns who computes and what went amiss, such as `2 native, 1 browser, 3 retries`."""
    counts = [
        (crew.native, "native", "native"),
        (crew.browsers, "browser", "browsers"),
        (crew.retries, "retry", "retries"),
        (warnings, "warning", "warnings"),
    ]
    parts = [f"{count:,} {one if count == 1 else more}" for count, one, more in counts if count]
    if not (crew.native or crew.browsers):
        parts.insert(0, "no workers")
    return ", ".join(parts)
