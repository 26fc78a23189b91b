"""Runs pip as if it were on a worker in a browser: a script for a process of its own.

    python -P pip_runner.py '{"sys_platform": "emscripten", …}' download …

Pip can be told the platform of the wheels, but it evaluates the markers of requirements for the
interpreter that it runs under.  Where this pip is built otherwise than expected, it says so and
goes on with the markers of this machine: then a requirement may be one too many or one too few.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

UNCHANGED = "nitocris: markers are evaluated for this machine"


def main(environment: dict[str, str]) -> int:
    """Runs pip with what is left of the arguments; returns its exit code."""
    try:
        markers = importlib.import_module("pip._vendor.packaging.markers")
        if {*markers.default_environment()} - {*environment}:
            raise KeyError("there are more markers than are known here")
        markers.default_environment = lambda: dict(environment)  # type: ignore[attr-defined]
    except (ImportError, AttributeError, KeyError, TypeError) as error:
        print(f"{UNCHANGED}: {error}", file=sys.stderr)
    if hasattr(os, "nice"):
        os.nice(10)  # a map may run meanwhile
    pip = importlib.import_module("pip._internal.cli.main")
    code: int = pip.main()
    return code


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv.pop(1))))
