"""What the dashboard's page and Prometheus are told, without a server."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from prometheus_client.parser import text_string_to_metric_families

from nitocris import dashboard, metrics
from nitocris.stats import ErrorGroup, MapStats, Stats, WorkerStats


def worker(number: int, kind: str = "browser", failures: int = 0) -> WorkerStats:
    return WorkerStats(
        number=number,
        kind=kind,
        name='Firefox "153"\n',
        address="192.168.1.7",
        capacity=2,
        leases=3,
        items=100,
        rate=2.5,
        failures=failures,
        chunk_size=None,
        round_trip=None,
        connected=60.0,
        silent=0.5,
    )


STATS = Stats(
    title="prime gaps",
    running=90.0,
    capacity=6,
    done=450,
    rate=8.0,
    remaining=75.0,
    retries=3,
    bytes_sent=40_000,
    bytes_received=2_000_000,
    maps=(MapStats(1, "gap", 400, 12, 1000), MapStats(2, "endless", 50, 0, None)),
    workers=(worker(1), worker(2), worker(3, "native")),
    errors=(ErrorGroup("ValueError: no", 12, 1, 7, "browser worker 1", "Traceback"),),
)


def samples(stats: Stats) -> dict[tuple[str, str], float]:
    """Reads the metrics as Prometheus does: by name and the only label's value."""
    families = text_string_to_metric_families(metrics.exposition(stats).decode())
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_page_is_told_what_statistics_say() -> None:
    """Each field under its name, and how many devices there are of each kind."""
    told = dashboard.told(STATS)

    assert json.loads(json.dumps(told)) == {
        **json.loads(json.dumps(told)),
        "title": "prime gaps",
        "remaining": 75.0,
        "connected": {"browser": 2, "native": 1},
        "more_maps": 0,
        "more_errors": 0,
    }
    assert told["workers"][2]["kind"] == "native"
    assert told["maps"][1] == {
        "number": 2,
        "function": "endless",
        "done": 50,
        "failed": 0,
        "total": None,
    }
    assert told["errors"][0]["traceback"] == "Traceback"


def test_a_crowd_is_cut_to_those_worth_a_row() -> None:
    """Whoever fails is among them; the rest are the oldest, and all are counted."""
    crowd = [worker(number, failures=number == 777) for number in range(1, 1001)]

    told = dashboard.told(replace(STATS, workers=tuple(crowd)))

    shown = [each["number"] for each in told["workers"]]
    assert shown == [*range(1, dashboard.MAX_WORKERS), 777]
    assert told["connected"] == {"browser": 1000, "native": 0}


def test_errors_and_maps_are_cut_as_well() -> None:
    """A second's answer stays small, whatever a function raises."""
    group = replace(STATS.errors[0], traceback="x" * 60_000 + "ValueError: no")
    many = replace(STATS, errors=(group,) * 100, maps=STATS.maps * 100)

    told = dashboard.told(many)

    assert (told["more_errors"], told["more_maps"]) == (80, 180)
    assert told["errors"][0]["traceback"].endswith("xValueError: no")
    assert len(json.dumps(told)) < 200_000


def test_metrics_are_what_prometheus_reads() -> None:
    """Names end in their units, and nothing has a label that a stranger could multiply."""
    assert samples(STATS) == {
        ("nitocris_items_done_total", ""): 450,
        ("nitocris_retries_total", ""): 3,
        ("nitocris_sent_bytes_total", ""): 40_000,
        ("nitocris_received_bytes_total", ""): 2_000_000,
        ("nitocris_uptime_seconds", ""): 90,
        ("nitocris_maps", ""): 2,
        ("nitocris_map_items", "succeeded"): 438,
        ("nitocris_map_items", "failed"): 12,
        ("nitocris_map_items", "pending"): 600,
        ("nitocris_remaining_seconds", ""): 75,
        ("nitocris_workers", "browser"): 2,
        ("nitocris_workers", "native"): 1,
        ("nitocris_capacity_chunks", "browser"): 4,
        ("nitocris_capacity_chunks", "native"): 2,
        ("nitocris_leased_chunks", "browser"): 6,
        ("nitocris_leased_chunks", "native"): 3,
    }


def test_metrics_say_what_they_are() -> None:
    """Each has a help text; what only grows is a counter."""
    families = list(text_string_to_metric_families(metrics.exposition(STATS).decode()))

    counters = {family.name for family in families if family.type == "counter"}
    assert all(family.documentation.endswith(".") for family in families)
    assert {family.type for family in families} == {"counter", "gauge"}
    assert counters == {
        "nitocris_items_done",
        "nitocris_retries",
        "nitocris_sent_bytes",
        "nitocris_received_bytes",
    }


def test_series_stay_the_same_in_number() -> None:
    """With no worker, no map, or a thousand of them; only an unknown end has none."""
    empty = replace(STATS, workers=(), maps=(), errors=(), remaining=None)
    crowd = replace(STATS, workers=STATS.workers * 1000, maps=STATS.maps * 50)

    assert samples(crowd).keys() == samples(STATS).keys()
    assert samples(STATS).keys() - samples(empty).keys() == {("nitocris_remaining_seconds", "")}


@pytest.mark.parametrize(
    "link", ["http://192.168.1.20:41234/#" + "t" * 22, "https://a-long-name.example/#" + "t" * 22]
)
def test_a_qr_code_is_dark_on_light_with_a_margin(link: str) -> None:
    """Cameras do not read the opposite, and need four empty modules around it."""
    head, _, svg = dashboard.qr_code(link).partition(",")
    picture = ElementTree.fromstring(unquote(svg))
    ground, code = picture.iter("{http://www.w3.org/2000/svg}path")

    assert head.startswith("data:image/svg+xml")
    assert "width" not in picture.attrib
    assert ground.get("fill") == "#fff"
    assert code.get("stroke") == "#000"
    assert str(code.get("d")).startswith("M4 4.5h7")
