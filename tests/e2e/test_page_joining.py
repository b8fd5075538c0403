"""Into the room and out of it: refusals, who is there, connections that break off."""

from __future__ import annotations

import time

import pytest
from conftest import OpenCallPage
from fake_server import FakeServer
from playwright.async_api import expect

pytestmark = pytest.mark.browser


async def test_two_people_meet_with_a_single_offer(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(server=lambda server: server.person("Ana Pires"))
    await expect(page.locator(".tile.has-video")).to_have_count(2)
    assert await page.evaluate("mediasrv.call.state") == "joined"
    assert len(server.asked("offer")) == 1
    sdp = server.asked("offer")[0]["sdp"]
    assert "a=simulcast:send q;h;f" in sdp
    stats = await page.evaluate("mediasrv.getStats()")
    assert any(entry["type"] == "inbound-rtp" and entry["kind"] == "video" for entry in stats)


async def test_the_participant_list_follows_the_room(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False, server=lambda server: server.person("Ana Pires"))
    await page.get_by_role("button", name="Participants (2)").click()
    rows = page.locator("#people .person-name")
    await expect(rows).to_have_text(["Mara Sol (you)", "Ana Pires"])
    bo = await server.add("Bo Lindqvist", microphone=True, camera=False)
    await expect(rows).to_have_text(["Mara Sol (you)", "Ana Pires", "Bo Lindqvist"])
    await expect(page.locator("#announcer")).to_have_text("Bo Lindqvist joined.")
    row = page.get_by_role("listitem").filter(has_text="Bo Lindqvist")
    await expect(row.get_by_role("img", name="microphone on")).to_be_visible()
    await expect(row.get_by_role("img", name="camera off")).to_be_visible()
    track = bo["tracks"][0]["id"]
    toggled = {"participant_id": bo["id"], "feature": "microphone", "enabled": False, "by": bo["id"], "track_id": track}
    server.notify("feature_toggled", toggled)
    await expect(row.get_by_role("img", name="microphone off")).to_be_visible()
    await server.remove(bo, "consent_expired")
    await expect(rows).to_have_text(["Mara Sol (you)", "Ana Pires"])
    await expect(page.locator("#announcer")).to_have_text("Bo Lindqvist lost the connection.")


async def test_whoever_speaks_is_marked(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False, server=lambda server: server.person("Ana Pires"))
    tile = page.get_by_role("group", name="Ana Pires: microphone on")
    await expect(tile).to_be_visible()
    server.notify("speaking", {"levels": {"p_1": -22}})
    await expect(page.locator(".tile.speaking").filter(has_text="Ana Pires")).to_have_count(1)
    await expect(page.locator(".tile.speaking").filter(has_text="Ana Pires")).to_have_count(0)  # and falls silent


async def test_whoever_has_the_floor_is_marked_until_somebody_else_has_it(open_call_page: OpenCallPage) -> None:
    def people(server):  # type: ignore[no-untyped-def]
        server.person("Ana Pires")
        server.person("Bo Lindqvist")

    page, server = await open_call_page(devices=False, server=people)
    marked = page.locator(".tile.dominant")
    server.notify("dominant_speaker", {"participant_id": "p_1"})
    await expect(marked).to_have_count(1)
    await expect(marked).to_contain_text("Ana Pires")
    server.notify("dominant_speaker", {"participant_id": "p_4"})
    await expect(marked).to_contain_text("Bo Lindqvist")
    server.notify("dominant_speaker", {"participant_id": None})
    await expect(marked).to_have_count(0)


async def test_slots_follow_speakers_and_whom_the_person_wants_large(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False, server=lambda server: server.person("Ana Pires"))
    audio, video = server.asked("set_slots")
    assert audio == {"kind": "audio", "policy": "loudest", "or_mix": True, "limit": 10}
    assert video == {"kind": "video", "policy": "loudest", "limit": 25}
    pin = page.get_by_role("button", name="Show Ana Pires large")
    await pin.click()
    pinned = await server.wait_for("set_slots", lambda params: params["policy"] == "pinned")
    assert pinned == {"kind": "video", "policy": "pinned", "participants": ["p_1"], "limit": 25}
    await pin.click()
    await server.wait_for("set_slots", lambda _: len(server.asked("set_slots")) == 6)
    assert [params["policy"] for params in server.asked("set_slots")][-1] == "loudest"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("token_expired", "Your invitation has expired."),
        ("token_invalid", "The server does not accept this token."),
        ("permission_denied", "Your token does not allow you to join this room."),
        ("server_busy", "The server is full at the moment."),
    ],
)
async def test_a_refused_join_says_why_and_may_be_tried_again(
    open_call_page: OpenCallPage, code: str, sentence: str
) -> None:
    page, server = await open_call_page(joined=False, devices=False)
    server.refuse["join"] = {"code": code, "message": "no", "details": {}}
    await page.get_by_label("Your name").fill("Mara Sol")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    server.refuse.clear()
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="standup")).to_be_visible()


