"""What is to be known of a map before its link is shared: one object, printed as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from .advice import advice, amount
from .captures import Capture
from .errors import RemoteError
from .own_modules import OwnModule
from .plan import PlannedPackage
from .rehearsal import DryRun
from .worker.processes import cores


@dataclass(frozen=True, slots=True)
class Check:
    """What is known of a map before it is shared; `print` shows it as a table.

    Attributes:
        function: The name of what is mapped.
        python: This machine's Python, which all workers must have in the same minor version.
        pyodide: The release of Pyodide for browsers; None if browsers cannot take part.
        packages: What the workers need, here and there.
        modules: The owner's own modules, which travel with the function.
        captures: What the function takes along besides.
        notes: Sentences about the own modules.
        dry_run: How the first item went, in a fresh process on this machine; None if there was no
            item.
    """

    function: str
    python: str
    pyodide: str | None
    packages: tuple[PlannedPackage, ...]
    modules: tuple[OwnModule, ...]
    captures: tuple[Capture, ...]
    notes: tuple[str, ...]
    dry_run: DryRun | None

    @property
    def error(self) -> Exception | None:
        """What the dry run raised."""
        return self.dry_run.error if self.dry_run else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the owner should look at before anybody else computes, a sentence each."""
        return tuple(self._warnings())

    @property
    def ok(self) -> bool:
        """Whether the first item went well and there are no warnings."""
        return self.error is None and not self.warnings

    @property
    def advice(self) -> str:
        """Whether it is worth sharing, in one sentence; empty without a result."""
        run = self.dry_run
        if run is None or run.seconds is None or run.bytes_out is None:
            return ""
        return advice(run.seconds, run.bytes_in, run.bytes_out, cores())

    def __str__(self) -> str:
        """Returns the table and the sentences under it, for a terminal."""
        return "\n".join((self._title(), *self._tables("simple"), *self._sentences()))

    def _repr_html_(self) -> str:
        from html import escape

        table = "".join(self._tables("html"))
        sentences = "".join(f"<li>{escape(each)}</li>" for each in self._sentences())
        return f"<p>{escape(self._title())}</p>{table}<ul>{sentences}</ul>"

    def _tables(self, form: str) -> Iterator[str]:
        if rows := self._rows():
            table = tabulate(rows, _HEADINGS, tablefmt=form, disable_numparse=True)
            yield f"\n{table}\n"

    def _title(self) -> str:
        browsers = f"Pyodide {self.pyodide}" if self.pyodide else "no browsers"
        return f"Before you share {self.function}: Python {self.python}, {browsers}"

    def _rows(self) -> Sequence[Sequence[str]]:
        packages = (
            (each.name, each.here or "", each.there or "none", _size(each.bytes), each.source)
            for each in self.packages
        )
        modules = ((each.name, "", "", _size(each.bytes), "travels") for each in self.modules)
        captures = (
            (each.name, "", "", _size(each.bytes), f"captured as {each.kind}")
            for each in self.captures
            if each.warning or each.bytes >= MENTIONED_BYTES
        )
        return [
            *(("package", *row) for row in packages),
            *(("own module", *row) for row in modules),
            *(("value", *row) for row in captures),
        ]

    def _sentences(self) -> Iterator[str]:
        yield from (f"warning: {each}" for each in self._warnings())
        if self.error is not None:
            yield f"the first item failed here: {_first_line(self.error)}"
        elif self.advice:
            yield self.advice
        if self.dry_run:
            yield f"the function itself: {amount(self.dry_run.bytes_once)}, once per device"

    def _warnings(self) -> Iterator[str]:
        yield from self.notes
        yield from (each.note for each in self.packages if each.note)
        yield from (each.warning for each in self.captures if each.warning)


MENTIONED_BYTES = 100_000
"""Of something captured that is worth a line though nothing is wrong with it."""
_HEADINGS = ("", "name", "here", "for browsers", "size", "from")


def _size(size: int | None) -> str:
    return "" if size is None else amount(size)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    name = error.type_name if isinstance(error, RemoteError) else type(error).__name__
    return f"{name}: {lines[0]}"
