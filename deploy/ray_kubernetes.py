"""An owner in a pod beside a cluster of KubeRay: kuberay.yaml and owner-pod.yaml."""

import os

import ray

from nitocris import DistributedExecution
from nitocris.engines.ray import join


def square(x):
    """Stands for your own function."""
    return x * x


def main():
    """Maps over all nodes of the cluster, and those that come later."""
    # A pod that is no node of the cluster is a Ray Client.
    ray.init("ray://nitocris-head-svc:10001")
    with (
        # Pods reach one another by their addresses, which the downward API gives.
        DistributedExecution(host=os.environ["POD_IP"], server_port=8000) as d,
        join(d),
    ):
        d.wait_for_workers(4)
        print(sum(d.map(square, range(1_000_000))))


if __name__ == "__main__":
    main()
