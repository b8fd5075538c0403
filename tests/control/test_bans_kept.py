"""A whole server is stopped, killed and started: who was banned still is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mediasrv import tokens
from mediasrv.store.database import SQLITE_NAME
from tests.control.port_worker import PortWorker
from tests.control.running_server import GRANTS, SECRET, person, running, token
from tests.control.slow_commits import slow_commits


@pytest.fixture(autouse=True)
def _workers() -> None:
    PortWorker.made = []


async def test_who_is_banned_is_so_after_a_restart_until_the_ban_is_lifted(tmp_path: Path):
    host_token = tokens.mint(
        "main", SECRET, identity="host", room="blue", grants={**GRANTS, "moderate": True}, ttl_s=60
    )
    folder = str(tmp_path)
    async with running(data_dir=folder) as server, person(server) as host:
        await host.request("join", token=host_token)
        assert "ban_id" in await host.request("ban", identity="mal", for_s=600)
    async with running(data_dir=folder) as server, person(server) as host, person(server) as mal:
        assert (await mal.request("join", token=token("mal")))["code"] == "banned"
        await host.request("join", token=host_token)
        (ban,) = (await host.request("list_bans"))["bans"]
        assert ban["identity"] == "mal"
        await host.request("unban", ban_id=ban["id"])
    async with running(data_dir=folder) as server, person(server) as mal:
        assert "participant_id" in str(await mal.request("join", token=token("mal")))


async def test_what_was_answered_is_on_the_disk(tmp_path: Path):
    """A server that is killed then has not forgotten it. Many are banned in one go."""
    with_admin = tokens.mint("main", SECRET, identity="root", room=None, grants={}, admin=True, ttl_s=60)

    def kept() -> int:
        return int(sqlite3.connect(tmp_path / SQLITE_NAME).execute("SELECT count(*) FROM bans").fetchone()[0])

    async with running(data_dir=str(tmp_path)) as server, person(server) as root:
        await root.request("authenticate", token=with_admin)
        made = await root.request("ban", room="blue", identity="mal", for_s=600)
        assert (made["kept"], kept()) == (True, 1)
        asked = [[0, 100 + n, "ban", {"room": "blue", "identity": f"mal{n}"}] for n in range(100)]
        for each in asked:
            await root.socket.send_json(each)
        replies = [await root.socket.receive_json(timeout=30) for _ in asked]
        assert [reply[:3] for reply in replies] == [[1, 100 + n, None] for n in range(100)]
        assert all(reply[3]["kept"] for reply in replies)
        assert kept() == 101
        assert await root.request("unban", room="blue", ban_id=made["ban_id"]) == {"kept": True}
        assert kept() == 100


async def test_a_ban_waits_for_a_slow_database_and_nobody_else_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    host_token = tokens.mint(
        "main", SECRET, identity="host", room="blue", grants={**GRANTS, "moderate": True}, ttl_s=60
    )
    async with running(data_dir=str(tmp_path)) as server, person(server) as host, person(server) as mal:
        await host.request("join", token=host_token)
        await mal.request("join", token=token("mal"))
        commits = slow_commits(monkeypatch)
        await host.socket.send_json([0, 500, "ban", {"identity": "mal"}])
        assert (await mal.told("closing"))["reason"] == "banned"  # it holds already
        assert len((await host.request("list_bans"))["bans"]) == 1  # and other requests are answered
        commits.set()
        while (reply := await host.socket.receive_json(timeout=10))[:2] != [1, 500]:
            pass
        assert reply[3]["kept"]
