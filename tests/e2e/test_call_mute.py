"""Microphone and camera switched off and on again, as the others hear, see and are told it."""

from __future__ import annotations

import pytest
from person import Person
from playwright.async_api import expect
from real_server import Enter
from server_process import ServerProcess
from waiting import settled

pytestmark = pytest.mark.browser


async def test_a_muted_microphone_is_silent_until_it_is_unmuted(enter: Enter, server: ServerProcess, room: str) -> None:
    ada, grace = await enter("Ada"), await enter("Grace")
    await grace.hears("Ada")
    badge = grace.tile("Ada").locator(".tile-muted")
    await expect(badge).to_be_hidden()

    await ada.button("Microphone").click()
    ada_id = await ada.participant_id()
    toggled = await server.recorded(room, "feature_toggled", feature="microphone", enabled=False)
    assert (toggled["participant"], toggled["by"]) == (ada_id, ada_id)
    await expect(badge).to_be_visible()
    await grace.stops_receiving("Ada", "microphone")
    await settled(lambda: energy(grace, "Ada"))

    await ada.button("Microphone").click()
    await grace.hears("Ada")
    await expect(badge).to_be_hidden()
    toggles = [record["enabled"] for record in server.records(room, "feature_toggled", feature="microphone")]
    assert toggles == [True, True, False, True]  # Ada's and Grace's come up; then what Ada did


async def test_a_camera_that_is_off_shows_initials_until_it_is_on(
    enter: Enter, server: ServerProcess, room: str
) -> None:
    ada, grace = await enter("Ada"), await enter("Grace")
    await grace.sees("Ada")

    await ada.button("Camera").click()
    ada_id = await ada.participant_id()
    toggled = await server.recorded(room, "feature_toggled", feature="camera", enabled=False)
    assert (toggled["participant"], toggled["by"]) == (ada_id, ada_id)
    await expect(grace.page.get_by_role("group", name="Ada: microphone on, camera off")).to_be_visible()
    await expect(grace.tile("Ada").locator(".avatar")).to_be_visible()
    await grace.stops_receiving("Ada", "camera")
    await grace.hears("Ada")

    await ada.button("Camera").click()
    await grace.sees("Ada", width=1280)
    await expect(grace.page.get_by_role("group", name="Ada: microphone on, camera on")).to_be_visible()
    assert server.records(room, "track_unpublished") == []  # the track goes on, with the same id


async def test_what_was_off_at_joining_can_be_turned_on(enter: Enter) -> None:
    ada, grace = await enter("Ada", devices=False), await enter("Grace", devices=False)
    await ada.button("Camera").click()
    seen = await grace.sees("Ada", width=1280)
    assert {entry["rid"] for entry in await ada.sent("video")} == {"q", "h", "f"}
    await ada.button("Microphone").click()
    await grace.hears("Ada")
    assert (await grace.received("Ada", "camera"))["ssrc"] == seen["ssrc"]


async def energy(person: Person, other: str) -> float:
    return float((await person.received(other, "microphone"))["totalAudioEnergy"])
