"""Load tests from their beginning to their end, in seconds: against a real server, and one that is not ours."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from foreign_server import TOKEN, foreign_server

from mediasrv import config, tokens
from mediasrv.loadtest.server_process import own_server, usage
from mediasrv.loadtest.wanted import Own

ROOT = Path(__file__).parents[2]
SHORT = ("--seconds", "0.5", "--video-kbps", "400")
SELF = ("--self", "--no-pin")
ANY_LATENCY = ("--max-p99", "60000", "--max-loss", "5")  # the tests are not alone on the machine


async def loadtest(*options: str, status: int = 0) -> tuple[str, str]:
    """What `mediasrv loadtest` writes on its standard output and on the other one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDIASRV_")}
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT / "ext"), str(ROOT)]), "COLUMNS": "200"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediasrv", "loadtest", *options, stdout=PIPE, stderr=PIPE, env=environment
    )
    try:
        async with asyncio.timeout(100):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode == status, err.decode() + out.decode()
    return out.decode(), err.decode()


async def figures(*options: str) -> dict[str, Any]:
    """Of a run in which every packet arrived."""
    out, err = await loadtest(*SHORT, *options, "--json", "-")
    assert "every packet arrived" in err
    result = json.loads(out)
    assert (result["complete"], result["lost"], result["duplicates"], result["bad"]) == (True, 0, 0, 0)
    assert result["packets"] > 0
    return result


async def test_publishers_and_subscribers_in_rooms():
    result = await figures(*SELF, "--rooms", "2", "--publishers", "2", "--subscribers", "3")
    assert result["people"] == 10
    assert len(result["streams"]) == 2 * 3 * 2 * 2
    assert result["cpu_us_per_packet"] > result["cpu_us_per_packet_worker"] > 0
    assert result["server_rss_mb"] > 10
    assert result["latency_ms"]["all"]["p50"] > 0
    assert result["join_ms"]["p50"] > 0


async def test_participants_all_to_all_have_one_peer_connection_each():
    result = await figures(*SELF, "--participants", "4", "--srtp", "cm-sha1")
    assert result["srtp_profile"] == "cm-sha1"
    assert len(result["streams"]) == 4 * 3 * 2
    assert {stream["participant"] for stream in result["streams"]} == {1, 2, 3, 4}


async def test_simulcast_is_received_at_its_highest_encoding():
    result = await figures(*SELF, "--simulcast", "--no-audio", "--subscribers", "2", "--video-kbps", "900")
    # Three encodings are sent, and one of them, of 900 kbit/s, is what each subscriber gets.
    assert 0.8 * 900e3 < result["megabits_per_s"] * 1e6 / 2 < 1.4 * 900e3


async def test_the_ways_to_send_and_to_measure():
    ways = ("--pacing", "spread", "--packets", "full", "--verify", "sample", "--no-gro", "--threads", "2")
    result = await figures(*SELF, *ways, "--subscribers", "2")
    assert {stream["kind"] for stream in result["streams"]} == {"audio", "video"}
    assert not result["gro"]


async def test_a_running_server_by_its_dev_tokens_its_key_or_tokens_of_ours(tmp_path):
    async with own_server(Own()) as server:
        here = ("--url", server.url)
        own = [
            tokens.mint(
                config.DEV_KEY, config.DEV_SECRET, identity=identity, room="theirs", ttl_s=60,
                grants=dict.fromkeys(("join", "publish_audio", "publish_video", "subscribe"), True),
            )
            for identity in ("ada", "grace")
        ]  # fmt: skip
        settings = tmp_path / "mediasrv.toml"
        settings.write_text(f'[keys]\n{config.DEV_KEY} = "{config.DEV_SECRET}"\n')
        signed = ("--key", config.DEV_KEY, "--secret", config.DEV_SECRET)
        by_dev, by_key, *_ = await asyncio.gather(
            figures(*here, "--room", "a", "--pid", str(server.pid)),
            figures(*here, "--room", "b", *signed, "--participants", "2"),
            figures(*here, "--room", "c", "--config", str(settings)),
            figures(*here, "--token", own[0], "--token", own[1]),
        )
        assert by_dev["cpu_us_per_packet"] > 0
        assert by_key["cpu_us_per_packet"] is None
        (_, too_few), (_, forged) = await asyncio.gather(
            loadtest(*here, "--token", own[0], status=2),
            loadtest(*here, "--key", config.DEV_KEY, "--secret", "x" * 32, status=2),
        )
        assert "more participants than tokens" in too_few
        assert "HTTP 401" in forged
        assert "signature" in forged
        assert usage(server.pid).known


async def test_a_ramp_says_its_highest_clean_step_and_draws_it(tmp_path):
    pytest.importorskip("matplotlib")
    picture, written = tmp_path / "ramp.png", tmp_path / "ramp.json"
    options = ("--ramp", "--subscribers", "2", "--up-to", "4", "--plot", str(picture), "--json", str(written))
    out, _ = await loadtest(*SHORT, *SELF, *ANY_LATENCY, *options)
    ramp = json.loads(written.read_text())
    assert [step["count"] for step in ramp["steps"]] == [2, 4]
    assert ramp["highest"] == 4
    assert "highest clean step: 4 subscribers" in out
    assert "the limit is higher" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


async def test_a_ramp_that_ends_at_its_limit(tmp_path):
    out, _ = await loadtest(*SHORT, *SELF, "--ramp", "--max-p99", "0", "--video-kbps", "0", status=1)
    assert "no step was clean: " in out


async def test_a_ramp_of_participants_grows_by_rooms(tmp_path):
    written = tmp_path / "ramp.json"
    await loadtest(*SHORT, *SELF, *ANY_LATENCY, "--ramp", "--participants", "2", "--up-to", "2", "--json", str(written))
    steps = json.loads(written.read_text())["steps"]
    assert [step["result"]["people"] for step in steps] == [2, 4]
    assert {stream["room"] for stream in steps[-1]["result"]["streams"]} == {0, 1}


async def test_any_whip_and_whep_server_can_be_loaded(monkeypatch):
    async with foreign_server(monkeypatch) as (url, server):
        endpoints = ("--whip-url", f"{url}/streams/{{room}}/whip", "--whep-url", f"{url}/streams/{{room}}/whep")
        result = await figures(*endpoints, "--token", TOKEN, "--rooms", "2", "--subscribers", "2")
        assert result["cpu_us_per_packet"] is None
        assert result["srtp_profile"]
        assert len(result["streams"]) == 2 * 2 * 2
        assert server.deleted == len(server.peers) == 6
        assert sum(peer.forwarded for peer in server.peers) >= result["packets"]
        _, said = await loadtest(*SHORT, *endpoints, status=2)
        assert "HTTP 401: who are you?" in said


async def test_a_server_whose_media_cannot_be_reached_is_said_to_be_so(monkeypatch):
    """Its answers name a port at which nobody listens."""
    async with foreign_server(monkeypatch) as (url, server):
        answer = server._answer
        monkeypatch.setattr(server, "_answer", lambda *given: answer(*given).replace("127.0.0.1 ", "127.0.0.2 "))
        endpoints = ("--whip-url", f"{url}/streams/x/whip", "--whep-url", f"{url}/streams/x/whep")
        _, said = await loadtest(*SHORT, *endpoints, "--token", TOKEN, status=2)
        assert "no answer to any connectivity check" in said
        assert "rtc_ip" in said
