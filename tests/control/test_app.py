"""A whole server but for its native workers: how it starts, what keeps it from starting, and how it stops."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from mediasrv import config, tokens
from mediasrv.app import StartError, serve
from mediasrv.config import Settings
from mediasrv.journal import files
from mediasrv.journal.check import check_journal
from mediasrv.journal.reader import JournalReader
from mediasrv.store.data_folder import DataFolder
from mediasrv.store.database import Database, database_url
from tests.control.port_worker import PortWorker

OFFER = Path(__file__).parent / "offers" / "chromium-send-simulcast.sdp"


@pytest.fixture(autouse=True)
def workers() -> Iterator[list[PortWorker]]:
    PortWorker.made = []
    yield PortWorker.made
    for worker in PortWorker.made:
        os.close(worker.event_fd)


def settings(**options: Any) -> Settings:
    defaults = {"dev": True, "http": "127.0.0.1:0", "rtc_port": 0, "workers": 1}
    return config.load(defaults | options, environment={})


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[tuple[str, asyncio.Task[str | None]]]:
    """A server that is ready: its ready line, and the task that ends with it."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(settings(**options), announce=ready.set_result, worker_factory=PortWorker))
    await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED, timeout=10)
    if not ready.done():
        task.result()
    try:
        yield ready.result(), task
    finally:
        if not task.done():
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(task, 10)


def bind_above_a_free_port(bound: socket.socket) -> int:
    """Bind `bound` to a port whose predecessor is free."""
    for port in range(20001, 30000, 2):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as below:
                below.bind(("127.0.0.1", port - 1))
                bound.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise AssertionError("no two free ports in a row")


def url_in(line: str) -> str:
    match = re.search(r"http://[^ ]+", line)
    assert match is not None
    return match[0]


def dev_token(identity: str = "ada") -> str:
    return tokens.mint(
        config.DEV_KEY,
        config.DEV_SECRET,
        identity=identity,
        room="blue",
        grants={"join": True, "publish_audio": True, "publish_video": True, "subscribe": True},
        ttl_s=60,
    )


async def test_the_ready_line_says_where_everything_is(workers):
    async with running() as (line, _), aiohttp.ClientSession() as http:
        port = workers[0].port
        assert re.fullmatch(
            rf"mediasrv is ready: http://127\.0\.0\.1:\d+/ \(media on UDP {port}, srtp: libcrypto\)", line
        )
        assert workers[0].running
        async with http.get(url_in(line) + "readyz") as response:
            assert response.status == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_says_goodbye_to_everybody_and_stops_cleanly(workers, number):
    async with running() as (line, task), aiohttp.ClientSession() as http:
        async with http.ws_connect(url_in(line) + "rpc") as socket_:
            await socket_.send_str(msgspec.json.encode([0, 1, "join", {"token": dev_token()}]).decode())
            assert (await socket_.receive_json())[2] is None
            os.kill(os.getpid(), number)
            said = []
            async for message in socket_:
                said.append(msgspec.json.decode(message.data))
            assert said[-1][1] == "closing"
            assert said[-1][2]["reason"] == "server_stopping"
        assert await asyncio.wait_for(task, 10) is None
    assert not workers[0].running


async def test_a_failed_worker_ends_the_server_with_its_reason(workers):
    async with running(workers=2) as (_, task):
        workers[1].report("worker_failed", "out of memory")
        assert await asyncio.wait_for(task, 10) == "media worker 1 ended: out of memory"
    assert not any(worker.running for worker in workers)


async def test_an_http_port_in_use_is_named_and_the_media_port_given_back(workers):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=rf"TCP port {port} on 127\.0\.0\.1 is in use.*--http"):
            async with running(http=f"127.0.0.1:{port}"):
                pass
    assert not workers[0].running


async def test_a_udp_port_in_use_is_named_even_if_it_is_not_the_first():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        port = bind_above_a_free_port(other)
        for first, workers in [(port, 1), (port - 1, 2)]:
            with pytest.raises(StartError, match=rf"UDP port {port} is in use.*--rtc-port"):
                async with running(rtc_port=first, workers=workers):
                    pass


async def test_an_address_of_another_machine_is_named():
    with pytest.raises(StartError, match=r"192\.0\.2\.1: .*--rtc-bind"):
        async with running(dev=False, keys={"main": "s" * 32}, rtc_bind=["192.0.2.1"]):
            pass


