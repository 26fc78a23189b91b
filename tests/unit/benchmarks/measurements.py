"""Measurements as a run would have taken them."""

from __future__ import annotations

from typing import Any

from benchmarks.results import Measurement


def taken(system: str, value: float, number: int = 0, **others: Any) -> Measurement:
    """Returns a measurement of W1 among the peers, unless `others` says otherwise."""
    given: dict[str, Any] = {"part": "peers", "workload": "W1", "workers": 2} | others
    return Measurement(system=system, value=value, round=number, **given)
