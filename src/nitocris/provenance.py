"""The versions that the results of a map came from."""

from __future__ import annotations

import platform
from importlib.metadata import version

from .environment import Environment, runtime
from .report import Provenance, WheelVersion


def provenance(function: str, seed: str | None, environment: Environment | None) -> Provenance:
    """Returns what is known of it.

    Args:
        function: The hash of the function.
        seed: Where its random numbers come from.
        environment: What browsers have, None if that is not known yet.
    """
    release = runtime()
    wheels = []
    for wheel in environment.wheels if environment else ():
        wheels.append(WheelVersion(wheel.name, wheel.version, wheel.sha256))
    return Provenance(
        nitocris=version("nitocris"),
        python=platform.python_version(),
        pyodide=release["version"] if release else None,
        wheels=tuple(wheels),
        function=function,
        seed=seed,
    )
