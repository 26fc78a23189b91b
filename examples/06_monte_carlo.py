"""The price of an option by Monte Carlo: a seed, and the same result on any number of devices.

Each item gets a random generator of its own, which depends on the seed and the item's index only.
"""

from math import erf, exp, log, sqrt

import numpy as np

from nitocris import DistributedExecution

SPOT, STRIKE, RATE, VOLATILITY, YEARS = 100.0, 105.0, 0.02, 0.3, 1.0


def mean_payoff(paths: int, rng: np.random.Generator) -> float:
    """What a call option pays on average over some random futures, in today's money."""
    growth = (RATE - VOLATILITY**2 / 2) * YEARS
    final = SPOT * np.exp(growth + VOLATILITY * sqrt(YEARS) * rng.standard_normal(paths))
    return float(exp(-RATE * YEARS) * np.maximum(final - STRIKE, 0).mean())


batches = [100_000] * 100
with DistributedExecution(local_workers=2) as execution:
    payoffs = execution.map(mean_payoff, batches, seed=2021)
    again = execution.map(mean_payoff, batches, seed=2021, chunk_size=7)

price = float(np.mean(payoffs))
error = float(np.std(payoffs, ddof=1) / sqrt(len(payoffs)))
print(f"The option is worth {price:.3f} ± {error:.3f}.")
assert again == payoffs

# Black and Scholes (1973) have the exact price.
d1 = (log(SPOT / STRIKE) + (RATE + VOLATILITY**2 / 2) * YEARS) / (VOLATILITY * sqrt(YEARS))
d2 = d1 - VOLATILITY * sqrt(YEARS)
below1, below2 = ((1 + erf(d / sqrt(2))) / 2 for d in (d1, d2))
exact = SPOT * below1 - STRIKE * exp(-RATE * YEARS) * below2
assert abs(price - exact) < 4 * error
