"""What signals do to a running server: SIGTERM drains it, SIGHUP reads its settings again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from mediasrv.app import StartError
from mediasrv.config import ConfigError, Settings
from mediasrv.rtc.sdp import SessionDescription
from tests.control.port_worker import PortWorker
from tests.control.running_server import Running, admin_token, person, running, token
from tests.control.tls_files import Authority, write_pair

OFFER = Path(__file__).parent / "offers" / "chromium-recvonly.sdp"


async def until(condition: Callable[[], Any]) -> Any:
    """Wait for what follows from a signal; there is no event of it."""
    async with asyncio.timeout(10):
        while not (found := condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return found


async def status_of(server: Running, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.get(server.url + path) as response:
        return response.status, json.loads(await response.text())


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    PortWorker.made = []


# --- SIGTERM -------------------------------------------------------------------------------------------------------


async def test_a_call_goes_on_after_sigterm_until_the_last_has_left():
    async with running(drain_s=60.0, reconnect_url="https://b.example.org/") as server, person(server) as ada:
        await ada.request("join", token=token())
        os.kill(os.getpid(), signal.SIGTERM)
        told = await ada.told("server_draining")
        assert told["reconnect_url"] == "https://b.example.org/"
        assert 55 < told["until"] - time.time() <= 60
        status, body = await status_of(server, "readyz")
        assert (status, body["checks"]["server"]) == (503, "the server is being stopped")
        async with person(server) as bob:
            refused = await bob.request("join", token=token("bob"))
            assert refused["code"] == "server_draining"
            assert refused["details"]["reconnect_url"] == "https://b.example.org/"
        await ada.request("send_message", text="to nobody")  # the call works
        assert not server.task.done()
        await ada.request("leave")
        assert await asyncio.wait_for(server.task, 10) is None


async def test_the_deadline_ends_the_call():
    async with running(drain_s=0.3) as server, person(server) as ada:
        await ada.request("join", token=token())
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        await ada.told("server_draining")
        assert (await ada.told("closing"))["reason"] == "server_stopping"
        assert 0.3 <= time.monotonic() - began < 5
        assert await asyncio.wait_for(server.task, 10) is None


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_stops_at_once(second):
    async with running(drain_s=600.0) as server, person(server) as ada:
        await ada.request("join", token=token())
        os.kill(os.getpid(), signal.SIGTERM)
        await ada.told("server_draining")
        os.kill(os.getpid(), second)
        assert (await ada.told("closing"))["reason"] == "server_stopping"
        assert await asyncio.wait_for(server.task, 10) is None


async def test_without_anybody_sigterm_ends_the_server_at_once():
    async with running(drain_s=600.0) as server:
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(server.task, 10) is None


async def test_sigint_does_not_drain():
    async with running(drain_s=600.0) as server, person(server) as ada:
        await ada.request("join", token=token())
        os.kill(os.getpid(), signal.SIGINT)
        assert (await ada.told("closing"))["reason"] == "server_stopping"
        assert await asyncio.wait_for(server.task, 10) is None


async def test_who_is_in_no_room_is_told_too_that_the_server_stops():
    async with running() as server, person(server) as backend, person(server) as stranger:
        await backend.request("authenticate", token=token(admin=True))
        await stranger.request("ping")
        os.kill(os.getpid(), signal.SIGINT)
        for each in (backend, stranger):
            assert (await each.told("closing"))["reason"] == "server_stopping"
        assert await asyncio.wait_for(server.task, 10) is None


# --- SIGHUP --------------------------------------------------------------------------------------------------------


async def test_a_new_key_holds_without_a_restart_and_an_old_one_no_more():
    fresh = {"key": "next", "secret": "n" * 32}
    async with running() as server, person(server) as ada:
        await ada.request("join", token=token())
        with structlog.testing.capture_logs() as logs:
            server.change(keys={"next": "n" * 32})
            await until(lambda: [line for line in logs if line["event"] == "reloaded"])
        assert logs[-1]["changed"] == ["keys"]
        assert "n" * 32 not in str(logs)
        async with person(server) as bob, person(server) as eve:
            assert "participant_id" in await bob.request("join", token=token("bob", **fresh))
            assert (await eve.request("join", token=token("eve")))["code"] == "token_invalid"
        await ada.request("send_message", text="still here")


async def test_what_cannot_change_is_said_and_stays():
    async with running() as server:
        with structlog.testing.capture_logs() as logs:
            server.change(workers=3, rtc_port=20000, max_linger_us=7, room_lobby=True)
            (line,) = await until(lambda: [line for line in logs if "restart" in line["event"]])
        assert line["settings"] == ["max_linger_us", "rtc_port", "workers"]
        assert [line["changed"] for line in logs if line["event"] == "reloaded"] == [["room_lobby"]]
        assert len(PortWorker.made) == 1
        async with person(server) as ada:
            assert (await ada.request("join", token=token()))["waiting"]  # in the lobby


async def test_a_mistake_in_the_settings_changes_nothing():
    def read() -> Settings:
        raise ConfigError("mediasrv.toml: unknown key 'wrokers'; did you mean 'workers'?")

    async with running() as server:
        server.read = read
        with structlog.testing.capture_logs() as logs:
            os.kill(os.getpid(), signal.SIGHUP)
            (line,) = await until(lambda: [line for line in logs if line["log_level"] == "error"])
        assert "did you mean 'workers'" in line["error"]
        assert (await status_of(server, "readyz"))[0] == 200


async def test_every_setting_either_changes_or_is_said_to_need_a_restart():
    """Those that this page does not try one by one, all at once: nothing of it may fail."""
    others = {
        "token_leeway_s": 60.0,
        "trusted_proxies": ("10.0.0.0/8",),
        "open_rooms": False,
        "room_history": 5,
        "room_mix_above": 40,
        "room_mix_talkers": 5,
        "resume_s": 1.0,
        "room_spread": 7,
        "rtc_ip": ("192.0.2.7",),
        "journal_retention": {"default": "1d"},
        "journal_addresses": "none",
        "metrics_from": (),
        "log_level": "warning",
    }
    async with running() as server:
        with structlog.testing.capture_logs() as logs:
            server.change(**others)
            (line,) = await until(lambda: [line for line in logs if line["event"] == "reloaded"])
        assert line["changed"] == sorted(others)
        async with person(server) as ada:
            assert (await ada.request("join", token=token()))["code"] == "not_found"  # rooms are closed to guests


async def test_rooms_that_open_after_a_reload_have_the_new_defaults_and_others_keep_theirs():
    async with running(room_capacity=5) as server, person(server) as ada, person(server) as root:
        await ada.request("join", token=token())
        await root.request("authenticate", token=admin_token())
        with structlog.testing.capture_logs() as logs:
            server.change(room_capacity=7, room_default_permissions=("subscribe",), room_mix_talkers=5)
            await until(lambda: [line for line in logs if line["event"] == "reloaded"])
        created = (await root.request("create_room", room="green", mix={"channels": 2}))["room"]
        assert (created["capacity"], created["default_permissions"]) == (7, ["subscribe"])
        assert (created["mix"]["talkers"], created["mix"]["channels"], created["idle_s"]) == (5, 2, 300)
        assert (await root.request("get_room", room="blue"))["room"]["capacity"] == 5


async def test_calls_after_a_reload_are_told_the_new_address():
    async with running(rtc_ip=("192.0.2.7",)) as server:
        assert await told_address(server, "ada") == "192.0.2.7"
        with structlog.testing.capture_logs() as logs:
            server.change(rtc_ip=("192.0.2.8",))
            await until(lambda: [line for line in logs if line["event"] == "reloaded"])
        assert await told_address(server, "bob") == "192.0.2.8"


async def told_address(server: Running, identity: str) -> str:
    """Where the answer to an offer says that media goes."""
    async with person(server) as somebody:
        await somebody.request("join", token=token(identity))
        answer = await somebody.request("offer", sdp=OFFER.read_text())
        return SessionDescription.parse(answer["sdp"]).media[0].candidates[0].address


# --- TLS -----------------------------------------------------------------------------------------------------------


async def test_the_page_is_https_and_sighup_brings_the_new_certificate(tmp_path):
    authority = Authority()
    certificate, key = write_pair(tmp_path, authority=authority)
    trusted = ssl.create_default_context(cadata=authority.pem.decode())
    async with running(tls_cert=str(certificate), tls_key=str(key)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        async with person(server, ssl=trusted) as ada:
            await ada.request("join", token=token())
            before = ada.socket.get_extra_info("peercert")["serialNumber"]
            write_pair(tmp_path, authority=authority)
            with structlog.testing.capture_logs() as logs:
                os.kill(os.getpid(), signal.SIGHUP)
                await until(lambda: [line for line in logs if line["event"] == "reloaded"])
            async with person(server, ssl=trusted) as bob:
                assert bob.socket.get_extra_info("peercert")["serialNumber"] != before
            await ada.request("send_message", text="the old connection goes on")


async def test_a_certificate_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(StartError, match=r"tls_cert: cannot read .*nowhere\.pem"):
        async with running(tls_cert=str(tmp_path / "nowhere.pem")):
            pass
