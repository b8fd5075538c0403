"""WHIP as an encoder sees it: status codes, headers, and what becomes of the participant (RFC 9725)."""

from __future__ import annotations

import pytest
from http_harness import CREDENTIALS, Harness, offer

from mediasrv.http.media_sessions import MediaSessions
from mediasrv.rooms.permissions import ALL, Permission
from mediasrv.rtc.events import Closed

AUDIO = offer(("audio", "sendonly"))
AUDIO_VIDEO = offer(("audio", "sendonly"), ("video", "sendonly"))
FRAGMENT = "application/trickle-ice-sdpfrag"
RESTART = "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n"
TRICKLE = CREDENTIALS + "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"


async def patch(harness: Harness, url: str, body: str, *, if_match: str | None = "*", **headers: str):
    headers = {"Content-Type": FRAGMENT, **harness.bearer(), **headers}
    if if_match is not None:
        headers["If-Match"] = if_match
    return await harness.client.patch(url, data=body.encode(), headers=headers)


async def problem(response) -> dict:
    assert response.content_type == "application/problem+json"
    body = await response.json(content_type=None)
    assert body["status"] == response.status
    assert body["detail"]
    return body


# Publishing


async def test_an_offer_creates_a_session(harness):
    response = await harness.post("/whip/blue", AUDIO_VIDEO)
    assert response.status == 201
    assert response.content_type == "application/sdp"
    assert await response.text() == "v=0\r\ns=answer\r\n"
    assert response.headers["Location"].startswith("/whip/blue/")
    assert response.headers["ETag"].startswith('"')
    assert "Link" not in response.headers
    assert harness.participants() == ["ada"]
    assert set(harness.peers[0].producers) == {"0", "1"}


async def test_session_urls_cannot_be_guessed(harness):
    urls = {await harness.publish(identity=f"p{number}") for number in range(3)}
    assert len(urls) == 3
    assert all(len(url.rpartition("/")[2]) >= 32 for url in urls)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "token_missing"),
        ({"Authorization": "Basic YTpi"}, 401, "token_missing"),
        ({"Authorization": "Bearer"}, 401, "token_missing"),
        ({"Authorization": "Bearer nonsense"}, 401, "token_invalid"),
    ],
)
async def test_without_a_good_token_the_client_is_challenged(harness, headers, status, code):
    response = await harness.post("/whip/blue", AUDIO, headers)
    assert response.status == status
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="')
    assert ('error="invalid_token"' in response.headers["WWW-Authenticate"]) == (code == "token_invalid")
    assert (await problem(response))["code"] == code


async def test_an_expired_token_is_challenged(harness):
    headers = harness.bearer(ttl_s=60)
    harness.now += 300
    response = await harness.post("/whip/blue", AUDIO, headers)
    assert response.status == 401
    body = await problem(response)
    assert body["code"] == "token_expired"
    assert "4 minutes ago" in body["detail"]


async def test_a_token_for_another_room_is_forbidden(harness):
    response = await harness.post("/whip/red", AUDIO)
    assert response.status == 403
    assert (await problem(response))["code"] == "token_wrong_room"


@pytest.mark.parametrize("missing", [Permission.JOIN, Permission.PUBLISH_AUDIO | Permission.PUBLISH_VIDEO])
async def test_without_the_permission_nobody_joins(harness, missing):
    response = await harness.post("/whip/blue", AUDIO, harness.bearer(ALL & ~missing))
    assert response.status == 403
    assert (await problem(response))["code"] == "permission_denied"
    assert harness.peers == []


async def test_a_track_without_its_permission_is_refused_by_itself(harness):
    response = await harness.post("/whip/blue", AUDIO_VIDEO, harness.bearer(ALL & ~Permission.PUBLISH_VIDEO))
    assert response.status == 201
    assert set(harness.peers[0].producers) == {"0"}


