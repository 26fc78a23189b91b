"""What the owner sees in a notebook: a card with the link, and one line for each map.

    cell:  [ link, QR code, warnings ]  --close-->  "The execution has ended."
    cell:  [ progress bar, workers ]    --end---->  "f: 100 items in 2.3 s"

Both are updated in place and end as a line of text, so a notebook that is saved afterwards has no
link and nothing that moves.  Everything that comes from others is escaped.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import time
from collections.abc import Callable
from html import escape
from typing import Any

import segno

from .display import FOR_OWNER, Display, Invitation, Tracked, Tracker, crew_text

UPDATE_SECONDS = 0.3
"""From one update of a map's line to the next, at least."""
ENDED = "Nitocris: the execution has ended."
_LINK = "font-size:1.1em;overflow-wrap:anywhere"


def is_notebook() -> bool:
    """Whether this runs in a kernel that shows HTML."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell else None
    return getattr(running, "kernel", None) is not None


class Notebook(Display):
    """Shows HTML in the cells' outputs."""

    def __init__(self) -> None:
        super().__init__()
        self._invitation: Invitation | None = None
        self._news: list[str] = []
        self._card: _Output | None = None
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._tracking = 0

    def invite(self, invitation: Invitation) -> None:
        """Shows the card."""
        super().invite(invitation)
        self._invitation = invitation
        self._card = _Output(*self._content())

    def tell(self, text: str) -> None:
        """Adds a line to the card."""
        self._news.append(text)
        if self._card:
            self._card.update(*self._content())

    def show(self, line: str) -> None:
        """Prints the line, where it stays: in the cell that maps, if one does."""
        self._lines.put(line)
        if not self._tracking:
            self.print_lines()

    def print_lines(self) -> None:
        """Prints what was to be shown; a kernel takes it as output of the thread's cell."""
        with contextlib.suppress(queue.Empty):
            while True:
                print(self._lines.get_nowait())

    def track(self, tracked: Tracked) -> Tracker:
        """Returns what shows a line in the cell that runs."""
        self._tracking += 1
        return _Line(self, tracked)

    def tracked(self) -> None:
        """Notes that a line is not updated any more."""
        self._tracking -= 1
        self.print_lines()

    def close(self) -> None:
        """Takes the link away."""
        card, self._card = self._card, None
        if card:
            card.update(f"<p>{ENDED}</p>", ENDED)

    def _content(self) -> tuple[str, str]:
        invitation = self._invitation
        assert invitation is not None
        if invitation.url:
            code = segno.make(invitation.url, error="l", micro=False)
            svg = code.svg_inline(scale=4, border=2, light="white")
            html = f"<p>To compute, open {_anchor(invitation.url)}</p>{svg}"
        else:
            html = f"<p>{escape(str(invitation))}</p>"
        if invitation.dashboard_url:
            html += f"<p>{FOR_OWNER.capitalize()}: {_anchor(invitation.dashboard_url)}</p>"
        html += "".join(f"<p>{escape(text)}</p>" for text in self._news)
        return html, "\n".join([f"Nitocris: {invitation}", *self._news])


class _Line(Tracker):
    """How far a map is, and in the end how long it took."""

    def __init__(self, display: Notebook, tracked: Tracked) -> None:
        self._display = display
        self._tracked = tracked
        self._began = self._updated = time.monotonic()
        self._done = 0
        self._output = _Output(*self._live())

    def advance(self, items: int) -> None:
        self._done += items
        self.look()

    def look(self) -> None:
        self._display.print_lines()
        now = time.monotonic()
        if now - self._updated >= UPDATE_SECONDS:
            self._updated = now
            self._output.update(*self._live())

    def close(self, *, is_whole: bool) -> None:
        seconds = time.monotonic() - self._began
        of_all = "" if is_whole or self._tracked.total is None else f" of {self._tracked.total:,}"
        state = "" if is_whole else ", then it ended early"
        text = f"{self._tracked.name}: {self._done:,}{of_all} items in {seconds:,.1f} s{state}"
        self._output.update(f"<p>{escape(text)}</p>", text)
        self._display.tracked()

    def _live(self) -> tuple[str, str]:
        seconds = time.monotonic() - self._began
        rate = self._done / seconds if seconds else 0.0
        total = self._tracked.total
        parts = [f"{self._done:,} items" if total is None else f"{self._done:,} of {total:,} items"]
        if rate:
            parts.append(f"{rate:,.3g} items/s")
        if rate and total is not None:
            parts.append(f"{(total - self._done) / rate:,.0f} s left")
        parts.append(crew_text(self._tracked.crew, self._display.warnings))
        text = ", ".join(parts)
        known = "" if total is None else f" value='{self._done}' max='{max(total, 1)}'"
        return f"<progress{known}></progress> {escape(text)}", text


class _Output:
    """A part of a cell's output that can be changed later, also from other cells and threads."""

    def __init__(self, html: str, text: str) -> None:
        from IPython.display import display

        self._handle: Any = None
        self._try(lambda: display(_bundle(html, text), raw=True, display_id=True), keep=True)

    def update(self, html: str, text: str) -> None:
        """Shows something else in its place."""
        if self._handle is not None:
            self._try(lambda: self._handle.update(_bundle(html, text), raw=True))

    def _try(self, publish: Callable[[], Any], *, keep: bool = False) -> None:
        # The kernel may be on its way down; a map must not fail because nobody sees it.
        with contextlib.suppress(Exception):
            handle = publish()
            if keep:
                self._handle = handle


def _bundle(html: str, text: str) -> dict[str, str]:
    return {"text/html": html, "text/plain": text}


def _anchor(url: str) -> str:
    return f"<a href='{escape(url)}' target='_blank' style='{_LINK}'>{escape(url)}</a>"
