"""An owner in a pod of Kubernetes, with the Dask operator: owner-pod.yaml starts this.

pip install 'nitocris[dask]' dask-kubernetes; the operator: docs.dask.org, "Kubernetes".
"""

import os

from dask.distributed import Client
from dask_kubernetes.operator import KubeCluster

from nitocris import DistributedExecution
from nitocris.engines.dask import join


def square(x):
    """Stands for your own function."""
    return x * x


def main():
    """Maps over four pods."""
    with (
        KubeCluster(
            name="nitocris",
            image="REGISTRY/nitocris:latest",  # of deploy/Dockerfile
            n_workers=4,
            resources={"limits": {"cpu": "4", "memory": "8Gi"}},
        ) as cluster,
        Client(cluster) as client,
        # Pods reach one another by their addresses, which the downward API gives.
        DistributedExecution(host=os.environ["POD_IP"], server_port=8000) as d,
        join(d, client, workers=4),
    ):
        d.wait_for_workers(4)
        print(sum(d.map(square, range(1_000_000))))


if __name__ == "__main__":
    main()
