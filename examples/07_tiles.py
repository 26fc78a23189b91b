"""A picture of the Mandelbrot set in tiles: the workers draw them, NumPy puts them together."""

import numpy as np

from nitocris import DistributedExecution

WIDTH, HEIGHT, TILE = 768, 512, 128
LEFT, TOP, SCALE = -2.0, 1.0, 2.0 / HEIGHT
STEPS = 200


def tile(row: int, column: int) -> np.ndarray:
    """After how many steps each pixel of a tile runs away; `STEPS` if it does not."""
    x = LEFT + SCALE * (np.arange(column, column + TILE) + 0.5)
    y = TOP - SCALE * (np.arange(row, row + TILE) + 0.5)
    c = x[np.newaxis, :] + 1j * y[:, np.newaxis]
    z = np.zeros_like(c)
    steps = np.zeros(c.shape, dtype=np.uint8)
    for _ in range(STEPS):
        inside = np.abs(z) <= 2
        z[inside] = z[inside] ** 2 + c[inside]
        steps += inside
    return steps


corners = [(row, column) for row in range(0, HEIGHT, TILE) for column in range(0, WIDTH, TILE)]
with DistributedExecution(local_workers=2) as execution:
    tiles = execution.starmap(tile, corners)

columns = WIDTH // TILE
picture = np.block([tiles[first : first + columns] for first in range(0, len(tiles), columns)])

assert picture.shape == (HEIGHT, WIDTH)
assert np.array_equal(picture, picture[::-1])  # the set is its own mirror image
for line in picture[::32, ::12]:
    print("".join(" .:-=+*#%@"[steps * 9 // STEPS] for steps in line.tolist()))
