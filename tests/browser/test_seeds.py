"""`seed=` in a real browser: the numbers of native workers, to the bit."""

from __future__ import annotations

import random
import sys
from typing import Any

import cloudpickle
import numpy as np
import pytest

from tests.browser.conftest import Execution, Open

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.timeout(180)


def bits(_: int, rng: np.random.Generator) -> list[Any]:
    """Draws whole numbers, fractions, and a shuffled list."""
    shuffled = rng.permutation(10).tolist()
    return [int(rng.integers(2**62)), *(each.hex() for each in rng.random(5).tolist()), shuffled]


def standard_bits(_: int, rng: random.Random) -> list[Any]:
    """The same with the standard library."""
    shuffled = rng.sample(range(10), 10)
    return [rng.getrandbits(62), *(rng.random().hex() for _ in range(5)), shuffled]


@pytest.mark.usefixtures("numpy_in_browsers")
def test_numpy_s_generators(volunteer: Open) -> None:
    """The page gets NumPy although no function mentions it, and draws what this machine draws."""
    children = np.random.SeedSequence(2**100).spawn(20)
    here = [bits(0, np.random.default_rng(child)) for child in children]

    with Execution() as d:
        volunteer(d.url).start()
        in_browser = d.map(bits, range(20), seed=2**100)
    with Execution(local_workers=1) as d:
        natively = d.map(bits, range(20), seed=2**100)

    assert in_browser == here
    assert natively == here


@pytest.mark.long
def test_the_standard_library_s_generators(volunteer: Open) -> None:
    """No package is needed for them."""
    here = [standard_bits(0, random.Random(f"42:{index}")) for index in range(20)]

    with Execution() as d:
        volunteer(d.url).start()
        in_browser = d.map(standard_bits, range(20), seed=42, seed_kind="random")

    assert in_browser == here
