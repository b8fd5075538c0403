"""The page of those who look after a server: what they see is what is, and what they do happens."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from real_server import Enter
from server_process import JOINING, KEY, SECRET, ServerProcess
from test_page_accessibility import NAMELESS

from mediasrv import tokens
from mediasrv.client import Client
from mediasrv.rooms.permissions import FLAG_OF_NAME

pytestmark = pytest.mark.browser

OpenAdmin = Callable[..., Awaitable[Page]]


def admin_token(ttl_s: float = 600) -> str:
    return tokens.mint(KEY, SECRET, identity="operator", room=None, grants={}, ttl_s=ttl_s, admin=True)


@pytest.fixture
def open_admin(open_page, server: ServerProcess) -> OpenAdmin:  # type: ignore[no-untyped-def]
    async def open_(token: str | None = None, *, width: int = 1440, height: int = 1000) -> Page:
        url = f"{server.url}admin#token={token or admin_token()}"
        return await open_page(url, viewport={"width": width, "height": height})

    return open_


@pytest_asyncio.fixture(loop_scope="session")
async def control(server: ServerProcess) -> AsyncIterator[Client]:
    """What is so, as a program is told."""
    async with Client(server.url, token=admin_token()) as client:
        yield client


async def menu(page: Page, name: str, item: str) -> None:
    await page.get_by_role("button", name=f"More about {name}").click()
    await page.get_by_role("menuitem", name=item).click()


async def choose(page: Page, room: str) -> None:
    await page.get_by_role("button", name=room, exact=True).click()
    await expect(page.get_by_role("heading", name=room)).to_be_visible()


async def test_a_call_is_seen_down_to_its_encodings(enter: Enter, open_admin: OpenAdmin, room: str) -> None:
    ada, grace = await enter("Ada"), await enter("Grace")
    await grace.sees("Ada")
    page = await open_admin()
    await choose(page, room)
    person = page.locator(".participant", has=page.get_by_role("heading", name="Ada"))
    sends = person.locator("table", has=page.get_by_text("Sends"))
    await expect(sends.get_by_text("camera, VP8")).to_be_visible()
    await expect(sends.get_by_text("microphone, opus")).to_be_visible()
    await expect(sends.locator("tr", has_text="camera").locator("td").nth(2)).to_have_text(re.compile(r"\d (k|M)bit/s"))
    gets = person.locator("table", has=page.get_by_text("Gets"))
    await expect(gets.locator("tr", has_text="Grace: camera")).to_contain_text(re.compile("the highest|the only one"))
    await expect(gets.locator("tr", has_text="Grace: microphone")).to_contain_text("the only one that comes")
    await expect(person).to_contain_text(re.compile(r"round trip [\d.]+ ms"), timeout=15_000)
    await expect(page.locator(".worker").first).to_contain_text(re.compile(r"out [\d.]+ (k|M)bit/s"))
    await ada.page.get_by_role("button", name="Microphone").click()
    await expect(sends.get_by_text("microphone, opus, muted")).to_be_visible()
    await expect(page.locator("#journal li", has_text="ada: microphone off").first).to_be_visible()


async def test_what_is_decided_here_happens(enter: Enter, open_admin: OpenAdmin, room: str) -> None:
    ada, grace = await enter("Ada"), await enter("Grace")
    await grace.sees("Ada")
    page = await open_admin()
    await choose(page, room)
    await page.get_by_role("button", name="Mute the microphone of Ada").click()
    await expect(ada.page.get_by_text("A moderator muted your microphone.")).to_be_visible()
    await page.get_by_role("button", name="More about Grace").click()
    await page.get_by_role("menuitem", name="Remove…").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("heading", name="Grace")).to_be_visible()
    await page.get_by_role("button", name="More about Grace").click()
    await page.get_by_role("menuitem", name="Remove…").click()
    await page.get_by_role("button", name="Remove", exact=True).click()
    await expect(grace.page.get_by_text("You were removed")).to_be_visible()
    await expect(page.get_by_role("heading", name="Grace")).to_have_count(0)
    await expect(page.locator("#journal li", has_text="grace left: removed")).to_contain_text("by admin:operator")
    await page.get_by_role("button", name="End the room").click()
    await page.get_by_role("dialog").get_by_role("button", name="End the room").click()
    await expect(ada.page.get_by_text("The call has ended")).to_be_visible()
    await expect(page.get_by_role("button", name=room, exact=True)).to_have_count(0)


async def test_a_ban_is_of_whom_and_as_long_as_was_chosen(
    enter: Enter, open_admin: OpenAdmin, control: Client, room: str
) -> None:
    await enter("Host", grants=(*JOINING, "moderate"), devices=False)
    ada, grace = await enter("Ada", devices=False), await enter("Grace", devices=False)
    page = await open_admin()
    await choose(page, room)
    await menu(page, "Ada", "Ban…")
    dialog = page.get_by_role("dialog", name=f"Keep Ada out of {room}")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("button", name="More about Ada")).to_be_focused()
    assert (await control.list_bans(room=room)).bans == []

    # By keyboard alone: the identity is chosen first, and the Enter key in a field bans.
    await page.keyboard.press("Enter")
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("radio", name="The identity ada")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(dialog.get_by_label("For how long")).to_be_focused()
    await page.keyboard.type("a week")
    await page.keyboard.press("Tab")
    await page.keyboard.type("spam")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(f"Ada is banned from {room} for a week.")).to_be_visible()
    await expect(ada.page.get_by_text("You were banned")).to_be_visible()
    (ban,) = (await control.list_bans(room=room)).bans
    assert (ban.identity, ban.address, ban.reason, ban.by) == ("ada", None, "spam", "admin:operator")
    assert 6.9 < (ban.until - time.time()) / 86_400 <= 7

    await menu(page, "Grace", "Ban…")
    dialog = page.get_by_role("dialog", name=f"Keep Grace out of {room}")
    await dialog.get_by_role("radio", name="Everybody at Grace's address").check()
    await dialog.get_by_label("For how long").select_option("10 minutes")
    await dialog.get_by_role("button", name="Ban").click()
    await expect(grace.page.get_by_text("You were banned")).to_be_visible()
    await expect(page.get_by_role("heading", name="Host")).to_be_visible()  # at the same address, but a moderator
    bans = page.get_by_role("region", name="Bans")
    await expect(bans.get_by_role("listitem")).to_have_count(2)
    ban = (await control.list_bans(room=room)).bans[1]
    assert (ban.identity, ban.address, ban.reason) == (None, "127.0.0.1", "")
    assert ban.until - time.time() <= 600


async def test_somebody_who_is_not_there_is_banned_by_name_or_address(
    open_admin: OpenAdmin, control: Client, room: str
) -> None:
    page = await open_admin()
    bans = page.get_by_role("region", name="Bans")
    await bans.get_by_role("button", name="Ban…").click()
    await expect(bans.get_by_label("Of the room")).to_be_focused()  # which one?
    await page.keyboard.type(room)
    dialog = page.get_by_role("dialog", name=f"Keep somebody out of {room}")
    await bans.get_by_role("button", name="Ban…").click()
    await dialog.get_by_role("button", name="Ban").click()
    await expect(dialog.get_by_label("Identity", exact=True)).to_be_focused()  # it is required
    await page.keyboard.type("mal")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(f"mal is banned from {room} for an hour.")).to_be_visible()

    await bans.get_by_role("button", name="Ban…").click()
    await dialog.get_by_role("radio", name="Everybody at an IP address").check()
    await dialog.get_by_label("IP address", exact=True).fill("house 7")
    await dialog.get_by_role("button", name="Ban").click()
    await expect(page.get_by_text("the address is not an IP address")).to_be_visible()
    await bans.get_by_role("button", name="Ban…").click()
    await dialog.get_by_role("radio", name="Everybody at an IP address").check()
    await dialog.get_by_label("IP address", exact=True).fill("192.0.2.7")
    await dialog.get_by_role("button", name="Ban").click()
    await expect(bans.get_by_role("status")).to_have_text(f"2 are banned from {room}.")
    assert [(ban.identity, ban.address) for ban in (await control.list_bans(room=room)).bans] == [
        ("mal", None), (None, "192.0.2.7"),
    ]  # fmt: skip


async def test_those_who_wait_are_let_in_and_sent_away(
    enter: Enter, open_admin: OpenAdmin, control: Client, room: str
) -> None:
    await control.create_room(room, lobby=True)
    page = await open_admin()
    await choose(page, room)
    people = [await enter(name, devices=False, joined=False) for name in ("Lin", "Mal", "Eve")]
    for person in people:
        await person.page.get_by_role("button", name="Join", exact=True).click()
        await expect(person.page.get_by_role("heading", name="Waiting to be let in")).to_be_visible()
    waiting = page.get_by_role("list", name="People who wait to be let in")
    await expect(waiting.get_by_role("listitem")).to_have_text(
        [re.compile(rf"{name} \({name.lower()}\) waits for \d+ s") for name in ("Lin", "Mal", "Eve")]
    )
    await expect(page.locator("#announcer")).to_have_text(re.compile("Eve waits to be let in"))
    await waiting.get_by_role("button", name="Admit Lin").press("Enter")
    await people[0].in_room()
    await expect(waiting.get_by_role("button", name="Admit Mal")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(people[1].page.get_by_role("heading", name="You were not let in")).to_be_visible()
    await expect(waiting.get_by_role("button", name="Admit Eve")).to_be_focused()
    await page.get_by_label("Let people in one by one").uncheck()
    await people[2].in_room()
    await expect(waiting).to_be_hidden()


async def test_a_rooms_settings_are_seen_and_changed(open_admin: OpenAdmin, control: Client, room: str) -> None:
    await control.create_room(room, capacity=7)
    page = await open_admin()
    await choose(page, room)
    settings = page.get_by_role("form", name="Settings of the room")
    lock, lobby = settings.get_by_label("Lock: nobody new comes in"), settings.get_by_label("Let people in one by one")
    capacity = settings.get_by_label("People at most")
    await expect(lock).not_to_be_checked()
    await expect(capacity).to_have_value("7")
    await control.update_room(room=room, lobby=True)  # by somebody else
    await expect(lobby).to_be_checked()
    await lock.check()
    await expect(page.locator("#journal li", has_text="changed: locked")).to_contain_text("by admin:operator")
    await capacity.fill("12")
    await capacity.press("Enter")
    await expect(page.locator("#room-facts")).to_contain_text("0 of 12 people")
    now = (await control.get_room(room)).room
    assert (now.locked, now.lobby, now.capacity) == (True, True, 12)
    await capacity.fill("0")
    await capacity.press("Enter")
    await lock.uncheck()
    await expect(capacity).to_have_value("12")  # what no room can have is not asked for
    await expect(page.locator("#room-facts")).to_contain_text("0 of 12 people")
    await control.close_room(room=room)
    await expect(settings).to_be_hidden()


async def test_permissions_are_given_and_taken_one_by_one(
    enter: Enter, open_admin: OpenAdmin, control: Client, room: str
) -> None:
    ada = await enter("Ada", devices=False)
    page = await open_admin()
    await choose(page, room)
    await menu(page, "Ada", "Permissions…")
    dialog = page.get_by_role("dialog", name="What Ada may do")
    boxes = dialog.get_by_role("checkbox")
    await expect(boxes).to_have_count(len(FLAG_OF_NAME))
    flags = [await box.get_attribute("value") for box in await boxes.all()]
    assert flags == list(FLAG_OF_NAME)
    assert {flag for flag, box in zip(flags, await boxes.all(), strict=True) if await box.is_checked()} == set(JOINING)
    (who,) = (await control.get_room(room)).participants
    await control.revoke(who.id, ["share_screen"], room=room)  # by somebody else, meanwhile
    await dialog.get_by_label("moderate the room").check()
    await dialog.get_by_label("write messages").uncheck()
    await dialog.get_by_label("What is changed holds").select_option("for an hour")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.locator("#journal li", has_text="ada may now moderate")).to_be_visible()
    await expect(page.locator("#journal li", has_text="ada may no longer send_message")).to_be_visible()
    await expect(ada.page.get_by_label("Lock: nobody new comes in")).to_have_count(1)
    now = await control.get_participant(room, who.id)
    assert set(now.granted) == {*JOINING, "moderate"} - {"send_message", "share_screen"}

    await menu(page, "Ada", "Permissions…")
    await dialog.get_by_label("be in the room").uncheck()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("heading", name="Ada")).to_be_visible()
    assert (await control.get_participant(room, who.id)).granted == now.granted


async def test_everything_has_a_name_and_its_place_on_a_phone(
    enter: Enter, open_admin: OpenAdmin, control: Client, room: str
) -> None:
    await control.create_room(room, lobby=True)
    await enter("Ada", grants=(*JOINING, "moderate"), devices=False)
    guest = await enter("Lin of a rather long name", devices=False, joined=False)
    await guest.page.get_by_role("button", name="Join", exact=True).click()
    page = await open_admin(width=360, height=640)
    await choose(page, room)
    await expect(page.get_by_role("button", name="Admit Lin")).to_be_visible()
    for open_dialog in (
        lambda: menu(page, "Ada", "Ban…"),
        lambda: menu(page, "Ada", "Permissions…"),
        lambda: page.get_by_role("region", name="Bans").get_by_role("button", name="Ban…").click(),
    ):
        await open_dialog()
        dialog = page.get_by_role("dialog")
        for inside in (dialog, dialog.get_by_role("button", name="Cancel")):
            await inside.scroll_into_view_if_needed()
            box = await inside.bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["y"] >= 0
            assert box["x"] + box["width"] <= 360
            assert box["y"] + box["height"] <= 640
        assert await dialog.evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
        assert await page.evaluate(NAMELESS) == []
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
    assert await page.evaluate("document.querySelector('#admin').scrollWidth") <= 360


async def test_bans_of_rooms_that_are_not_open_are_seen_and_lifted(
    open_admin: OpenAdmin, control: Client, room: str
) -> None:
    await control.ban(room=room, identity="mal", for_s=3600, reason="spam")
    page = await open_admin()
    bans = page.get_by_role("region", name="Bans")
    await bans.get_by_label("Of the room").fill(room)
    await bans.get_by_role("button", name="Show").click()
    await expect(bans.get_by_role("status")).to_have_text(f"One is banned from {room}.")
    await expect(bans.get_by_role("listitem")).to_contain_text(
        re.compile(r"mal for 5\d min more · by admin:operator · spam")
    )
    await control.ban(room=room, identity="eve", for_s=3600)
    await expect(bans.get_by_role("status")).to_have_text(f"2 are banned from {room}.")
    await bans.get_by_role("button", name="Lift the ban of mal").click()
    await expect(page.get_by_text(f"mal is no longer banned from {room}.")).to_be_visible()
    await expect(bans.get_by_role("listitem")).to_have_count(1)
    await expect(bans.get_by_role("button", name="Lift the ban of eve")).to_be_focused()
    assert [ban.identity for ban in (await control.list_bans(room=room)).bans] == ["eve"]
    await page.keyboard.press("Enter")
    await expect(bans.get_by_role("status")).to_have_text(f"Nobody is banned from {room}.")
    await expect(bans.get_by_label("Of the room")).to_be_focused()


async def test_a_token_that_is_none_is_said(open_admin: OpenAdmin, server: ServerProcess, room: str) -> None:
    page = await open_admin(server.token("ada", room))
    await expect(page.get_by_role("alert")).to_contain_text("admin")
    await page.get_by_label("Admin token").fill(admin_token())
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Media workers")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Media workers")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await page.reload()
    await expect(page.get_by_label("Admin token")).to_be_visible()
