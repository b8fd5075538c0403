"""Before the call: seeing and hearing oneself, and what happens where a device can't be had."""

from __future__ import annotations

import pytest
from conftest import OpenCallPage, eventually
from fake_server import StaticSite
from playwright.async_api import expect

pytestmark = pytest.mark.browser


def failing_devices(**errors: str) -> str:
    """A script that makes getUserMedia reject: `failing_devices(video="NotFoundError")`."""
    return f"""
        const errors = {errors!r};
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = (constraints) => {{
          const failing = Object.keys(errors).find((kind) => constraints[kind]);
          return failing ? Promise.reject(new DOMException("", errors[failing])) : open(constraints);
        }};"""


async def test_one_sees_and_hears_oneself_and_chooses_devices(open_call_page: OpenCallPage) -> None:
    page, _ = await open_call_page(joined=False)
    await eventually(page, "document.querySelector('#preview-video').videoWidth > 0")
    await eventually(page, "document.querySelector('#preview-level').value > 0.2")  # the fake microphone beeps
    await expect(page.get_by_label("Room")).to_have_value("standup")
    await page.locator("summary").click()
    for kind in ("Camera", "Microphone", "Speaker"):
        options = page.get_by_role("combobox", name=kind).locator("option")
        await expect(options.first).not_to_have_text("None found")
    camera = page.get_by_role("combobox", name="Camera")
    before = await camera.input_value()
    assert await camera.locator("option").count() >= 1
    assert before


async def test_another_camera_takes_over_the_preview(open_call_page: OpenCallPage) -> None:
    page, _ = await open_call_page(joined=False)
    await eventually(page, "document.querySelector('#preview-video').videoWidth > 0")
    camera_id = "document.querySelector('#preview-video').srcObject?.getVideoTracks()[0].id"
    first = await page.evaluate(camera_id)
    await page.locator("summary").click()
    microphone = page.get_by_role("combobox", name="Microphone")
    values = await microphone.locator("option").evaluate_all("(options) => options.map((option) => option.value)")
    values.remove(await microphone.input_value())
    other = values[0]
    await microphone.select_option(other)
    await expect(microphone).to_have_value(other)
    camera = page.get_by_role("combobox", name="Camera")
    await camera.dispatch_event("change")
    await eventually(page, f"![undefined, '{first}'].includes({camera_id})")
    assert (await page.evaluate("JSON.parse(localStorage['mediasrv.preferences'])"))["microphoneId"] == other


async def test_joining_with_both_off_sends_neither(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(joined=False)
    await eventually(page, "document.querySelector('#preview-video').videoWidth > 0")
    await page.get_by_role("button", name="Camera", exact=True).click()
    await page.get_by_role("button", name="Microphone", exact=True).click()
    await expect(page.get_by_text("Your camera is off")).to_be_visible()
    await page.get_by_label("Your name").fill("Mara Sol")
    await page.get_by_role("button", name="Join").click()
    offer = await server.wait_for("offer")
    assert offer["tracks"] == {}
    assert offer["sdp"].count("a=recvonly") == 4  # the first slots: a call of two needs no second offer
    await expect(page.get_by_role("button", name="Microphone", exact=True)).to_have_attribute("aria-pressed", "false")


async def test_a_browser_that_forbids_the_devices_still_lets_one_in(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page("devices-forbidden/?room=standup", joined=False)
    await expect(page.get_by_text("The browser may not use your camera.")).to_be_visible()
    await expect(page.get_by_text("The browser may not use your microphone.")).to_be_visible()
    await expect(page.get_by_text("You can join without")).to_be_visible()
    await page.get_by_label("Your name").fill("Mara Sol")
    await page.get_by_role("button", name="Join").click()
    assert (await server.wait_for("offer"))["tracks"] == {}


@pytest.mark.parametrize(
    ("error", "sentence"),
    [("NotFoundError", "No camera was found."), ("NotReadableError", "Your camera is in use by another program.")],
)
async def test_without_a_camera_the_microphone_still_works(
    open_call_page: OpenCallPage, error: str, sentence: str
) -> None:
    page, server = await open_call_page("?room=standup", joined=False, init_script=failing_devices(video=error))
    await expect(page.get_by_text(sentence)).to_be_visible()
    await page.get_by_label("Your name").fill("Mara Sol")
    await page.get_by_role("button", name="Join").click()
    offer = await server.wait_for("offer")
    assert [track["source"] for track in offer["tracks"].values()] == ["microphone"]


async def test_name_and_room_must_be_said(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page("", joined=False)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("alert").filter(has_text="Say who you are.")).to_be_visible()
    await expect(page.get_by_label("Your name")).to_be_focused()
    await page.get_by_label("Your name").fill("Mara Sol")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_label("Room")).to_be_focused()
    assert server.asked("join") == []


async def test_a_server_that_gives_no_tokens_asks_for_one(open_call_page: OpenCallPage, site: StaticSite) -> None:
    site.gives_tokens = False
    page, server = await open_call_page(joined=False)
    await page.get_by_label("Your name").fill("Mara Sol")
    await page.get_by_role("button", name="Join").click()
    token = page.get_by_label("Token")
    await expect(token).to_be_focused()
    await token.fill("a.b.c")
    await page.get_by_role("button", name="Join").click()
    assert (await server.wait_for("join"))["token"] == "a.b.c"


async def test_a_token_in_the_address_is_used_and_moved_out_of_the_query(open_call_page: OpenCallPage) -> None:
    payload = "eyJyb29tIjoic3RhbmR1cCIsIm5hbWUiOiJaw7Yga2UifQ"  # {"room": "standup", "name": "Zö ke"}
    page, server = await open_call_page(f"?token=h.{payload}.s", joined=False)
    await expect(page.get_by_label("Room")).to_have_value("standup")
    await expect(page.get_by_label("Your name")).to_have_value("Zö ke")
    assert "?" not in page.url
    await page.get_by_role("button", name="Join").click()
    assert (await server.wait_for("join"))["token"] == f"h.{payload}.s"
    await page.get_by_role("button", name="Participants").click()
    await expect(page.get_by_role("button", name="Copy the link")).to_be_hidden()  # it would let nobody in
