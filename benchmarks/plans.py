"""How much is measured: everything of `make bench` within a quarter of an hour on two cores."""

from __future__ import annotations

from .runner import Entry, Patience
from .systems import chosen

WHOLE = Patience(rounds=4, timeout=20.0, budget=5.0, repeats=1)
FEW = Patience(rounds=3, timeout=30.0, budget=20.0, repeats=1)
"""For what takes seconds."""
TWO = Patience(rounds=2, timeout=30.0, budget=20.0, repeats=1)
"""For what takes ten of them."""
SHORT = Patience(rounds=2, timeout=10.0, budget=3.0, repeats=0, share=0.1)
PAPER = Patience(rounds=10, timeout=60.0, repeats=0)
BROWSERS = Patience(rounds=3, repeats=1)

SYSTEMS = {
    "W1": "map,pool*,joblib*,mpire,dask-tuned,ray*,nitocris*",
    "W2": "map,pool-fork-tuned,joblib*,mpire*,dask*,ray*,nitocris*",
    "W2b": "map,pool-fork-tuned,joblib,mpire-shared,ray-pool,nitocris",
    "W3": "map,pool-fork*,joblib,mpire,dask-tuned,ray*,nitocris*",
    "W4": "map,plain,pool-fork*,joblib,mpire,dask,ray*,nitocris*",
    "W5": "map,pool-fork,pool-spawn,joblib,mpire,dask,ray*,nitocris",
    "W6": "joblib,mpire,nitocris",
    "W6b": "pool-fork,mpire,nitocris",
}
"""By workload, names or patterns; left out are those that would take minutes or say nothing."""

PATIENCE = {"W2b": FEW, "W3": FEW, "W4": FEW, "W5": FEW, "W6": TWO, "W6b": TWO}


def patience(workload: str) -> Patience:
    """Returns how often and how long a workload is measured."""
    return PATIENCE.get(workload, WHOLE)


def peers() -> dict[str, Entry]:
    """Returns the whole comparison with the peers."""
    return {
        workload: Entry(chosen(patterns.split(",")), patience(workload))
        for workload, patterns in SYSTEMS.items()
    }
