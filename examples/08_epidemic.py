"""A parameter sweep of an ODE: how many catch a disease, by how contagious it is and how long?

Each item solves the SIR model of Kermack and McKendrick (1927) with SciPy.
"""

import itertools

import numpy as np
from scipy.integrate import solve_ivp

from nitocris import DistributedExecution


def share_infected(reproduction: float, days_ill: float) -> float:
    """The share of a population that has had the disease when it is over."""

    def change(_: float, state: np.ndarray) -> list[float]:
        susceptible, infected = state
        infections = reproduction / days_ill * susceptible * infected
        return [-infections, infections - infected / days_ill]

    end = 400 * days_ill
    solution = solve_ivp(change, (0, end), [1 - 1e-6, 1e-6], rtol=1e-9, atol=1e-12)
    return float(1 - solution.y[0, -1])


reproductions = [1.2, 1.5, 2.0, 3.0, 5.0, 8.0]
durations = [2.0, 5.0, 10.0, 20.0]
with DistributedExecution(local_workers=2) as execution:
    shares = execution.starmap(share_infected, itertools.product(reproductions, durations))

table = np.reshape(shares, (len(reproductions), len(durations)))
for reproduction, row in zip(reproductions, table, strict=True):
    print(f"R = {reproduction}: {row.mean():.1%} catch it, however long they are ill")

# In the end s = exp(-R (1 - s)), whatever the duration.
for reproduction, row in zip(reproductions, table, strict=True):
    assert np.allclose(1 - row, np.exp(-reproduction * row), atol=1e-5)
