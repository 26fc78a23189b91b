"""Runs unit tests and a browser smoke test under the other Pythons of this machine.

    scripts/test_other_pythons.py           under the oldest, what depends most on the interpreter
    scripts/test_other_pythons.py --whole   under all of them, all unit tests

Each gets an environment of its own in `.build/`, kept for the next time.  A Python that is not here
is no failure; the last line says which ran.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE, STDOUT

MINORS = ((3, 11), (3, 12), (3, 13))
WHOLE = "--whole"
ROOT = Path(__file__).resolve().parents[1]

CLOSE_TO_PYTHON = [
    f"tests/unit/{name}.py"
    for name in (
        *("codec/test_exceptions", "codec/test_round_trip", "test_bytecode", "test_captures"),
        *("test_function", "test_own_modules", "test_pickling", "test_raised", "test_seeds"),
        *("test_sources", "test_worker_core"),
    )
]
"""What handles bytecode, pickles, tracebacks and modules."""

IN_A_BROWSER = "tests/browser/test_browser.py::test_squares"
"""The shortest of the smoke tests."""

_VERSION = "import platform, sys; print(*sys.version_info[:2], platform.python_version())"


def main() -> int:
    """Returns the exit status: that of the first Python whose tests fail."""
    found = {}
    for minor in MINORS if WHOLE in sys.argv else MINORS[:1]:
        if minor == sys.version_info[:2]:
            continue
        if interpreter := find(minor):
            found[minor] = interpreter
        else:
            print(f"Python {minor[0]}.{minor[1]} is not on this machine", flush=True)
    # All at once: installing waits for the network, and browsers for themselves.
    with ThreadPoolExecutor(max_workers=max(len(found), 1)) as pool:
        runs = [pool.submit(run_tests, python, minor) for minor, (python, _) in found.items()]
    for (_, version), run in zip(found.values(), runs, strict=True):
        status, output = run.result()
        print(f"--- Python {version}\n{output}", flush=True)
        if status:
            print(f"FAILED on Python {version}")
            return status
    versions = [platform.python_version(), *(version for _, version in found.values())]
    print(f"Tested on Python {', '.join(sorted(versions))}")
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


def run_tests(python: str, minor: tuple[int, int]) -> tuple[int, str]:
    """Returns the exit status of the first step that fails, or 0, and what was printed."""
    venv = ROOT / ".build" / f"venv-{minor[0]}.{minor[1]}"
    stamp = venv / "installed"
    # The cache of the main environment stays as it is: --last-failed means something else there.
    pytest = [str(venv / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    whole = WHOLE in sys.argv
    steps = [
        [*pytest, *(["tests/unit"] if whole else CLOSE_TO_PYTHON)],
        [*pytest, *(["-m", "smoke", "tests/browser"] if whole else [IN_A_BROWSER])],
    ]
    if not stamp.exists() or stamp.stat().st_mtime < (ROOT / "pyproject.toml").stat().st_mtime:
        steps.insert(0, ["scripts/make_venv.sh", python, str(venv), "unit"])
    output = ""
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, stdout=PIPE, stderr=STDOUT, text=True)
        output += done.stdout
        if done.returncode:
            return done.returncode, output
        stamp.touch()
    return 0, output


if __name__ == "__main__":
    sys.exit(main())