async def test_a_browsers_offer_is_answered_with_our_address_and_the_workers_port(workers):
    async with running() as (line, _), aiohttp.ClientSession() as http:
        headers = {"Authorization": f"Bearer {dev_token()}", "Content-Type": "application/sdp"}
        async with http.post(url_in(line) + "whip/blue", data=OFFER.read_bytes(), headers=headers) as response:
            assert response.status == 201, await response.text()
            answer = await response.text()
            session = url_in(line)[:-1] + response.headers["Location"]
        assert f"127.0.0.1 {workers[0].port} typ host" in answer
        assert "a=ice-lite" in answer
        fragment = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
        restart = {**headers, "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
        async with http.patch(session, data=fragment, headers=restart) as response:
            assert response.status == 200
            assert "a=ice-pwd:" in await response.text()
        async with http.delete(session, headers=headers) as response:
            assert response.status == 200


async def test_a_room_that_has_its_share_of_a_worker_goes_on_with_the_next(workers):
    """WHIP publishers of one room, two at most on a worker; who leaves makes room for the next."""
    async with running(workers=3, room_spread=2) as (line, _), aiohttp.ClientSession() as http:
        headers = {"Authorization": f"Bearer {dev_token()}", "Content-Type": "application/sdp"}
        sessions, ports = [], []

        async def publish() -> int:
            token = {**headers, "Authorization": f"Bearer {dev_token(f'ada{len(sessions)}')}"}
            async with http.post(url_in(line) + "whip/blue", data=OFFER.read_bytes(), headers=token) as response:
                assert response.status == 201, await response.text()
                sessions.append((url_in(line)[:-1] + response.headers["Location"], token))
                return int(re.search(r"127\.0\.0\.1 (\d+) typ host", await response.text())[1])

        ports = [await publish() for _ in range(7)]
        assert ports == [workers[index].port for index in (0, 0, 1, 1, 2, 2, 0)]
        for session, token in (sessions[0], sessions[6], sessions[2]):
            async with http.delete(session, headers=token) as response:
                assert response.status == 200
        assert {await publish(), await publish()} == {workers[0].port, workers[1].port}


async def test_what_happens_is_in_the_journal_with_the_network_it_came_from(workers, tmp_path):
    headers = {"X-Forwarded-For": "203.0.113.77"}
    async with (
        running(data_dir=str(tmp_path)) as (line, _),
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(url_in(line) + "rpc") as socket_,
    ):
        await socket_.send_str(msgspec.json.encode([0, 1, "join", {"token": dev_token()}]).decode())
        assert (await socket_.receive_json())[2] is None
    database = await Database.open(database_url("", tmp_path), exclusive=False, migrate=False)
    records = await JournalReader(database).read()
    key = files.read_key(tmp_path / files.KEY_NAME)
    checked = await check_journal(database, key, files.read_heads(tmp_path))
    await database.close()
    assert [each.event for each in records][:2] == ["room_opened", "participant_joined"]
    assert records[1].fields["address"] == "203.0.113.0/24"
    assert records[-1].event == "room_closed"
    assert (checked.findings, checked.rooms_open) == ([], 0)


async def test_a_data_folder_in_use_is_named_and_everything_given_back(workers, tmp_path):
    other = DataFolder.open(tmp_path)
    with pytest.raises(StartError, match=r"is in use by another mediasrv.*--data-dir"):
        async with running(data_dir=str(tmp_path)):
            pass
    assert not any(worker.running for worker in workers)
    other.close()
    async with running(data_dir=str(tmp_path)):
        pass


async def test_a_database_that_is_down_may_be_up_later(workers, tmp_path):
    with pytest.raises(StartError, match=r"cannot use the database postgresql://127\.0\.0\.1:1/calls") as caught:
        async with running(data_dir=str(tmp_path), database="postgresql://127.0.0.1:1/calls"):
            pass
    assert caught.value.temporary


async def test_a_development_servers_journal_goes_with_it(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with running():
        assert [path.name for path in tmp_path.glob("mediasrv-*/mediasrv.db")] == ["mediasrv.db"]
    assert list(tmp_path.iterdir()) == []
