"""A real Dask cluster computes for an execution; `make engines` has the rest."""

from __future__ import annotations

import os

import pytest
from dask.distributed import Client, LocalCluster

from nitocris.engines.dask import join
from tests.support.engines import Execution, nobody_is_left, slowly


@pytest.mark.filterwarnings("ignore")  # Dask's own
def test_workers_of_a_cluster_compute_and_end() -> None:
    """They do what the map needs, beside the Dask workers, and closing ends them."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        nobody_is_left(),
        Execution() as d,
        join(d, client),
    ):
        d.wait_for_workers(2, timeout=30)
        results = d.map(slowly, range(20), chunk_size=1)

        assert [item for item, _ in results] == list(range(20))
        parents = {parent for _, parent in results}
        assert len(parents) == 2
        assert os.getpid() not in parents