async def test_if_every_track_is_refused_so_is_the_offer(harness):
    response = await harness.post("/whip/blue", AUDIO, harness.bearer(ALL & ~Permission.PUBLISH_AUDIO))
    assert response.status == 403
    assert "publish_audio" in (await problem(response))["detail"]
    assert harness.participants() == []
    assert harness.peers[0].closed


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "bad_sdp"),
        ("hello", 400, "bad_sdp"),
        ("a=b\r\n", 400, "bad_sdp"),
        (AUDIO + "a=x-conflict\r\n", 400, "bad_sdp"),
        (AUDIO.replace("a=rtcp-mux\r\n", ""), 400, "bad_sdp"),
        (AUDIO.replace("opus/48000/2", "G722/8000"), 406, "no_common_codec"),
        (AUDIO + "a=x-codec:none\r\n", 406, "no_common_codec"),
        (offer(), 422, "no_media"),
        (offer(("audio", "recvonly")), 422, "wrong_direction"),
        (offer(("audio", "sendonly"), ("video", "inactive")), 422, "wrong_direction"),
        (AUDIO + "a=candidate-that-explodes\r\n", 500, "internal"),
        (AUDIO + "a=x:" + "y" * 300_000, 413, "request_entity_too_large"),
    ],
)
async def test_a_bad_offer_is_explained_and_leaves_nobody_behind(harness, body, status, code):
    response = await harness.post("/whip/blue", body)
    assert (response.status, (await problem(response))["code"]) == (status, code)
    assert harness.participants() == []


@pytest.mark.parametrize("direction", ["sendrecv", None])
async def test_an_offer_to_send_and_receive_only_sends(harness, direction):
    response = await harness.post("/whip/blue", offer(("audio", direction), ("video", direction)))
    assert response.status == 201
    assert harness.peers[0].offers[0].count("a=sendonly\r\n") == 2
    assert "sendrecv" not in harness.peers[0].offers[0]


async def test_another_content_type_is_unsupported(harness):
    response = await harness.post("/whip/blue", AUDIO, {**harness.bearer(), "Content-Type": "application/json"})
    assert response.status == 415
    assert "application/sdp" in (await problem(response))["detail"]


async def test_bytes_that_are_no_text_are_bad(harness):
    headers = {**harness.bearer(), "Content-Type": "application/sdp"}
    response = await harness.client.post("/whip/blue", data=b"\xff\xfe", headers=headers)
    assert response.status == 400


async def test_a_full_server_says_when_to_try_again(harness, monkeypatch):
    monkeypatch.setattr(MediaSessions, "full", True)
    response = await harness.post("/whip/blue", AUDIO)
    assert response.status == 503
    assert int(response.headers["Retry-After"]) > 0


async def test_a_stopping_server_takes_nobody(harness):
    harness.rooms.close()
    response = await harness.post("/whip/blue", AUDIO)
    assert response.status == 503
    assert "Retry-After" in response.headers


async def test_a_flood_of_one_identity_is_slowed(harness):
    statuses = [(await harness.post("/whip/blue", AUDIO)).status for _ in range(11)]
    assert statuses == [201] * 10 + [429]
    assert (await harness.post("/whip/blue", AUDIO, harness.bearer(identity="eve"))).status == 201


async def test_the_same_identity_replaces_its_first_session(harness):
    first = await harness.publish()
    second = await harness.publish()
    assert harness.peers[0].closed
    assert (await harness.client.delete(first, headers=harness.bearer())).status == 404
    assert (await harness.client.delete(second, headers=harness.bearer())).status == 200


@pytest.mark.parametrize("broken", [AUDIO.replace("a=rtcp-mux\r\n", ""), AUDIO.replace("opus/48000/2", "G722/8000")])
async def test_an_offer_that_cannot_be_answered_replaces_nobody(harness, broken):
    present = await harness.publish()
    assert (await harness.post("/whip/blue", broken)).status in (400, 406)
    assert not harness.peers[0].closed
    assert (await harness.client.delete(present, headers=harness.bearer())).status == 200


# The session


async def test_deleting_the_session_ends_it_for_good(harness):
    url = await harness.publish()
    response = await harness.client.delete(url, headers={**harness.bearer(), "If-Match": '"anything"'})
    assert response.status == 200
    assert harness.participants() == []
    assert harness.peers[0].closed
    assert (await harness.client.delete(url, headers=harness.bearer())).status == 404


async def test_the_session_goes_with_its_media(harness):
    url = await harness.publish()
    harness.peers[0].observer(Closed("consent_expired"))
    assert (await patch(harness, url, TRICKLE)).status == 404
    assert harness.participants() == []


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "GET"])
async def test_the_session_needs_a_token_of_its_owner(harness, method):
    url = await harness.publish()
    for headers, status in [
        ({}, 401),
        ({"Authorization": "Bearer x"}, 401),
        (harness.bearer(identity="eve"), 403),
        (harness.bearer(room="red"), 403),
    ]:
        response = await harness.client.request(method, url, headers=headers)
        assert response.status == status
    assert harness.participants() == ["ada"]


