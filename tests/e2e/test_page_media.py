"""What the page sends and receives during a call."""

from __future__ import annotations

import pytest
from conftest import OpenCallPage, eventually
from fake_server import EVERY_FLAG, FakeServer
from playwright.async_api import expect

pytestmark = pytest.mark.browser

MIX = {"participant_id": None, "track_id": "mix"}


async def test_muting_tells_the_server_and_keeps_the_microphone_open(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page()
    microphone = page.get_by_role("button", name="Microphone", exact=True)
    await expect(microphone).to_have_attribute("aria-pressed", "true")
    await microphone.click()
    assert await server.wait_for("mute") == {"track_id": "t_mine_microphone"}
    await expect(microphone).to_have_attribute("aria-pressed", "false")
    await expect(page.get_by_role("group", name="Mara Sol (you): microphone off")).to_be_visible()
    await microphone.click()
    assert await server.wait_for("unmute") == {"track_id": "t_mine_microphone"}
    assert len(server.asked("offer")) == 1


async def test_a_camera_that_is_off_is_really_off(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page()
    camera = page.get_by_role("button", name="Camera", exact=True)
    await page.evaluate("window.was = document.querySelector('.tile.me video').srcObject.getTracks()[0]")
    await camera.click()
    assert await server.wait_for("mute") == {"track_id": "t_mine_camera"}
    assert await page.evaluate("was.readyState") == "ended"
    await expect(page.locator(".tile.me .avatar")).to_have_text("MS")
    await camera.click()
    assert await server.wait_for("unmute") == {"track_id": "t_mine_camera"}
    await expect(page.locator(".tile.me.has-video")).to_have_count(1)
    assert len(server.asked("offer")) == 1


async def test_what_was_off_at_joining_is_offered_when_it_is_turned_on(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(joined=False)
    await eventually(page, "document.querySelector('#preview-video').videoWidth > 0")
    await page.get_by_role("button", name="Camera", exact=True).click()
    await page.get_by_label("Your name").fill("Mara Sol")
    await page.get_by_role("button", name="Join").click()
    await server.wait_for("offer")
    await page.get_by_role("button", name="Camera", exact=True).click()
    offer = await server.wait_for("offer", lambda offer: len(offer["tracks"]) == 2)
    assert {"source": "camera"} in offer["tracks"].values()
    await expect(page.locator(".tile.me.has-video")).to_have_count(1)


async def test_sharing_the_screen_stopping_and_sharing_again(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page()
    share = page.get_by_role("button", name="Share screen")
    await share.click()
    offer = await server.wait_for("offer", lambda offer: {"source": "screen"} in offer["tracks"].values())
    assert offer["sdp"].count("a=simulcast:send") == 1  # the camera's alone
    await expect(page.get_by_text("You are sharing your screen")).to_be_visible()
    await page.get_by_role("button", name="Stop", exact=True).click()
    assert await server.wait_for("unpublish") == {"track_id": "t_mine_screen"}
    await expect(page.get_by_text("You are sharing your screen")).to_be_hidden()
    offers = len(server.asked("offer"))
    await share.click()
    mid = next(mid for mid, track in offer["tracks"].items() if track["source"] == "screen")
    assert await server.wait_for("publish") == {"mid": mid, "source": "screen"}
    assert len(server.asked("offer")) == offers


async def test_closing_the_browser_s_own_dialogue_is_no_error(open_call_page: OpenCallPage) -> None:
    refuse = "navigator.mediaDevices.getDisplayMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));"
    page, _ = await open_call_page(init_script=refuse)
    share = page.get_by_role("button", name="Share screen")
    await share.click()
    await expect(share).to_have_attribute("aria-pressed", "false")
    await expect(page.locator(".toast")).to_have_count(0)


async def test_a_shared_screen_comes_first_and_large(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(server=lambda server: server.person("Ana Pires"))
    await expect(page.locator(".tile.has-video")).to_have_count(2)
    track = await server.share_screen(server.people["p_1"])
    stage = page.get_by_role("group", name="Ana Pires's screen")
    await expect(page.locator(".tile.screen.has-video")).to_have_count(1)
    large, small = await stage.bounding_box(), await page.locator(".tile.me").bounding_box()
    assert large
    assert small
    assert large["width"] > 3 * small["width"]
    assert large["x"] < small["x"]
    server.notify("track_unpublished", {"participant_id": "p_1", "track_id": track["id"]})
    await expect(stage).to_have_count(0)


async def test_more_people_than_slots_are_met_with_more_slots(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page()
    for index in range(4):
        await server.add(f"Guest {index}")
    await expect(page.locator(".tile.has-video")).to_have_count(5)
    assert await page.evaluate("Object.values(mediasrv.call.slots).filter(Boolean).length") == 8


async def test_who_sends_asks_for_the_new_bound_of_bit_rates(open_call_page: OpenCallPage) -> None:
    _, server = await open_call_page()
    await server.wait_for("offer", lambda params: len(params["tracks"]) == 2)
    before = len(server.asked("offer"))
    updated = {"room": {"name": "standup", "locked": False}, "by": "admin:root"}
    server.notify("room_updated", {**updated, "changed": ["locked"]})
    server.notify("room_updated", {**updated, "changed": ["track_bitrate_bps"]})
    await server.wait_for("offer", lambda _: len(server.asked("offer")) > before)
    assert len(server.asked("offer")) == before + 1


async def test_small_tiles_take_a_lower_encoding_and_unseen_ones_none(open_call_page: OpenCallPage) -> None:
    def crowd(server: FakeServer) -> None:
        for index in range(10):
            server.person(f"Guest {index}", microphone=False, camera=index == 9)

    page, server = await open_call_page(server=crowd, viewport={"width": 900, "height": 600})
    chosen = await server.wait_for("choose_encoding")
    assert chosen["rid"] == "q"
    # Behind a shared screen the strip is too short for eleven: the tenth is out of view.
    await server.share_screen(server.people[next(iter(server.people))])
    assert await server.wait_for("pause") == {"mid": chosen["mid"]}
    await page.locator(".tile").filter(has_text="Guest 9").scroll_into_view_if_needed()
    assert await server.wait_for("resume") == {"mid": chosen["mid"]}


async def test_everybody_is_heard_as_one_mixed_sound_when_the_room_says_so_or_the_person_does(
    open_call_page: OpenCallPage,
) -> None:
    page, server = await open_call_page(devices=False, server=lambda server: server.person("Ana Pires"))
    policy = await server.wait_for("set_slots", lambda params: params["kind"] == "audio")
    assert policy == {"kind": "audio", "policy": "loudest", "or_mix": True, "limit": 10}
    await page.get_by_role("button", name="Devices").click()
    mixed = page.get_by_role("checkbox", name="Hear everybody as one mixed sound")
    await expect(mixed).not_to_be_checked()
    server.mix(True)
    await expect(mixed).to_be_checked()

    await mixed.focus()
    await page.keyboard.press("Space")
    await server.wait_for("set_slots", lambda params: params.get("or_mix") is False)
    await expect(mixed).not_to_be_checked()
    await page.keyboard.press("Space")
    await server.wait_for("set_slots", lambda params: params["policy"] == "mix")
    await expect(mixed).to_be_checked()
    assert list(await page.evaluate("Object.values(mediasrv.call.slots)")).count(MIX) == 1

    # Another session begins as this one was.
    server.requests.clear()
    await server.drop()
    assert (await server.wait_for("set_slots"))["policy"] == "mix"
    await expect(mixed).to_be_checked()
    assert await page.evaluate("JSON.parse(localStorage['mediasrv.preferences']).mixed") is True


async def test_what_the_permissions_do_not_allow_is_not_sent(open_call_page: OpenCallPage) -> None:
    def listener_only(server: FakeServer) -> None:
        server.permissions = ["join", "subscribe"]

    page, server = await open_call_page(server=listener_only)
    assert server.asked("offer")[0]["tracks"] == {}
    await expect(page.get_by_text("You are not allowed to speak in this room.")).to_be_visible()
    await page.get_by_role("button", name="Camera", exact=True).click(force=True)  # reachable, though disabled
    await expect(page.get_by_text("You are not allowed to show your camera in this room.")).to_be_visible()
    assert server.asked("offer")[0]["tracks"] == {}


async def test_a_source_that_the_server_refuses_is_off_again(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page()
    server.refused_sources["screen"] = "this needs the permission share_screen"
    await page.get_by_role("button", name="Share screen").click()
    await expect(page.get_by_text("You are not allowed to share your screen in this room.")).to_be_visible()
    await expect(page.get_by_role("button", name="Share screen")).to_have_attribute("aria-pressed", "false")


async def test_a_revoked_permission_turns_the_source_off(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page()
    server.notify("permissions_changed", {"permissions": [flag for flag in EVERY_FLAG if flag != "publish_audio"]})
    await expect(page.get_by_text("You are no longer allowed to speak in this room.")).to_be_visible()
    microphone = page.get_by_role("button", name="Microphone", exact=True)
    await expect(microphone).to_have_attribute("aria-pressed", "false")
    await expect(microphone).to_have_attribute("aria-disabled", "true")


async def test_a_microphone_muted_by_somebody_else_shows_it(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(server=lambda server: server.person("Ana Pires"))
    server.notify("feature_toggled", {
        "participant_id": server.me, "feature": "microphone", "enabled": False, "by": "p_1",
        "track_id": "t_mine_microphone",
    })  # fmt: skip
    await expect(page.get_by_text("Ana Pires muted your microphone.")).to_be_visible()
    button = page.get_by_role("button", name="Microphone", exact=True)
    await expect(button).to_have_attribute("aria-pressed", "false")


async def test_devices_can_be_changed_during_the_call(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page()
    await page.get_by_role("button", name="Devices").click()
    dialog = page.get_by_role("dialog", name="Devices")
    camera = dialog.get_by_role("combobox", name="Camera")
    await expect(camera).to_be_enabled()
    camera_id = "document.querySelector('.tile.me video').srcObject?.getTracks()[0].id"
    before = await page.evaluate(camera_id)
    await camera.dispatch_event("change")
    await eventually(page, f"![undefined, '{before}'].includes({camera_id})")
    await expect(page.locator(".tile.me.has-video")).to_have_count(1)
    assert len(server.asked("offer")) == 1  # the sender goes on with the other track
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
