"""The page of those who look after a server: what they see is what is, and what they do happens."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect
from real_server import Enter
from server_process import KEY, SECRET, ServerProcess

from mediasrv import tokens
from mediasrv.client import Client

pytestmark = pytest.mark.browser

OpenAdmin = Callable[..., Awaitable[Page]]


def admin_token(ttl_s: float = 600) -> str:
    return tokens.mint(KEY, SECRET, identity="operator", room=None, grants={}, ttl_s=ttl_s, admin=True)


@pytest.fixture
def open_admin(open_page, server: ServerProcess) -> OpenAdmin:  # type: ignore[no-untyped-def]
    async def open_(token: str | None = None) -> Page:
        url = f"{server.url}admin#token={token or admin_token()}"
        return await open_page(url, viewport={"width": 1440, "height": 1000})

    return open_


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
    await page.get_by_role("button", name="Lock").click()
    await expect(page.get_by_role("button", name="Unlock")).to_be_visible()
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


async def test_bans_of_rooms_that_are_not_open_are_seen_and_lifted(
    open_admin: OpenAdmin, server: ServerProcess, room: str
) -> None:
    async with Client(server.url, token=admin_token()) as control:
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
