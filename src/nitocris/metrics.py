"""Statistics in Prometheus' text format 0.0.4.

Labels have few values by design: kinds of workers and states of items, never a worker or a map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from .stats import Stats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_KINDS = ("browser", "native")


def exposition(stats: Stats) -> bytes:
    """Returns what `/metrics` answers."""
    return generate_latest(_Snapshot(stats))


class _Snapshot(Collector):
    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def collect(self) -> Iterable[Metric]:
        yield from _totals(self._stats)
        yield from _maps(self._stats)
        yield from _workers(self._stats)


def _totals(stats: Stats) -> Iterator[Metric]:
    yield _counter(
        "nitocris_items_done", "Items that are done, also those that failed.", stats.done
    )
    yield _counter(
        "nitocris_retries",
        "Chunks that were lent again because a worker was lost, crashed or too slow.",
        stats.retries,
    )
    yield _counter("nitocris_sent_bytes", "Bytes in frames to all workers.", stats.bytes_sent)
    yield _counter(
        "nitocris_received_bytes", "Bytes in frames from all workers.", stats.bytes_received
    )
    yield GaugeMetricFamily(
        "nitocris_uptime_seconds", "Seconds since the server started.", stats.running
    )


def _maps(stats: Stats) -> Iterator[Metric]:
    yield GaugeMetricFamily("nitocris_maps", "Maps that run.", len(stats.maps))
    items = GaugeMetricFamily(
        "nitocris_map_items",
        "Items of the maps that run; pending ones as far as their number is known.",
        labels=["state"],
    )
    failed = sum(each.failed for each in stats.maps)
    items.add_metric(["succeeded"], sum(each.done for each in stats.maps) - failed)
    items.add_metric(["failed"], failed)
    items.add_metric(
        ["pending"],
        sum(each.total - each.done for each in stats.maps if each.total is not None),
    )
    yield items
    if stats.remaining is not None:
        yield GaugeMetricFamily(
            "nitocris_remaining_seconds",
            "Estimated seconds until the running maps are done; absent while unknown.",
            stats.remaining,
        )


def _workers(stats: Stats) -> Iterator[Metric]:
    connected = GaugeMetricFamily(
        "nitocris_workers", "Devices that are connected.", labels=["kind"]
    )
    capacity = GaugeMetricFamily(
        "nitocris_capacity_chunks", "Chunks that the devices compute at once.", labels=["kind"]
    )
    leases = GaugeMetricFamily(
        "nitocris_leased_chunks", "Chunks that the devices have.", labels=["kind"]
    )
    for kind in _KINDS:
        workers = [worker for worker in stats.workers if worker.kind == kind]
        connected.add_metric([kind], len(workers))
        capacity.add_metric([kind], sum(worker.capacity for worker in workers))
        leases.add_metric([kind], sum(worker.leases for worker in workers))
    yield from (connected, capacity, leases)


def _counter(name: str, help_text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, help_text, value)
