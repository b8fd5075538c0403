"""WHEP as a player sees it (draft-ietf-wish-whep); what it shares with WHIP is tested there."""

from __future__ import annotations

import pytest
from http_harness import offer

from mediasrv.rooms.permissions import ALL, Permission

PLAYER = offer(("audio", "recvonly"), ("video", "recvonly"))


async def test_a_player_gets_slots_that_show_what_is_published(harness):
    await harness.publish(identity="ada")
    response = await harness.post("/whep/blue", PLAYER, harness.bearer(identity="bob"))
    assert response.status == 201
    assert response.headers["Location"].startswith("/whep/blue/")
    assert "ETag" in response.headers
    publisher, player = harness.peers
    assert player.slots["0"].producer is publisher.producers["0"]
    assert player.slots["1"].producer is None


async def test_later_tracks_fill_free_slots(harness):
    await harness.post("/whep/blue", PLAYER, harness.bearer(identity="bob"))
    await harness.publish(identity="ada")
    player, publisher = harness.peers
    assert player.slots["0"].producer is publisher.producers["0"]


@pytest.mark.parametrize("direction", ["sendrecv", None])
async def test_a_player_that_also_offers_to_send_is_only_answered_to_receive(harness, direction):
    response = await harness.post("/whep/blue", offer(("audio", direction)))
    assert response.status == 201
    assert harness.peers[0].producers == {}
    assert list(harness.peers[0].slots) == ["0"]


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
async def test_a_player_may_not_only_send(harness, direction):
    response = await harness.post("/whep/blue", offer(("audio", direction)))
    assert response.status == 422
    assert harness.peers == []


async def test_watching_needs_the_permission_to_subscribe(harness):
    response = await harness.post("/whep/blue", PLAYER, harness.bearer(ALL & ~Permission.SUBSCRIBE))
    assert response.status == 403
    assert "subscribe" in (await response.json(content_type=None))["detail"]


async def test_deleting_the_session_frees_its_media(harness):
    response = await harness.post("/whep/blue", PLAYER)
    assert (await harness.client.delete(response.headers["Location"], headers=harness.bearer())).status == 200
    assert harness.peers[0].closed


async def test_a_player_may_ask_for_the_mix_of_the_room(harness):
    await harness.publish(identity="ada")
    response = await harness.post("/whep/blue?audio=mix", PLAYER, harness.bearer(identity="bob"))
    assert response.status == 201
    assert "?" not in response.headers["Location"]
    publisher, player = harness.peers
    assert player.slots["0"].producer not in (None, publisher.producers["0"])
    refused = await harness.post("/whep/blue?audio=loud", PLAYER, harness.bearer(identity="carol"))
    assert refused.status == 400
