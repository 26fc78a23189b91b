"""Real Ray clusters, whose actors are killed and which grow in the middle of a map."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil
import pytest
import ray
from ray.cluster_utils import Cluster

from nitocris import ConfigurationError
from nitocris.engines.ray import join
from tests.browser.conftest import Open
from tests.support.engines import (
    IN_BROWSER,
    Execution,
    eventually,
    long_map,
    native_workers,
    nobody_is_left,
    parents,
    slowly,
)
from tests.support.volunteer import volunteers

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Ray's own
    pytest.mark.timeout(120),  # it takes long to start a node
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False}
    )
    ray.init(cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.usefixtures("cluster")
def test_a_node_computes_with_others_and_ends() -> None:
    with nobody_is_left(), Execution() as d, join(d), volunteers(d.url, "honest"):
        d.wait_for_workers(3, timeout=60)
        results = d.map(slowly, range(60), chunk_size=1)

        assert [item for item, _ in results] == list(range(60))
        assert len({parent for _, parent in results}) == 2


@pytest.mark.usefixtures("cluster")
def test_a_browser_and_a_node_compute_one_map(volunteer: Open) -> None:
    with nobody_is_left(), Execution() as d, join(d):
        volunteer(d.url).start()
        d.wait_for_workers(3, timeout=60)
        expected = {IN_BROWSER, *(each.pid for each in native_workers())}
        assert len(expected) == 2
        with long_map(d) as results:
            assert eventually(lambda: parents(results) == expected, seconds=60)


@pytest.mark.usefixtures("cluster")
def test_a_killed_actor_costs_nothing_and_its_successor_joins() -> None:
    with nobody_is_left(), Execution() as d, join(d, workers=2):
        d.wait_for_workers(2, timeout=60)
        [native] = native_workers()
        actor = psutil.Process(native.ppid())
        with long_map(d) as results:
            assert eventually(lambda: parents(results) == {native.pid})
            actor.kill()
            assert eventually(lambda: len(parents(results)) == 2, seconds=60)


def test_a_cluster_that_grows_and_shrinks_in_the_middle(cluster: Cluster) -> None:
    with nobody_is_left(), Execution() as d:
        join(d)
        d.wait_for_workers(2, timeout=60)
        with long_map(d) as results:
            node = cluster.add_node(num_cpus=1)
            assert eventually(lambda: len(parents(results)) == 2, seconds=60)
            cluster.remove_node(node)
            count = len(results)
            assert eventually(lambda: len(results) > count + 40)


def test_no_cluster() -> None:
    ray.shutdown()

    with Execution() as d, pytest.raises(ConfigurationError, match=r"call ray\.init"):
        join(d)