async def test_an_unreachable_server_is_told_in_a_sentence(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(joined=False, devices=False)
    server.accepts = False
    await page.get_by_label("Your name").fill("Mara Sol")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("alert").filter(has_text="The server can't be reached.")).to_be_visible()


async def test_a_lost_connection_comes_back_by_itself_and_publishes_again(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(server=lambda server: server.person("Ana Pires"))
    await expect(page.locator(".tile.has-video")).to_have_count(2)
    server.accepts = False
    await server.drop()
    await expect(page.get_by_text("Connection lost, coming back…")).to_be_visible()
    await expect(page.locator(".tile.has-video")).to_have_count(2)  # what still arrives is still shown
    server.accepts = True
    await server.wait_for_sessions(2)
    await expect(page.get_by_text("Connection lost, coming back…")).to_be_hidden()
    await expect(page.locator(".tile.has-video")).to_have_count(2)
    first, second = server.asked("join")
    assert first["token"] == second["token"]  # the same identity: it takes its own place again
    assert [track["source"] for track in server.asked("offer")[-1]["tracks"].values()] == ["microphone", "camera"]


async def test_who_does_not_want_to_wait_comes_back_at_once(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False)
    await page.clock.install()
    await page.clock.pause_at(time.time() + 60)  # no attempt comes due by itself
    await server.drop()
    await page.get_by_role("button", name="Try now").click()
    await server.wait_for_sessions(2)
    await expect(page.get_by_text("Connection lost, coming back…")).to_be_hidden()


async def test_a_stopping_server_is_waited_for(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False)
    server.accepts = False
    server.notify("closing", {"reason": "server_stopping", "message": "The server is stopping."})
    await expect(page.get_by_text("The server is stopping. You come back as soon as it runs again…")).to_be_visible()
    server.accepts = True
    await server.wait_for_sessions(2)
    await expect(page.get_by_role("status").filter(has_text="The server is stopping")).to_be_hidden()


async def test_being_replaced_ends_the_call_and_does_not_come_back(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False)
    server.notify("closing", {"reason": "replaced", "message": "Somebody has joined with your identity."})
    await server.drop()
    await expect(page.get_by_role("heading", name="You joined somewhere else")).to_be_focused()
    await expect(page.get_by_text("Someone joined with your name elsewhere")).to_be_visible()
    assert server.sessions == 1
    await page.get_by_role("button", name="Join again").click()
    await server.wait_for_sessions(2)
    await expect(page.get_by_role("heading", name="standup")).to_be_visible()


async def test_an_expired_token_ends_the_coming_back(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False)
    server.refuse["join"] = {"code": "token_invalid", "message": "no", "details": {}}
    await server.drop()
    await expect(page.get_by_role("heading", name="You could not come back")).to_be_visible()


async def test_leaving_gives_the_devices_back(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page()
    await page.evaluate("window.tracks = document.querySelector('.tile.me video').srcObject.getTracks()")
    await page.get_by_role("button", name="Leave the call").click()
    await expect(page.get_by_role("heading", name="You left the call")).to_be_visible()
    await server.wait_for("leave")
    assert await page.evaluate("tracks.every((track) => track.readyState === 'ended')")


async def test_leaving_the_page_is_leaving_the_call(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False)
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
    await server.wait_for("leave")
    await expect(page.get_by_role("heading", name="You left the call")).to_be_visible()  # if the browser brings it back


async def test_after_a_reload_one_joins_again(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False)
    await page.reload()
    await expect(page.get_by_label("Your name")).to_have_value("Mara Sol")
    await expect(page.get_by_label("Room")).to_have_value("standup")
    await page.get_by_role("button", name="Join").click()
    await server.wait_for_sessions(2)
    await expect(page.get_by_role("heading", name="standup")).to_be_visible()


async def test_forty_nine_people_fit(open_call_page: OpenCallPage) -> None:
    def crowd(server: FakeServer) -> None:
        for index in range(48):
            server.person(f"Guest {index}", microphone=False, camera=False)

    page, _ = await open_call_page(devices=False, server=crowd)
    tiles = page.locator(".tile")
    await expect(tiles).to_have_count(49)
    boxes = await tiles.evaluate_all("(tiles) => tiles.map((tile) => tile.getBoundingClientRect().toJSON())")
    grid = await page.locator("#grid").evaluate("(grid) => grid.getBoundingClientRect().toJSON()")
    for box in boxes:
        assert grid["left"] <= box["left"]
        assert box["right"] <= grid["right"] + 1
        assert grid["top"] <= box["top"]
        assert box["bottom"] <= grid["bottom"] + 1
