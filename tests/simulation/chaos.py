"""One seed is one scenario: some maps, and devices that come, go, hang, crash, slow down, lie."""

from __future__ import annotations

import random
from functools import partial

from nitocris import events as ev
from nitocris.errors import ItemTimeoutError, WorkerLostError

from .world import Costs, Device, Network, SimulatedMap, Simulation

TROUBLE_SECONDS = 60.0
"""After that the world is kind: three honest devices stay until the end."""


def run(seed: int) -> None:
    """Runs the scenario of a seed to its end.

    Raises:
        AssertionError: Something that must hold did not.
    """
    simulation = prepare(seed)
    finish(simulation)


def finish(simulation: Simulation) -> None:
    """Runs a scenario and checks what came of it."""
    simulation.run(until=1e6)
    for number, map_ in simulation.maps.items():
        _check(simulation, number, map_)


def prepare(seed: int, *, tell: bool = False) -> Simulation:
    """Returns the scenario of a seed, not yet run."""
    chance = random.Random(seed)
    gentle = chance.random() < 0.3
    # What arrives out of order would put the blame for a crash on the wrong item.
    network = Network(jitter=chance.choice([0.0, 0.01, 0.2]), ordered=gentle)
    if not gentle:
        network.lost = chance.choice([0.0, 0.0, 0.02, 0.1])
        network.doubled = chance.choice([0.0, 0.05])
    simulation = Simulation(seed, network, tell=tell)
    simulation.gentle = gentle
    for _ in range(chance.randint(1, 4)):
        simulation.at(chance.uniform(0, 5), partial(_start_map, simulation, chance))
    _start_map(simulation, chance)
    for _ in range(chance.randint(0, 12)):
        simulation.at(chance.uniform(0, 40), partial(_join, simulation, chance))
    for _ in range(chance.randint(0, 20)):
        simulation.at(chance.uniform(0, TROUBLE_SECONDS), partial(_trouble, simulation, chance))
    simulation.at(TROUBLE_SECONDS, partial(_be_kind, simulation))
    return simulation


def _start_map(simulation: Simulation, chance: random.Random) -> None:
    count = chance.choice([0, 1, 3, 50, 400])
    mean = chance.choice([0.002, 0.1, 1.0])
    indices = range(count)

    def some(share: float) -> list[int]:
        return [index for index in indices if chance.random() < share]

    simulation.start(
        SimulatedMap(
            Costs([chance.lognormvariate(0, 1) * mean for _ in indices]),
            chunk_size=chance.choice([None, None, 1, 7, 50]),
            crashes=some(chance.choice([0, 0, 0.02])),
            hangs=some(chance.choice([0, 0, 0.01])),
            raises={index: chance.randint(1, 3) for index in some(chance.choice([0, 0.1]))},
            keep_going=chance.random() < 0.7,
            retries=chance.choice([0, 2]),
            timeout=10_000.0 if simulation.gentle else chance.choice([10.0, 40.0]),
            item_timeout=None if simulation.gentle else chance.choice([None, None, 30.0]),
        )
    )


def _join(simulation: Simulation, chance: random.Random) -> None:
    simulation.join(
        speed=chance.choice([0.2, 1, 1, 5]),
        capacity=chance.choice([1, 1, 2, 4]),
        latency=chance.choice([0.0, 0.05, 0.3]),
        lies=0.0 if simulation.gentle else chance.choice([0.0, 0.0, 0.3]),
        returns=chance.choice([0.0, 0.0, 0.2, 1.0]),
    )


def _trouble(simulation: Simulation, chance: random.Random) -> None:
    if not simulation.devices:
        return
    device = chance.choice(list(simulation.devices.values()))
    kinds = ["leave", "leave", "slow", "pause", "give back", "cancel", "sleep"]
    kinds += [] if simulation.gentle else ["hang", "jump"]
    match chance.choice(kinds):
        case "leave":
            simulation.leave(device)
        case "hang":
            device.hung = True
        case "slow":
            device.speed /= 10
        case "pause":
            simulation.resize(device, 0)
            simulation.after(chance.uniform(0, 20), partial(_resume, simulation, device))
        case "give back":
            simulation.resize(device, chance.randrange(device.places))
            simulation.give_back(device)
            simulation.after(chance.uniform(0, 20), partial(_resume, simulation, device))
        case "jump":
            simulation.jumped += chance.choice([1, 30, 5000])
        case "sleep":
            simulation.wake()
        case "cancel":
            simulation.cancel(chance.choice(list(simulation.maps)))


def _resume(simulation: Simulation, device: Device) -> None:
    if device.alive:
        simulation.resize(device, device.places)


def _be_kind(simulation: Simulation) -> None:
    simulation.network = Network()
    for _ in range(3):
        simulation.join(capacity=2)


def _check(simulation: Simulation, number: int, map_: SimulatedMap) -> None:
    poisonous = {*map_.crashes, *map_.hangs}
    if isinstance(map_.outcome, ev.Fail):
        assert not map_.keep_going, f"map {number} failed although it was to keep going"
        failed = {map_.outcome.index: map_.outcome.failed}
    else:
        failed = map_.failed
        assert map_.cancelled or poisonous <= failed.keys(), "a poisonous item cannot succeed"
    for index, failure in failed.items():
        match failure.error:
            case WorkerLostError() | ItemTimeoutError():
                assert index in poisonous or not simulation.gentle, f"item {index} is blamed"
            case OSError():
                assert index in map_.raises
                assert failure.attempts == map_.retries + 1
            case _:
                raise AssertionError(f"item {index} failed with {failure.error!r}")
