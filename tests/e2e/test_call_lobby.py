"""A room in which a moderator lets people in, and looks after those who are there, as they all see it."""

from __future__ import annotations

import aiohttp
import pytest
from person import Person
from playwright.async_api import expect
from real_server import Enter
from server_process import JOINING, KEY, SECRET, ServerProcess

from mediasrv import tokens

pytestmark = pytest.mark.browser

HOST = (*JOINING, "moderate")


async def control(server: ServerProcess, *requests: tuple[str, dict[str, object]]) -> None:
    """What a control client does: authenticate, and ask."""
    token = tokens.mint(KEY, SECRET, identity="tests", room=None, grants={}, ttl_s=60, admin=True)
    async with aiohttp.ClientSession() as http, http.ws_connect(server.url + "rpc") as socket:
        for number, (method, params) in enumerate([("authenticate", {"token": token}), *requests]):
            await socket.send_json([0, number, method, params])
            _, answered, error, _ = await socket.receive_json()
            assert (answered, error) == (number, None)


async def test_the_moderator_lets_one_in_and_refuses_another(enter: Enter, server: ServerProcess, room: str) -> None:
    await control(server, ("create_room", {"room": room, "lobby": True}))
    host = await enter("Host", grants=HOST, devices=False)

    lin = await enter("Lin", devices=False, joined=False)
    await lin.page.get_by_role("button", name="Join", exact=True).click()
    await expect(lin.page.get_by_role("heading", name="Waiting to be let in")).to_be_focused()
    await expect(host.page.get_by_text("Lin would like to join.")).to_be_visible()
    await host.page.get_by_role("button", name="Let in", exact=True).press("Enter")
    await lin.in_room()
    await expect(lin.page.get_by_role("heading", name="Waiting to be let in")).to_be_hidden()
    await expect(host.tile("Lin")).to_be_visible()
    await expect(host.page.get_by_text("Lin would like to join.")).to_be_hidden()

    mal = await enter("Mal", devices=False, joined=False)
    await mal.page.get_by_role("button", name="Join", exact=True).click()
    await expect(mal.page.get_by_role("heading", name="Waiting to be let in")).to_be_visible()
    await host.button("Participants (2)").click()
    await host.page.get_by_role("button", name="Refuse Mal").click()
    await expect(mal.page.get_by_role("heading", name="You were not let in")).to_be_visible()
    await expect(host.page.get_by_role("list", name="Waiting to be let in")).to_be_hidden()
    decided = [(record["identity"], record["outcome"]) for record in server.records(room, "guest_decided")]
    assert decided == [("lin", "admitted"), ("mal", "refused")]

    late = await enter("Late", devices=False, joined=False)
    await late.page.get_by_role("button", name="Join", exact=True).click()
    await expect(host.page.get_by_role("list", name="Waiting to be let in")).to_be_visible()
    await late.page.get_by_role("button", name="Leave", exact=True).click()
    await expect(late.page.get_by_role("heading", name="You left the call")).to_be_visible()
    await expect(host.page.get_by_role("list", name="Waiting to be let in")).to_be_hidden()

    # Without the lobby, who waits comes in.
    await late.page.get_by_role("button", name="Join again").click()
    await expect(late.page.get_by_role("heading", name="Waiting to be let in")).to_be_visible()
    await host.page.get_by_label("Let people in one by one").uncheck()
    await late.in_room()
    await host.page.get_by_label("Lock: nobody new comes in").check()
    locked_out = await enter("Locked", devices=False, joined=False)
    await locked_out.page.get_by_role("button", name="Join", exact=True).click()
    await expect(locked_out.page.get_by_text("The room is locked")).to_be_visible()


async def menu(host: Person, name: str, item: str) -> None:
    """By keyboard: the menu of somebody in the list of participants, and down to an item of it."""
    await host.page.get_by_role("button", name=f"More about {name}").press("ArrowDown")
    for _ in range(6):
        focused = host.page.locator(":focus")
        if await focused.inner_text() == item:
            await focused.press("Enter")
            return
        await focused.press("ArrowDown")
    raise AssertionError(f"there is no {item!r} in the menu of {name}")


