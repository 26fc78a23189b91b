"""Pip's own resolver for the browser's platform, with the owner's indexes, proxies and passwords.

    lock -> a stub per package (name, version, dependencies; no files) ─┐
    owner's folders, cached wheels ─────────────────────────────────────┼─> pip download -> wheels
    owner's package index ──────────────────────────────────────────────┘

The stubs of `stub_wheels` are replaced by the release's own files afterwards, so nothing of Pyodide
is downloaded to find out what fits.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from .errors import ClosedError
from .pip_runner import UNCHANGED
from .pyodide_lock import Lock, LockedPackage
from .stub_wheels import is_version, write_stubs

DEADLINE = 600.0
"""Seconds for one run of pip, downloads included."""

_FOUND_NONE = re.compile(r"satisfies the requirement (.+?) \(from .*?versions: (.*)\)")
_ASKED = re.compile(r"^\s*The user requested (?!\(constraint\))(.+?)\s*$", re.MULTILINE)
_NO_NETWORK = (
    "connection broken by",
    "Could not fetch URL",
    "ConnectionError",
    "Credentials not correct",
)
_log = logging.getLogger("nitocris.packages")


class PipError(Exception):
    """Pip found nothing that fits, or failed; the text is what it says.

    Attributes:
        requirement: The requirement that nothing satisfies, if it is that.
        constrained: Whether constraints, such as those of the owner's pip, have to do with it.
        versions: What there is of it for this platform.
        network: What it says of an index that could not be asked, so that there may be more.
    """

    def __init__(self, said: str) -> None:
        super().__init__(_words(said))
        match = _FOUND_NONE.search(said)
        asked = _ASKED.search(said)
        self.constrained = "The user requested (constraint)" in said
        self.requirement = match[1] if match else None
        if match is None and asked and self.constrained and " depends on " not in said:
            # Pip takes a constraint on what there is not for a conflict of the two.
            self.requirement = asked[1]
        listed = [] if match is None or match[2] == "none" else match[2].split(", ")
        self.versions = [each for each in listed if is_version(each)]
        self.network = next(
            (line[:300] for line in said.splitlines() if any(each in line for each in _NO_NETWORK)),
            None,
        )


class NoPipError(PipError):
    """There is no pip in this environment."""


class Pip:
    """The owner's pip, one run at a time or several; `stop` ends them.

    Args:
        python: The interpreter whose pip is asked, by default this one.
    """

    def __init__(self, python: str = sys.executable) -> None:
        self._python = python
        self._guard = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def download(
        self,
        requirements: Sequence[str],
        lock: Lock,
        folder: Path,
        *,
        offers: Collection[Path] = (),
        constraints: Mapping[str, str] | None = None,
        extras: Mapping[str, Collection[str]] | None = None,
        without: Collection[str] = (),
        dependencies: bool = True,
    ) -> list[Path | LockedPackage]:
        """Returns wheels in `folder`, and packages of the release, that satisfy `requirements`.

        Args:
            requirements: As for pip; paths of wheels are allowed.
            lock: The release that the wheels are for.
            folder: An empty folder for what is downloaded.
            offers: Wheels on this machine, offered besides those of the index.
            constraints: The version of each of these names, should it be needed.
            extras: What is asked for of packages, by normalised name.
            without: Names for which the release's own build does not do.
            dependencies: Whether to look for what they need as well.

        Raises:
            ClosedError: `stop` was called.
            PipError: Nothing satisfies all of them, there is no pip, or it failed otherwise.
        """
        stubs = write_stubs(lock, folder / "stubs", extras or {}, without)
        wheels = folder / "wheels"
        links = folder / "offers.html"
        links.write_text("".join(f'<a href="{each.resolve().as_uri()}">x</a>\n' for each in offers))
        bounds = folder / "constraints.txt"
        bounds.write_text("".join(f"{name}=={v}\n" for name, v in (constraints or {}).items()))
        arguments = [
            *("download", "--dest", str(wheels), "--only-binary=:all:", "--no-input"),
            *("--progress-bar=off", "--retries=1", "--python-version", lock.python),
            *("--implementation=cp", "--abi", "cp{}{}".format(*lock.minor)),
            *("--abi=abi3", "--abi=none"),
            *(f"--platform={each}" for each in reversed(lock.platforms)),
            *(f"--find-links={each}" for each in (folder / "stubs", links)),
            *(() if dependencies else ("--no-deps",)),
            *(("--constraint", str(bounds)) if constraints else ()),
        ]
        # A requirement may begin with a dash as little as a name may.
        self._run([*arguments, "--", *requirements], lock)
        return [stubs.get(path.name, path) for path in sorted(wheels.glob("*.whl"))]

    def has(self, name: str, lock: Lock) -> bool:
        """Returns whether an index knows this name, be it as source or for other machines."""
        try:
            self._run(["index", "versions", "--retries=1", "--no-input", "--", name], lock)
        except PipError:
            return False
        return True

    def stop(self) -> None:
        """Ends what runs, in other threads, and whatever would be started later."""
        with self._guard:
            self._stopped = True
            for process in self._running:
                process.kill()

    def _run(self, arguments: Sequence[str], lock: Lock) -> None:
        runner = str(Path(__file__).with_name("pip_runner.py"))
        markers = {key: text for key, text in lock.markers().items() if key != "extra"}
        # -P: what lies beside the script is no place to import from.
        process = self._start([self._python, "-P", runner, json.dumps(markers), *arguments])
        try:
            said, _ = process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            raise PipError(f"pip took more than {DEADLINE:.0f} seconds") from None
        finally:
            process.kill()
            process.wait()
            with self._guard:
                self._running.discard(process)
        self._check_stopped()
        _log.debug("pip %s: %s", " ".join(arguments), said)
        if "No module named 'pip'" in said:
            raise NoPipError(
                "pip is not installed here, and without it only packages of Pyodide, of folders "
                "and of the cache can be had; install it ('uv pip install pip', or 'python -m "
                "ensurepip'), or put wheels into a folder of wheels=[…]"
            )
        if UNCHANGED in said:
            _log.warning("this pip is not known: %s", said.partition("\n")[0])
        if process.returncode != 0:
            raise PipError(said)

    def _start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        usual = {
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_QUIET": "0",  # its reasons are read
            "PIP_REQUIRE_VIRTUALENV": "0",
        }
        with self._guard:
            self._check_stopped()
            try:
                process = subprocess.Popen(  # noqa: S603  # this interpreter, and no shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    env={**os.environ, **usual},
                )
            except OSError as error:
                raise NoPipError(f"pip cannot be started with {command[0]!r}: {error}") from error
            self._running.add(process)
        return process

    def _check_stopped(self) -> None:
        if self._stopped:
            raise ClosedError("the execution was closed meanwhile")


def _words(said: str) -> str:
    """Returns what pip gives as the reason, without its progress and its advice."""
    lines = [line.strip() for line in said.splitlines()]
    if "ERROR: Exception:" in lines:  # A traceback of pip's own, whose last line says it.
        return next((line for line in reversed(lines) if "Error: " in line), "it failed")
    reasons = [
        line.removeprefix("ERROR: ")[:300]
        for line in lines
        if line.startswith("ERROR: ") and "ResolutionImpossible" not in line
    ]
    if "The conflict is caused by:" in lines:
        rest = lines[lines.index("The conflict is caused by:") + 1 :]
        end = next((at for at, line in enumerate(rest) if not line), len(rest))
        reasons = rest[: min(end, 3)]
    return "; ".join(reasons) or said.strip()[-300:] or "nothing"