async def test_its_own_token_ends_a_session_even_when_it_has_expired(harness):
    headers = harness.bearer(ttl_s=60)
    response = await harness.post("/whip/blue", AUDIO, headers)
    harness.now += 3600
    assert (await harness.client.delete(response.headers["Location"], headers=headers)).status == 200


async def test_a_session_is_only_found_in_its_room_and_protocol(harness):
    url = await harness.publish()
    assert (await harness.client.delete(url.replace("whip", "whep"), headers=harness.bearer())).status == 404
    moved = url.replace("blue", "red")
    assert (await harness.client.delete(moved, headers=harness.bearer(room="red"))).status == 404


# Trickle ICE and ICE restarts


async def test_candidates_are_taken_and_not_needed(harness):
    created = await harness.post("/whip/blue", AUDIO)
    response = await patch(harness, created.headers["Location"], TRICKLE, if_match=created.headers["ETag"])
    assert response.status == 204
    assert await response.read() == b""
    assert "ETag" not in response.headers
    assert harness.peers[0].restarts == 0


@pytest.mark.parametrize("asterisk", ["*", '"*"'])
async def test_an_ice_restart_gives_new_credentials_and_a_new_etag(harness, asterisk):
    created = await harness.post("/whip/blue", AUDIO)
    url = created.headers["Location"]
    response = await patch(harness, url, RESTART, if_match=asterisk)
    assert response.status == 200
    assert response.content_type == FRAGMENT
    assert "a=ice-ufrag:server1" in await response.text()
    assert response.headers["ETag"] != created.headers["ETag"]
    # What was on its way for the ICE session before comes too late, what is for the new one is in time.
    assert (await patch(harness, url, TRICKLE, if_match=created.headers["ETag"])).status == 412
    late = TRICKLE.replace(CREDENTIALS, RESTART)
    assert (await patch(harness, url, late, if_match=response.headers["ETag"])).status == 204
    assert harness.peers[0].restarts == 1


@pytest.mark.parametrize(
    ("body", "if_match", "headers", "status"),
    [
        (TRICKLE, None, {}, 428),
        (TRICKLE, '"other"', {}, 412),
        (TRICKLE, "", {}, 412),
        (TRICKLE, "*", {"Content-Type": "application/sdp"}, 415),
        ("nonsense", "*", {}, 400),
        ("a=ice-ufrag:abcd\r\n", "*", {}, 400),
    ],
)
async def test_a_bad_patch_is_explained_and_the_session_stays(harness, body, if_match, headers, status):
    url = await harness.publish()
    response = await patch(harness, url, body, if_match=if_match, **headers)
    assert response.status == status
    await problem(response)
    assert harness.participants() == ["ada"]
    assert harness.peers[0].restarts == 0


async def test_a_weak_etag_does_not_match(harness):
    created = await harness.post("/whip/blue", AUDIO)
    response = await patch(harness, created.headers["Location"], TRICKLE, if_match="W/" + created.headers["ETag"])
    assert response.status == 412


async def test_one_of_several_etags_is_enough(harness):
    created = await harness.post("/whip/blue", AUDIO)
    tags = f'"stale", {created.headers["ETag"]}'
    assert (await patch(harness, created.headers["Location"], TRICKLE, if_match=tags)).status == 204


# Other methods


async def test_there_is_nothing_to_get_but_asking_is_no_error(harness):
    url = await harness.publish()
    for method in ("GET", "HEAD"):
        assert (await harness.client.request(method, "/whip/blue")).status == 204
        assert (await harness.client.request(method, url, headers=harness.bearer())).status == 204


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/whip/blue", "PUT", "GET, HEAD, OPTIONS, POST"),
        ("/whip/blue", "DELETE", "GET, HEAD, OPTIONS, POST"),
        ("/whip/blue/x", "POST", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/whip/blue/x", "PUT", "DELETE, GET, HEAD, OPTIONS, PATCH"),
    ],
)
async def test_other_methods_are_not_allowed(harness, path, method, allowed):
    response = await harness.client.request(method, path, headers=harness.bearer())
    assert response.status == 405
    assert response.headers["Allow"] == allowed
    await problem(response)
