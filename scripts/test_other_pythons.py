"""Runs unit tests and a browser smoke test under the other Pythons of this machine.

Each gets an environment of its own in `.build/`, kept for the next time.  A Python that is not here
is no failure; the last line says which ran.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MINORS = ((3, 11), (3, 12), (3, 13))
ROOT = Path(__file__).resolve().parents[1]

_VERSION = "import platform, sys; print(*sys.version_info[:2], platform.python_version())"


def main() -> int:
    """Returns the exit status: that of the first Python whose tests fail."""
    ran = [platform.python_version()]
    for minor in MINORS:
        if minor == sys.version_info[:2]:
            continue
        found = find(minor)
        if found is None:
            print(f"Python {minor[0]}.{minor[1]} is not on this machine", flush=True)
            continue
        python, version = found
        print(f"--- Python {version}", flush=True)
        status = run_tests(python, minor)
        if status:
            print(f"FAILED on Python {version}")
            return status
        ran.append(version)
    print(f"Tested on Python {', '.join(sorted(ran))}")
    return 0


def find(minor: tuple[int, int]) -> tuple[str, str] | None:
    """Returns an interpreter and its full version; each candidate is run to see that it works."""
    for candidate in candidates(minor):
        try:
            done = subprocess.run([candidate, "-c", _VERSION], capture_output=True, text=True)
        except OSError:
            continue
        words = done.stdout.split()
        if done.returncode == 0 and words[:2] == [str(part) for part in minor]:
            return candidate, words[2]
    return None


def candidates(minor: tuple[int, int]) -> Iterator[str]:
    """Yields names and paths under which this Python may be."""
    name = f"python{minor[0]}.{minor[1]}"
    yield from (str(Path(folder, name)) for folder in os.get_exec_path())
    installed = Path.home() / ".pyenv" / "versions"
    yield from (str(path) for path in installed.glob(f"{minor[0]}.{minor[1]}.*/bin/python"))


def run_tests(python: str, minor: tuple[int, int]) -> int:
    """Returns pytest's exit status."""
    venv = ROOT / ".build" / f"venv-{minor[0]}.{minor[1]}"
    stamp = venv / "installed"
    if not stamp.exists() or stamp.stat().st_mtime < (ROOT / "pyproject.toml").stat().st_mtime:
        subprocess.run(["scripts/make_venv.sh", python, venv, "test"], cwd=ROOT, check=True)
        stamp.touch()
    # The cache of the main environment stays as it is: --last-failed means something else there.
    pytest = [str(venv / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    unit = subprocess.run([*pytest, "tests/unit"], cwd=ROOT).returncode
    if unit:
        return unit
    return subprocess.run([*pytest, "-m", "smoke", "tests/browser"], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
