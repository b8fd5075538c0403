"""Every permission flag over WHIP and WHEP: what it opens there, and that no other stands in for it."""

from __future__ import annotations

import asyncio
import time

import pytest
from http_harness import Harness, offer

from mediasrv.rooms.moderation import ban
from mediasrv.rooms.permissions import ALL, Permission
from mediasrv.rooms.settings import RoomSettings

KIND = {Permission.PUBLISH_AUDIO: "audio", Permission.PUBLISH_VIDEO: "video"}
ids = {"ids": lambda flag: flag.name}


def accepted(harness: Harness) -> set[str]:
    """The kinds of what the last peer sends."""
    return {producer.kind for producer in harness.peers[-1].producers.values()}


@pytest.mark.parametrize("refused", Permission, **ids)
async def test_whip_without_one_flag(harness: Harness, refused: Permission) -> None:
    response = await harness.post(
        "/whip/blue", offer(("audio", "sendonly"), ("video", "sendonly")), harness.bearer(ALL & ~refused)
    )
    if refused == Permission.JOIN:
        assert response.status == 403
        assert harness.participants() == []
        return
    assert response.status == 201
    assert accepted(harness) == {"audio", "video"} - {KIND.get(refused, "")}


@pytest.mark.parametrize("granted", [flag for flag in Permission if flag != Permission.JOIN], **ids)
async def test_whip_with_one_flag(harness: Harness, granted: Permission) -> None:
    response = await harness.post(
        "/whip/blue",
        offer(("audio", "sendonly"), ("video", "sendonly")),
        harness.bearer(Permission.JOIN | granted),
    )
    if granted in KIND:
        assert response.status == 201
        assert accepted(harness) == {KIND[granted]}
    else:
        assert (response.status, (await response.json())["code"]) == (403, "permission_denied")
        assert harness.participants() == []


@pytest.mark.parametrize("refused", Permission, **ids)
async def test_whep_without_one_flag(harness: Harness, refused: Permission) -> None:
    response = await harness.post("/whep/blue", offer(("audio", "recvonly")), harness.bearer(ALL & ~refused))
    may = refused not in (Permission.JOIN, Permission.SUBSCRIBE)
    assert response.status == (201 if may else 403)
    assert bool(harness.participants()) is may


@pytest.mark.parametrize("granted", [flag for flag in Permission if flag != Permission.JOIN], **ids)
async def test_whep_with_one_flag(harness: Harness, granted: Permission) -> None:
    headers = harness.bearer(Permission.JOIN | granted)
    response = await harness.post("/whep/blue", offer(("audio", "recvonly")), headers)
    assert response.status == (201 if granted == Permission.SUBSCRIBE else 403)


async def test_a_grant_that_ends_while_an_encoder_publishes(harness: Harness) -> None:
    harness.now = time.time()  # rooms have the machine's clock here
    ends = harness.now + 0.3
    token = harness.token(grants={"join": True, "publish_audio": True, "publish_video": ends})
    body = offer(("audio", "sendonly"), ("video", "sendonly"))
    response = await harness.post("/whip/blue", body, {"Authorization": f"Bearer {token}"})
    assert response.status == 201
    video, audio = (
        next(producer for producer in harness.peers[-1].producers.values() if producer.kind == kind)
        for kind in ("video", "audio")
    )
    assert video.open
    told: asyncio.Queue[bool] = asyncio.Queue()
    video.set_open = told.put_nowait  # type: ignore[method-assign]
    async with asyncio.timeout(5):
        assert await told.get() is False
    assert time.time() >= ends
    assert audio.open


async def test_what_a_room_grants_by_default_counts(harness: Harness) -> None:
    headers = harness.bearer(Permission.JOIN)
    body = offer(("audio", "recvonly"))
    assert (await harness.post("/whep/blue", body, headers)).status == 403
    harness.rooms.create("blue", RoomSettings(defaults=Permission.SUBSCRIBE, idle_s=60), by="test")
    assert (await harness.post("/whep/blue", body, headers)).status == 201


async def test_rooms_that_are_shut(harness: Harness) -> None:
    async def code(room: str, identity: str = "cam") -> tuple[int, str]:
        grants = harness.bearer(Permission.JOIN | Permission.PUBLISH_AUDIO, room=room, identity=identity)
        response = await harness.post(f"/whip/{room}", offer(("audio", "sendonly")), grants)
        return response.status, "" if response.status == 201 else (await response.json())["code"]

    harness.rooms.create("locked", RoomSettings(locked=True, idle_s=60), by="test")
    harness.rooms.create("lobby", RoomSettings(lobby=True, idle_s=60), by="test")
    ban(harness.rooms, "banned", identity="mal", for_s=60, by="test")
    ban(harness.rooms, "here", address="127.0.0.1", for_s=60, by="test")
    assert await code("locked") == (403, "room_locked")
    assert await code("lobby") == (403, "lobby")
    assert await code("banned", "mal") == (403, "banned")
    assert await code("banned") == (201, "")
    assert await code("here") == (403, "banned")
    harness.rooms.open_rooms = False
    assert await code("nowhere") == (404, "not_found")
