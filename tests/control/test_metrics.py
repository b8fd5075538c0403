"""/metrics: what Prometheus reads is well formed, complete, and about nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from mediasrv import tokens
from mediasrv.metrics.media import COUNTERS, DISTRIBUTIONS, GAUGES
from tests.control.port_worker import PortWorker
from tests.control.running_server import SECRET, Running, person, running, token

OFFER = Path(__file__).parent / "offers" / "chromium-send-simulcast.sdp"
DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"
# What a label may say. Its values come from lists of ours, never from a client.
LABELS = {
    "worker", "reason", "kind", "source", "codec", "outcome", "method", "route", "status", "cause", "le", "version",
    "srtp_backend", "generation", "carrier",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    PortWorker.made = []


async def read(server: Running, **headers: str) -> tuple[int, str, str]:
    """Status, content type, text."""
    async with aiohttp.ClientSession() as http, http.get(server.url + "metrics", headers=headers) as response:
        return response.status, response.headers["Content-Type"], await response.text()


async def families(server: Running) -> dict[str, Metric]:
    status, _, text = await read(server)
    assert status == 200
    return {family.name: family for family in parse(text)}


def value(families: dict[str, Metric], sample: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    found = [
        each.value
        for family in families.values()
        for each in family.samples
        if each.name == sample and labels.items() <= each.labels.items()
    ]
    assert found, f"there is no {sample} {labels}"
    return sum(found)


async def test_names_units_and_types_are_those_of_prometheus():
    async with running(workers=2) as server:
        found = await families(server)
    for name, family in found.items():
        assert re.fullmatch(r"(mediasrv|process|python)_[a-z0-9_]+", name), name
        assert family.documentation, name
        assert family.type in ("counter", "gauge", "histogram", "info"), name
        assert not re.search(r"_(us|ms|kb|percent|milliseconds)$", name), f"{name}: seconds, bytes and ratios"
        for sample in family.samples:
            assert sample.labels.keys() <= LABELS, sample


async def test_a_worker_shows_all_that_it_counts():
    """Each by itself; also what is counted by a newer media plane than the names are of."""
    counters = pytest.importorskip("mediaplane.counters").COUNTER_NAMES
    async with running(workers=2) as server:
        for worker in PortWorker.made:
            worker.counted = {name: number for number, name in enumerate(counters, start=1)} | {"brand_new": 7}
        found = await families(server)
    for number, name in enumerate(counters, start=1):
        for worker in ("0", "1"):
            if name.startswith("drop_"):
                reason = name.removeprefix("drop_")
                shown = value(found, "mediasrv_media_dropped_packets_total", worker=worker, reason=reason)
            else:
                named = COUNTERS[name]
                kind = {"kind": named.kind} if named.kind else {}
                shown = value(found, f"mediasrv_media_{named.name}_total", worker=worker, **kind)
            assert shown == number, name
    assert value(found, "mediasrv_media_brand_new_total", worker="1") == 7
    requests = found["mediasrv_media_sent_keyframe_requests"].samples
    assert {each.labels["kind"] for each in requests} == {"pli", "fir"}
    for gauge in GAUGES.values():
        assert value(found, f"mediasrv_media_{gauge.name}", worker="0") == 0
    for distribution in DISTRIBUTIONS.values():
        assert found[f"mediasrv_media_{distribution.name}"].type == "histogram"


async def test_the_mixing_thread_shows_all_that_it_counts():
    counted = pytest.importorskip("mediaplane.audio.mixer_thread").MixerThread().counters()
    async with running() as server:
        found = await families(server)
    assert sum(name.startswith("mediasrv_mixer_") for name in found) == len(counted)
    assert value(found, "mediasrv_mixer_shed") == 0


async def test_buckets_are_cumulative_and_in_seconds():
    async with running() as server:
        spread = (1e-6, [10, 20], [3, 2, 1], 95)
        PortWorker.made[0].spread = dict.fromkeys(DISTRIBUTIONS, spread)
        samples = (await families(server))["mediasrv_media_forwarding_seconds"].samples
    assert [(each.labels["le"], each.value) for each in samples if each.name.endswith("_bucket")] == [
        ("1e-05", 3),
        ("2e-05", 5),
        ("+Inf", 6),
    ]
    assert [each.value for each in samples if each.name.endswith("_count")] == [6]
    assert [each.value for each in samples if each.name.endswith("_sum")] == [pytest.approx(95e-6)]


async def test_what_people_do_is_counted_and_nothing_says_who():
    async with running() as server, person(server) as ada, person(server) as bob:
        await ada.request("join", token=token("ada-lovelace"))
        await bob.request("join", token=token("bob-b"))
        await bob.request("join", token=token("bob-b"))  # he has joined already
        await bob.request("frobnicate")
        await ada.request("send_message", text="a secret that only Bob shall know")
        await ada.request("offer", sdp=OFFER.read_text())
        during = await families(server)
        await bob.request("leave")
        await read(server, Authorization="Bearer nonsense")
        _, _, text = await read(server)
    assert value(during, "mediasrv_rooms") == 1
    assert value(during, "mediasrv_participants") == 2
    assert value(during, "mediasrv_joins_total") == 2
    assert value(during, "mediasrv_messages_total") == 1
    assert value(during, "mediasrv_tracks", kind="audio") == 1
    assert value(during, "mediasrv_rpc_requests_total", method="join", outcome="ok") == 2
    assert value(during, "mediasrv_rpc_requests_total", method="join", outcome="already_joined") == 1
    assert value(during, "mediasrv_rpc_requests_total", method="unknown", outcome="unknown_method") == 1
    assert value(during, "mediasrv_rpc_request_seconds_count", method="offer") == 1
    assert value(during, "mediasrv_journal_records_lost_total") == 0
    assert value(during, "mediasrv_event_loop_lag_seconds_count") >= 0
    assert value(during, "process_resident_memory_bytes") > 10e6
    after = {family.name: family for family in parse(text)}
    assert value(after, "mediasrv_leaves_total", reason="left") == 1
    assert value(after, "mediasrv_leaves_total", reason="consent_expired") == 0
    assert value(after, "mediasrv_http_requests_total", route="/metrics", status="401") == 1
    for personal in ("ada", "bob", "lovelace", "secret", "blue", "frobnicate", "127.0.0.1"):
        assert personal not in text


async def test_a_client_cannot_make_labels():
    async with running() as server, aiohttp.ClientSession() as http:
        for path in ("a", "b", "whip/blue/c", "../d"):
            async with http.request("PROPFIND", server.url + path):
                pass
        found = await families(server)
    routes = {(each.labels["route"], each.labels["method"]) for each in found["mediasrv_http_requests"].samples}
    assert {method for _, method in routes} == {"other"}
    assert {route for route, _ in routes} <= {"unknown", "/{path}", "/whip/{room}/{session}"}


async def test_openmetrics_for_those_who_ask_for_it():
    async with running() as server:
        _, kind, text = await read(server, Accept="application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert "mediasrv_media_received_rtp_packets" in {family.name for family in parse_openmetrics(text)}


def admin_token() -> dict[str, str]:
    minted = tokens.mint("main", SECRET, identity="prometheus", room=None, grants={}, ttl_s=60, admin=True)
    return {"Authorization": f"Bearer {minted}"}


async def test_who_may_read():
    async with running(metrics_from=["192.0.2.0/24"]) as server:
        status, kind, _ = await read(server)
        assert (status, kind) == (401, "application/problem+json")
        assert (await read(server, **admin_token()))[0] == 200
        assert (await read(server, Authorization=f"Bearer {token()}"))[0] == 403
        # Behind a proxy of ours it counts who asked the proxy.
        assert (await read(server, **{"X-Forwarded-For": "192.0.2.7"}))[0] == 200
        assert (await read(server, **{"X-Forwarded-For": "198.51.100.7"}))[0] == 401


# --- the dashboard -------------------------------------------------------------------------------------------------


NOT_ON_THE_DASHBOARD = {
    # How the server works, for whoever works on it.
    "mediasrv_build_info", "mediasrv_media_loops", "mediasrv_media_send_calls", "mediasrv_media_commands",
    "mediasrv_media_stale_commands", "mediasrv_media_refused_commands", "mediasrv_mixer_commands",
    "mediasrv_mixer_stale_commands", "mediasrv_mixer_longest_round_seconds", "mediasrv_journal_transactions",
    "mediasrv_journal_position", "mediasrv_journal_spool_damaged_lines",
    # Shown from another side: connections of each kind, and what the requests that open them are answered.
    "mediasrv_control_connections", "mediasrv_media_stun_requests", "mediasrv_media_dtls_handshakes",
}  # fmt: skip


def expressions(panels: list[dict]) -> Iterator[str]:
    for panel in panels:
        yield from expressions(panel.get("panels", []))
        for target in panel.get("targets", []):
            yield target["expr"]


async def test_the_dashboard_asks_for_metrics_that_exist_and_for_all_but_a_few():
    counters = pytest.importorskip("mediaplane.counters").COUNTER_NAMES
    async with running() as server, person(server) as ada:
        PortWorker.made[0].counted = dict.fromkeys(counters, 0)
        await ada.request("join", token=token())
        await ada.request("offer", sdp=OFFER.read_text())
        found = await families(server)
    samples = {sample.name: set(sample.labels) for family in found.values() for sample in family.samples}
    # What is counted by a label has no sample before the first one.
    silent = {f"{name}_total" for name, family in found.items() if family.type == "counter" and not family.samples}
    dashboard = json.loads(DASHBOARD.read_text())
    asked = list(expressions(dashboard["panels"]))
    assert len(asked) > 20
    for expression in asked:
        names = re.findall(r"\b(?:mediasrv|process|python)_\w+", expression)
        assert names, expression
        for name in names:
            assert name in samples.keys() | silent, f"{name}, of {expression}"
        for label in re.findall(r"by \(([^)]*)\)", expression):
            labels = LABELS if names[0] in silent else samples[names[0]]
            assert set(re.split(r",\s*", label)) <= labels | {"instance", "job"}, expression
    shown = {name for expression in asked for name in re.findall(r"\b(?:mediasrv|process|python)_\w+", expression)}
    families_shown = {re.sub(r"_(?:total|bucket)$", "", name) for name in shown}
    ours = {name for name in found if name.startswith("mediasrv_")}
    assert ours - families_shown == NOT_ON_THE_DASHBOARD


def test_the_dashboards_panels_do_not_overlap():
    taken: set[tuple[int, int]] = set()
    ids = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        ids.add(panel["id"])
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len(ids) == len(json.loads(DASHBOARD.read_text())["panels"])
