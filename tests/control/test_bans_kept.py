"""A whole server is stopped and started: who was banned still is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediasrv import tokens
from tests.control.port_worker import PortWorker
from tests.control.running_server import GRANTS, SECRET, person, running, token


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
