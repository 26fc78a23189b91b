"""Looks at a map before anybody else computes it.

first item --Rehearsal--> time, bytes, error ---+
function ---examine----> own modules, captures -+--> Check
packages ---plan-------> here, there, megabytes +
"""

from __future__ import annotations

import hashlib
import logging
import platform
import threading
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import events as ev
from .call import Call
from .encoded import Encoded, encode
from .environment import runtime
from .errors import ClosedError, NitocrisError
from .job import MappedFunction
from .rehearsal import HERE, DryRun, Rehearsal
from .serving import Serving

if TYPE_CHECKING:
    from .check import Check
    from .packages import Places
    from .plan import PlannedPackage

logger = logging.getLogger("nitocris.preflight")

PATIENCE_SECONDS = 60.0
"""For a dry run; whoever computes for longer has enough to share."""


def check(
    call: Call,
    arguments: Sequence[tuple[Any, ...]],
    packages: Sequence[str | PathLike[str]],
    folders: Sequence[Path],
) -> Check:
    """Returns what is known of a map; blocks for the dry run and for downloads.

    Args:
        call: What the owner wants.
        arguments: Those of the first item, if there is one.
        packages: What the owner named.
        folders: Where to look for wheels first.

    Raises:
        NotSendableError: The function or the item cannot be sent.
        TimeoutError: The item took longer than the call may.
    """
    # Here: they take a tenth of a second, which only those shall wait for who look.
    from .pip_resolver import Pip
    from .preparation import find_places

    encoded = encode(call)
    run = None
    for each in arguments[:1]:
        run = Rehearsal(encoded, each).run(call.timeout)
    pip = Pip()
    try:
        return survey(call, run, packages, find_places(folders, pip))
    finally:
        pip.stop()


def survey(
    call: Call,
    run: DryRun | None,
    packages: Sequence[str | PathLike[str]],
    places: Places | None,
) -> Check:
    """Returns what is known of a map besides how its first item went; blocks for downloads."""
    # As in `check`.
    from .captures import examine
    from .check import Check
    from .plan import plan

    examination = examine(call.function)
    release = runtime()
    rows: tuple[PlannedPackage, ...] = ()
    if places is not None:
        rows = plan(packages, () if packages else examination.imports, places)
    return Check(
        function=MappedFunction.of(call.function).name,
        python=platform.python_version(),
        pyodide=release["version"] if release else None,
        packages=rows,
        modules=examination.modules,
        captures=examination.captures,
        notes=examination.warnings,
        dry_run=run,
    )


class Preflight:
    """Looks at a map beside its beginning, in a thread.

    Args:
        serving: Where packages are looked for.
        call: What the owner wants.
        encoded: Its function.
        fail: Takes how the first item failed, if that ends the map.
    """

    def __init__(
        self,
        serving: Serving,
        call: Call,
        encoded: Encoded,
        fail: Callable[[ev.Failed], None],
    ) -> None:
        self._serving = serving
        self._call = call
        self._encoded = encoded
        self._fail = fail
        self._rehearsal: Rehearsal | None = None
        self._over = False

    def begin(self, arguments: tuple[Any, ...]) -> None:
        """Starts looking, with the first item, unless this function has been looked at."""
        key = hashlib.sha256(self._encoded.shipment.payload).digest()
        if not self._call.check or key in self._serving.looked_at:
            return
        self._serving.looked_at.add(key)
        self._rehearsal = Rehearsal(self._encoded, arguments)
        # A daemon: what it waits for, an index of packages, may not answer.
        threading.Thread(target=self._main, name="nitocris-preflight", daemon=True).start()

    def surpass(self) -> None:
        """Ends the dry run: a worker was quicker."""
        if self._rehearsal:
            self._rehearsal.kill()

    def close(self) -> None:
        """Looks and says no more."""
        self._over = True
        self.surpass()

    def _main(self) -> None:
        assert self._rehearsal is not None
        run = None
        try:
            run = self._rehearsal.run(PATIENCE_SECONDS)
        except ClosedError:
            pass
        except TimeoutError as error:
            self._tell(f"{error}: worth sharing")
        if run and run.error and self._ends_map(run.error):
            self._fail(ev.Failed(run.error, HERE, 1))
            return
        serving = self._serving
        try:
            self._tell(str(survey(self._call, run, serving.packages, serving.places)))
        except NitocrisError as error:
            logger.info("the map was not looked at: %s", error)

    def _tell(self, text: str) -> None:
        if not self._over:
            self._call.display.tell(text)

    def _ends_map(self, error: Exception) -> bool:
        """Whether workers would fail alike; they may have packages that are not installed here."""
        if self._call.errors != "raise":
            return False
        if isinstance(error, ModuleNotFoundError) and self._serving.packages:
            return False
        return not isinstance(error, self._call.rules.retry_on)
