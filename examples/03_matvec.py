"""A thousand vectors times one matrix of 1000 x 1000, with NumPy on the workers.

The matrix is part of the function, so every device gets its 8 MB once, not with every vector.
"""

import numpy as np

from nitocris import DistributedExecution

random = np.random.default_rng(seed=1)
matrix = random.random((1000, 1000))
vectors = random.random((1000, 1000))


def multiply(vector: np.ndarray) -> np.ndarray:
    return matrix @ vector


with DistributedExecution(packages=["numpy"], local_workers=2) as execution:
    products = execution.map(multiply, vectors)

assert np.allclose(products, vectors @ matrix.T)
print(f"{len(products):,} products, all as NumPy has them here.")
