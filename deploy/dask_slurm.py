"""An owner on a login node of Slurm: Dask's jobs compute, and so may volunteers.

pip install 'nitocris[dask]' dask-jobqueue, in an environment that all nodes see.
"""

from dask.distributed import Client
from dask_jobqueue import SLURMCluster

from nitocris import DistributedExecution
from nitocris.engines.dask import join


def square(x):
    """Stands for your own function."""
    return x * x


def main():
    """Maps over the nodes of four jobs."""
    with (
        SLURMCluster(
            queue="PARTITION",
            account="ACCOUNT",
            cores=8,
            processes=1,
            memory="16GB",
            walltime="04:00:00",
            interface="NETWORK",  # such as ib0: where nodes and login node see one another
        ) as cluster,
        Client(cluster) as client,
        # The address of the login node in that network.
        DistributedExecution(host="10.0.0.5") as d,
        join(d, client),
    ):
        cluster.scale(jobs=4)  # not adapt(): Dask has no tasks to adapt to
        d.wait_for_workers(1)
        print(sum(d.map(square, range(1_000_000))))


if __name__ == "__main__":
    main()
