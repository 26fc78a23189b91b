"""The environment grows with what maps need, and browsers wait for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence

import pytest

from nitocris import provision
from nitocris.environment import Environment
from nitocris.errors import PackageError
from nitocris.matching import Match
from nitocris.provision import Provision

MATCHES = {
    "numpy": Match("numpy", "2.5", "2.0", "numpy"),
    "sklearn": Match("scikit-learn", "1.6", "1.6", "sklearn"),
    "broken": Match("broken", "1.0", "1.0", "broken"),
    "torch": Match("torch", "2.0", None, "torch", "no wheel of it is pure Python"),
    "picky": Match("picky", "1.0", "1.0", "picky"),
}


class Bench:
    """A provision whose packages are at hand, but for one."""

    def __init__(self, *packages: str) -> None:
        self.announced: list[str | None] = []
        self.warnings: list[str] = []
        self.looked_for: list[Collection[str]] = []
        self.provision = Provision(packages, self.match, self.prepare, self.announced.append)

    def match(self, modules: Collection[str]) -> list[Match]:
        self.looked_for.append(modules)
        return [MATCHES[module] for module in sorted(modules) if module in MATCHES]

    @staticmethod
    def prepare(names: Sequence[str | os.PathLike[str]]) -> Environment:
        title = " ".join(map(str, names))
        if "broken" in title:
            raise PackageError("broken cannot be had")
        if "picky==" in title:
            raise PackageError("picky cannot be had in this version")
        return Environment(title)

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

    assert bench.announced[1:] == [None, bench.hash_of("scikit-learn==1.6")]
    assert (await bench.provision.ready()).title == "scikit-learn==1.6"


async def test_what_is_there_already_changes_nothing() -> None:
    """The second map with NumPy finds it."""
    bench = Bench()
    await bench.needs("numpy")
    before = len(bench.announced)

    await bench.needs("numpy")

    assert set(bench.announced[before:]) == {bench.hash_of("numpy==2.0")}


async def test_differences_are_stated_once() -> None:
    """The owner reads which version browsers have instead, in one line and one time."""
    bench = Bench()

    for modules in (["numpy"], ["numpy", "sklearn"], ["numpy"]):
        await bench.needs(*modules)

    assert bench.warnings == ["numpy 2.5 is installed here, browsers get 2.0"]


async def test_module_without_a_build_is_named_and_keeps_browsers_out() -> None:
    """Native workers can still compute the map; the next one has browsers back."""
    bench = Bench()
    await bench.needs("sklearn")

    await bench.needs("torch", "sklearn")
    held = bench.announced[-1]
    await bench.needs("sklearn")

    assert held is None
    assert bench.warnings == [
        "browsers cannot take part in this map: torch cannot be had for browsers (no wheel of it "
        "is pure Python); native workers that have it can compute this"
    ]
    assert bench.announced[-1] == bench.hash_of("scikit-learn==1.6")


async def test_versions_that_are_impossible_together_are_left_open() -> None:
    """What is installed here may not go together there; any version is better than none."""
    bench = Bench()

    await bench.needs("picky")

    assert (await bench.provision.ready()).title == "picky"
    assert bench.warnings == []


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


async def test_what_could_not_be_had_is_left_alone_for_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Maps of the same function in a row do not each start pip; a later one tries again."""
    bench = Bench()

    await bench.needs("broken")
    await bench.needs("broken")
    in_a_row = len(bench.looked_for)
    monkeypatch.setattr(provision, "RETRY", 0.0)
    await bench.needs("broken")

    assert in_a_row == 1
    assert len(bench.looked_for) == 2
    assert bench.warnings == ["browsers cannot take part in this map: broken cannot be had"] * 3
    assert bench.announced[-1] is None
