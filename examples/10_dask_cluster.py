"""The cluster that is there already, and whoever opens the link: pi, once more.

pip install 'nitocris[dask]'
"""

import random

from dask.distributed import Client, LocalCluster

from nitocris import DistributedExecution
from nitocris.engines.dask import join

DRAWS = 100_000


def inside(seed):
    """Returns how many of some random points of the unit square are in the circle."""
    rng = random.Random(seed)  # noqa: S311  # nothing to guard
    return sum(rng.random() ** 2 + rng.random() ** 2 < 1 for _ in range(DRAWS))


def main():
    # In the place of LocalCluster, a Client of your own cluster, and the execution without host=.
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        DistributedExecution(host="127.0.0.1") as d,
        join(d, client),
    ):
        counts = d.map(inside, range(20))

    pi = 4 * sum(counts) / (DRAWS * len(counts))
    print(f"pi is about {pi:.3f}")
    assert abs(pi - 3.1416) < 0.01


if __name__ == "__main__":  # Dask starts processes that import this file
    main()