async def test_a_moderator_mutes_asks_and_removes(enter: Enter, server: ServerProcess, room: str) -> None:
    host, lin = await enter("Host", grants=HOST, devices=False), await enter("Lin")
    await host.hears("Lin")
    await host.button("Participants (2)").click()

    await menu(host, "Lin", "Mute the microphone")
    await expect(lin.page.get_by_text("Host muted your microphone.")).to_be_visible()
    await expect(lin.button("Microphone")).to_have_attribute("aria-pressed", "false")
    await host.stops_receiving("Lin", "microphone")
    muted = await server.recorded(room, "feature_toggled", feature="microphone", enabled=False)
    assert muted["by"] == await host.participant_id()

    await menu(host, "Lin", "Ask to unmute")
    await expect(lin.page.get_by_text("Host asks you to unmute your microphone.")).to_be_visible()
    await lin.page.get_by_role("button", name="Unmute", exact=True).click()
    await host.hears("Lin")

    await menu(host, "Lin", "Turn the camera off")
    await expect(host.page.get_by_role("group", name="Lin: microphone on, camera off")).to_be_visible()
    await host.page.get_by_role("button", name="More about Lin").click()
    await host.page.keyboard.press("Escape")
    await expect(host.page.get_by_role("button", name="More about Lin")).to_be_focused()
    await expect(host.page.get_by_role("heading", name="Participants")).to_be_visible()  # the panel is still there

    await menu(host, "Lin", "Remove and keep out for an hour")
    await expect(lin.page.get_by_role("heading", name="You were banned")).to_be_visible()
    await expect(host.page.locator(".tile")).to_have_count(1)
    await lin.page.get_by_role("button", name="Join again").click()
    await expect(lin.page.get_by_role("alert")).to_have_text("A moderator has banned you from this room for a time.")


async def test_a_menu_stays_open_when_what_is_around_it_moves(enter: Enter) -> None:
    host, _ = await enter("Host", grants=HOST, devices=False), await enter("Lin", devices=False)
    await host.button("Participants (2)").click()
    await host.page.get_by_role("button", name="More about Lin").press("ArrowDown")
    item = host.page.get_by_role("menuitem", name="Ask to unmute")
    await expect(item).to_be_focused()
    await host.page.set_viewport_size({"width": 900, "height": 600})
    await expect(item).to_be_in_viewport(ratio=1)
    await expect(item).to_be_focused()


async def test_the_end_of_the_call_for_everybody(enter: Enter, server: ServerProcess, room: str) -> None:
    ada, grace = await enter("Ada", devices=False), await enter("Grace", devices=False)
    await control(server, ("close_room", {"room": room}))
    for person in (ada, grace):
        await expect(person.page.get_by_role("heading", name="The call has ended")).to_be_visible()
    closed = await server.recorded(room, "room_closed")
    assert closed["by"] == "admin:tests"


async def test_a_grant_that_is_taken_and_given_in_the_middle_of_a_call(
    enter: Enter, server: ServerProcess, room: str
) -> None:
    ada, grace = await enter("Ada", devices=False), await enter("Grace")
    await ada.hears("Grace")
    whom = {"room": room, "participant_id": await grace.participant_id()}
    await control(server, ("revoke", {**whom, "permissions": ["publish_audio"]}))
    await expect(grace.page.get_by_text("You are no longer allowed to speak in this room.")).to_be_visible()
    await ada.stops_receiving("Grace", "microphone")
    await ada.sees("Grace")
    # What a client of its own making does all the same: no packet of it passes.
    published = await server.recorded(room, "track_published", source="microphone")
    with pytest.raises(Exception, match="permission_denied"):
        await grace.request("unmute", {"track_id": published["track"]})
    await control(server, ("grant", {**whom, "permissions": ["publish_audio"], "for_s": 600}))
    await grace.button("Microphone").click()
    await ada.hears("Grace")


async def test_who_comes_late_reads_what_was_said(enter: Enter, server: ServerProcess, room: str) -> None:
    await control(server, ("create_room", {"room": room, "history": 10}))
    ada = await enter("Ada", devices=False)
    await ada.request("send_message", {"text": "We begin at ten."})
    grace = await enter("Grace", devices=False)
    await grace.button("Messages").click()  # nothing of it counts as unread
    message = grace.page.get_by_role("listitem").filter(has_text="We begin at ten.")
    await expect(message).to_be_visible()
    await expect(message).to_contain_text("Ada")
