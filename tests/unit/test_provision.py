"""The environment grows with what maps need, and browsers wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from nitocris.environment import Environment
from nitocris.errors import PackageError
from nitocris.provision import Provision
from nitocris.pyodide_lock import Lock, LockedPackage

LOCK = Lock(
    "0.27.8",
    "3.12.7",
    {
        name: LockedPackage(name, "1.0", f"{name}.whl", "0" * 64, imports=(module,))
        for name, module in [("numpy", "numpy"), ("scikit-learn", "sklearn"), ("broken", "broken")]
    },
)


class Bench:
    """A provision whose packages are at hand, but for one."""

    def __init__(self, *packages: str) -> None:
        self.announced: list[str | None] = []
        self.warnings: list[str] = []
        self.provision = Provision(packages, LOCK, self.prepare, self.announced.append)

    @staticmethod
    def prepare(names: Sequence[str]) -> Environment:
        if "broken" in names:
            raise PackageError("broken cannot be had")
        return Environment(" ".join(names))

    def hash_of(self, *names: str) -> str:
        return self.prepare(names).sha256

    async def needs(self, *modules: str) -> None:
        self.provision.add_modules(modules, self.warnings.append)
        await asyncio.gather(*self.provision._growing)


async def test_named_packages_are_there_from_the_start() -> None:
    """What the owner names is announced as soon as it is ready."""
    bench = Bench("numpy")

    assert (await bench.provision.ready()).title == "numpy"
    assert bench.announced == [bench.hash_of("numpy")]


async def test_named_packages_that_cannot_be_had_are_an_error() -> None:
    """Whoever asks gets it, as often as they ask."""
    bench = Bench("broken")

    for _ in range(2):
        with pytest.raises(PackageError, match="broken cannot be had"):
            await bench.provision.ready()


async def test_modules_bring_their_packages() -> None:
    """Browsers are held back until the larger environment is there."""
    bench = Bench()
    await bench.provision.ready()

    await bench.needs("sklearn", "json", "mine")

    assert bench.announced[1:] == [None, bench.hash_of("scikit-learn")]
    assert (await bench.provision.ready()).title == "scikit-learn"


async def test_what_is_there_already_changes_nothing() -> None:
    """The second map with NumPy finds it."""
    bench = Bench()
    await bench.needs("numpy")
    before = len(bench.announced)

    await bench.needs("numpy")

    assert set(bench.announced[before:]) == {bench.hash_of("numpy")}


async def test_browsers_sit_out_a_map_whose_packages_cannot_be_had() -> None:
    """The owner is told; the next map that needs no more than there is has them back."""
    bench = Bench()
    await bench.provision.ready()

    await bench.needs("broken")
    held = bench.announced[-1]
    await bench.needs()

    assert held is None
    assert bench.warnings == ["browsers cannot take part in this map: broken cannot be had"]
    assert bench.announced[-1] == bench.hash_of()
