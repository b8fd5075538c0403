"""An encoder publishes over WHIP; browsers play it over WHEP and in the call page."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import whip_publisher
from aiohttp import web
from conftest import OpenPage
from playwright.async_api import Page, expect
from real_server import Enter
from server_process import ServerProcess
from waiting import until

pytestmark = pytest.mark.browser

PLAYER = Path(__file__).with_name("whep_player.js").read_text()
RECEIVED = """async () => Object.fromEntries([...(await player.getStats()).values()]
    .filter(({ type }) => type === "inbound-rtp").map((entry) => [entry.kind, entry]))"""


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whip") / "pattern.mkv"
    whip_publisher.make_file(str(path))
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def elsewhere() -> AsyncIterator[str]:
    """The address of an empty page of another origin, as the page around a player usually is."""

    async def empty(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>A player</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", empty)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@asynccontextmanager
async def encoder(server: ServerProcess, room: str, recording: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """FFmpeg publishes the recording as long as the block runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, whip_publisher.__file__, str(recording), f"{server.url}whip/{room}", stdin=PIPE,
        env={**os.environ, "WHIP_TOKEN": server.token("Encoder", room, "publish_audio", "publish_video")},
    )  # fmt: skip
    assert process.stdin
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def test_an_encoder_is_played_by_a_player_and_seen_in_a_call(
    enter: Enter, open_page: OpenPage, elsewhere: str, server: ServerProcess, room: str, recording: Path
) -> None:
    room = room.replace(" ", "-")  # it is part of a URL here
    page = await open_page(elsewhere)
    session = await play(page, server, room)
    assert session["status"] == 201
    async with encoder(server, room, recording) as process:
        ada = await enter("Ada", devices=False, token=server.token("Ada", room))
        seen = await until(lambda: received(page), lambda kinds: kinds.get("video", {}).get("framesDecoded", 0) > 15)
        assert (seen["video"]["frameWidth"], seen["video"]["frameHeight"]) == (640, 360)
        await until(lambda: received(page), lambda kinds: kinds["audio"]["totalAudioEnergy"] > 1e-4)
        assert (await ada.sees("Encoder", width=640))["frameHeight"] == 360
        await ada.hears("Encoder")
        await expect(ada.tile("Encoder")).to_have_count(1)
        codecs = {record["codec"] for record in server.records(room, "track_published")}
        assert codecs == {"H264", "opus"}

        # It says that it has finished: the participant goes, the players stay.
        assert process.stdin
        process.stdin.close()
        left = await server.recorded(room, "participant_left", identity="encoder")
        assert left["reason"] == "deleted"
    await expect(ada.tile("Encoder")).to_have_count(0)

    assert session["location"].startswith(f"/whep/{room}/")
    async with (
        aiohttp.ClientSession() as client,
        client.delete(
            server.url.rstrip("/") + session["location"],
            headers={"Authorization": f"Bearer {server.token('Player', room, 'subscribe')}"},
        ) as response,
    ):
        assert response.status == 200
    left = await server.recorded(room, "participant_left", identity="player")
    assert left["reason"] == "deleted"


async def test_a_player_watches_a_call(
    enter: Enter, open_page: OpenPage, elsewhere: str, server: ServerProcess, room: str
) -> None:
    room = room.replace(" ", "-")
    await enter("Ada", token=server.token("Ada", room))
    page = await open_page(elsewhere)
    assert (await play(page, server, room))["status"] == 201
    await until(lambda: received(page), lambda kinds: kinds.get("video", {}).get("frameWidth") == 1280)
    await until(lambda: received(page), lambda kinds: kinds["audio"]["totalAudioEnergy"] > 1e-6)
    # A frame of the fake camera takes 100 ms, and counts as played from beginning to end.
    await until(lambda: received(page), lambda kinds: apart_ms(kinds) < 100)


async def test_a_player_with_a_token_for_another_room_is_refused(
    open_page: OpenPage, elsewhere: str, server: ServerProcess, room: str
) -> None:
    page = await open_page(elsewhere)
    session = await play(page, server, "another-room", server.token("Player", room, "subscribe"))
    assert session["status"] == 403
    assert "the token is for another room" in session["body"]


async def play(page: Page, server: ServerProcess, room: str, token: str | None = None) -> dict[str, Any]:
    token = token or server.token("Player", room, "subscribe")
    return await page.evaluate(PLAYER, {"url": f"{server.url}whep/{room}", "token": token})  # type: ignore[no-any-return]


async def received(page: Page) -> dict[str, Any]:
    return await page.evaluate(RECEIVED)  # type: ignore[no-any-return]


def apart_ms(kinds: dict[str, Any]) -> float:
    """How far apart in the sender's time that is which is heard and seen now, by RTCP sender reports."""
    played = [kinds[kind].get("estimatedPlayoutTimestamp") for kind in ("audio", "video")]
    return float("inf") if None in played else float(abs(played[0] - played[1]))
