"""Real Dask clusters, whose workers die, come, and lose their scheduler in the middle of a map."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest
from dask.distributed import Client, LocalCluster

from nitocris import ConfigurationError
from nitocris.engines.dask import join
from nitocris.engines.machine import Link
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

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    with (
        dask.config.set({"temporary-directory": str(tmp_path)}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
    ):
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as client:
        yield client


def test_devices_of_others_take_part_in_the_same_map(client: Client) -> None:
    with nobody_is_left(), Execution() as d, join(d, client), volunteers(d.url, "honest"):
        d.wait_for_workers(3, timeout=30)
        results = d.map(slowly, range(60), chunk_size=1)

        assert [item for item, _ in results] == list(range(60))
        assert len({parent for _, parent in results}) == 3


def test_a_browser_and_the_cluster_compute_one_map(client: Client, volunteer: Open) -> None:
    with nobody_is_left(), Execution() as d, join(d, client):
        volunteer(d.url).start()
        d.wait_for_workers(3, timeout=30)
        expected = {IN_BROWSER, *(each.pid for each in native_workers())}
        assert len(expected) == 3
        with long_map(d) as results:
            assert eventually(lambda: parents(results) == expected)


def test_a_killed_worker_costs_nothing_and_its_successor_joins(client: Client) -> None:
    with nobody_is_left(), Execution() as d, join(d, client):
        d.wait_for_workers(2, timeout=30)
        before = {each.pid for each in native_workers()}
        victim = next(iter(client.run(os.getpid).values()))
        with long_map(d) as results:
            assert eventually(lambda: len(parents(results)) == 2)
            os.kill(victim, signal.SIGKILL)
            assert eventually(lambda: len({e.pid for e in native_workers()} - before) == 1)
            assert eventually(lambda: len(parents(results)) == 3)


def test_a_cluster_that_grows_in_the_middle(cluster: LocalCluster, client: Client) -> None:
    with nobody_is_left(), Execution() as d, join(d, client):
        d.wait_for_workers(2, timeout=30)
        with long_map(d) as results:
            cluster.scale(3)
            assert eventually(lambda: len(parents(results)) == 3)


def test_closing_the_handle_keeps_the_execution(client: Client) -> None:
    with Execution() as d:
        with nobody_is_left(), join(d, client, workers=2) as joined:
            d.wait_for_workers(4, timeout=30)
        joined.close()

        with nobody_is_left(), join(d, client):
            assert d.map(abs, [-1]) == [1]


def test_the_end_of_the_execution_ends_them(client: Client) -> None:
    with nobody_is_left(), Execution() as d:
        join(d, client)
        d.wait_for_workers(2, timeout=30)


class Commands:
    """`dask scheduler` and `dask worker`, as people start them on machines of their own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def scheduler(self) -> subprocess.Popen[bytes]:
        port = self.address.rpartition(":")[2]
        return self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")

    def worker(self) -> subprocess.Popen[bytes]:
        folder = ("--local-directory", str(self._folder))
        return self._start("worker", self.address, "--nthreads", "1", "--no-dashboard", *folder)

    def stop(self) -> None:
        for each in reversed(self._running):
            each.terminate()
        for each in self._running:
            each.wait(20)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments], stdout=log, stderr=log
            )
        self._running.append(process)
        return process


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path)
    yield commands
    commands.stop()


def test_a_scheduler_that_starts_again(commands: Commands) -> None:
    """Its workers end with it, as Dask does; the map waits, and new ones join without a word."""
    scheduler = commands.scheduler()
    workers = [commands.worker() for _ in range(2)]
    with nobody_is_left(), Client(commands.address) as client, Execution() as d, join(d, client):
        d.wait_for_workers(2, timeout=30)
        with long_map(d) as results:
            assert eventually(lambda: len(parents(results)) == 2)
            scheduler.kill()
            for each in workers:
                each.wait(30)
            commands.scheduler()
            commands.worker()
            assert eventually(lambda: len(parents(results)) == 3)


def test_a_cluster_that_does_not_reach_the_owner(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is started; the error says what was tried, and with what it would work."""
    link = Link("http://127.0.0.1:9/worker#" + 22 * "x")
    with Execution() as d:
        serving = d._lifetime.start()
        monkeypatch.setattr(
            type(serving), "engines_link", property(lambda _: (link.url, link.fingerprint))
        )
        with pytest.raises(
            ConfigurationError, match=r"tried http://127\.0\.0\.1:9 .*host='127"
        ) as e:
            join(d, client)

        assert "xxx" not in str(e.value)
        assert not native_workers()


def test_what_is_no_client() -> None:
    with Execution() as d, pytest.raises(ConfigurationError, match="client must be"):
        join(d, "tcp://127.0.0.1:8786")  # type: ignore[arg-type]
