"""What the owner sees on standard error: the link, a QR code, warnings, and tqdm's bar.

Where that is no terminal, there is no bar and no code, only lines.
"""

from __future__ import annotations

import io
import shutil
import sys

import segno
from tqdm import tqdm

from .display import FOR_OWNER, Display, Invitation, Tracked, Tracker, crew_text

_QUIET = 2
"""Modules around a QR code; phones do with half of what the standard asks for."""


class Terminal(Display):
    """Writes to standard error, above the bars that are there."""

    def invite(self, invitation: Invitation) -> None:
        """Writes the links, and a code for the camera of a phone."""
        super().invite(invitation)
        self._write(f"Nitocris: {invitation}")
        if invitation.dashboard_url:
            self._write(f"Nitocris: {FOR_OWNER}: {invitation.dashboard_url}")
        if invitation.url and _is_terminal():
            code = qr_text(invitation.url)
            if len(code.partition("\n")[0]) < shutil.get_terminal_size().columns:
                self._write(code)

    def tell(self, text: str) -> None:
        """Writes a line."""
        self._write(f"Nitocris: {text}")

    def show(self, line: str) -> None:
        """Writes a line."""
        self._write(line)

    def track(self, tracked: Tracked) -> Tracker:
        """Returns a bar, or nothing where lines would pile up."""
        return _BarTracker(self, tracked) if _is_terminal() else Tracker()

    def _write(self, text: str) -> None:
        tqdm.write(text, file=sys.stderr)


def qr_text(url: str) -> str:
    """Returns a QR code in half blocks, as light on dark."""
    text = io.StringIO()
    segno.make(url, error="l", micro=False).terminal(text, border=_QUIET, compact=True)
    return text.getvalue().rstrip("\n")


def _is_terminal() -> bool:
    return bool(sys.stderr and sys.stderr.isatty())


class _Bar(tqdm):  # type: ignore[type-arg]  # it is not generic at run time
    monitor_interval = 0
    """No thread that redraws a bar: it would outlive the execution, and `map` redraws by itself."""


class _BarTracker(Tracker):
    """A bar with items, rate, time left, and who computes."""

    def __init__(self, display: Display, tracked: Tracked) -> None:
        self._display = display
        self._tracked = tracked
        self._bar = _Bar(total=tracked.total, unit=" items", dynamic_ncols=True)
        self._text = ""

    def advance(self, items: int) -> None:
        self._bar.update(items)

    def look(self) -> None:
        text = crew_text(self._tracked.crew, self._display.warnings)
        if text != self._text:
            self._text = text
            self._bar.set_postfix_str(text)

    def close(self, *, is_whole: bool) -> None:  # noqa: ARG002  # the bar shows it
        self._bar.close()
