"""Traces: what is in them, and that it is nothing of anybody; without a collector, nothing at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mediasrv import tracing
from mediasrv.app import StartError
from tests.control.port_worker import PortWorker
from tests.control.running_server import person, running, token

OFFER = Path(__file__).parent / "offers" / "chromium-send-simulcast.sdp"
COLLECTOR = "http://127.0.0.1:4318"


@pytest.fixture
def spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a server that is started now would send to its collector."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    PortWorker.made = []
    exporter = InMemorySpanExporter()
    start = tracing.start

    def start_here(endpoint: str, version: str) -> None:
        start(endpoint, version, SimpleSpanProcessor(exporter))

    monkeypatch.setattr(tracing, "start", start_here)
    yield exporter
    tracing.stop()


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = [span for span in spans.get_finished_spans() if span.name == name]
    return found


async def test_a_negotiation_is_part_of_its_request(spans):
    async with running(otel_endpoint=COLLECTOR) as server, person(server) as ada:
        await ada.request("join", token=token("ada-lovelace"))
        await ada.request("offer", sdp=OFFER.read_text())
        await ada.request("offer", sdp="nonsense")
    offers = [span for span in spans.get_finished_spans() if span.name == "rpc offer"]
    negotiations = [span for span in spans.get_finished_spans() if span.name == "negotiate"]
    assert [span.attributes["mediasrv.outcome"] for span in offers] == ["ok", "bad_sdp"]
    assert [span.status.is_ok for span in offers] == [True, False]
    for span, negotiation in zip(offers, negotiations, strict=True):
        assert negotiation.parent.span_id == span.context.span_id
    assert negotiations[0].attributes["mediasrv.m_lines"] > 0
    assert named(spans, "rpc join").attributes == {
        "rpc.system": "msgpack-rpc",
        "rpc.method": "join",
        "mediasrv.outcome": "ok",
    }


async def test_whip_is_traced_by_its_routes(spans):
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": "application/sdp"}
    async with running(otel_endpoint=COLLECTOR) as server, aiohttp.ClientSession() as http:
        async with http.post(server.url + "whip/blue", data=OFFER.read_bytes(), headers=headers) as response:
            session = server.url.rstrip("/") + response.headers["Location"]
        async with http.delete(session, headers=headers) as response:
            assert response.status == 200
        async with http.post(server.url + "whip/red", data=OFFER.read_bytes(), headers=headers) as response:
            assert response.status == 403
    found = [span for span in spans.get_finished_spans() if span.name.startswith("WHIP")]
    assert [(span.name, span.attributes["http.response.status_code"]) for span in found[:2]] == [
        ("WHIP POST", 201),
        ("WHIP DELETE", 200),
    ]
    assert found[1].attributes["http.route"] == "/whip/{room}/{session}"
    assert not found[2].status.is_ok


async def test_nothing_of_anybody_is_in_a_trace(spans):
    async with running(otel_endpoint=COLLECTOR) as server, person(server) as ada:
        await ada.request("join", token=token("ada-lovelace"))
        await ada.request("send_message", text="a secret")
        await ada.request("send_message", text="a secret", to=["p_nobody"])
        await ada.request("frobnicate", secret="a secret")
        await ada.request("offer", sdp=OFFER.read_text())
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "rpc send_message" in told
    for personal in ("ada", "lovelace", "blue", "secret", "frobnicate", "p_nobody", "127.0.0.1", token().split(".")[2]):
        assert personal not in told


async def test_a_collector_that_is_down_holds_nothing_up(tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    PortWorker.made = []
    async with running(otel_endpoint="http://127.0.0.1:1") as server, person(server) as ada:
        assert "participant_id" in await ada.request("join", token=token())


async def test_a_missing_library_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(StartError, match=r"OpenTelemetry is not installed.*pip install 'mediasrv\[otel\]'"):
        async with running(otel_endpoint=COLLECTOR):
            pass


def test_without_a_collector_the_library_is_not_even_imported():
    program = "import sys, mediasrv.app; assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://example.org/otlp/v1/traces", "https://example.org/otlp/v1/traces"),
    ],
)
def test_where_traces_go(endpoint, url):
    assert tracing.traces_url(endpoint) == url
