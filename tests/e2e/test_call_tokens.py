"""Tokens that the server does not accept: the page says so in a sentence that tells what to do."""

from __future__ import annotations

import pytest
from conftest import OpenPage
from playwright.async_api import expect
from real_server import Enter
from server_process import ServerProcess

pytestmark = pytest.mark.browser

ANOTHER_SECRET = "a-secret-that-this-server-does-not-know"


async def test_an_expired_token(enter: Enter, server: ServerProcess, room: str) -> None:
    await refused(enter, server.token("Ada", room, ttl_s=-60), "Your invitation has expired. Ask for a new one.")


async def test_a_forged_token(enter: Enter, server: ServerProcess, room: str) -> None:
    forged = server.token("Ada", room, secret=ANOTHER_SECRET)
    await refused(enter, forged, "The server does not accept this token.")


async def test_a_token_that_does_not_let_in(enter: Enter, server: ServerProcess, room: str) -> None:
    # Every flag but the one for joining.
    token = server.token("Ada", room, "publish_audio", join=False)
    await refused(enter, token, "Your token does not allow you to join this room.")


async def test_without_a_token_the_page_asks_for_one(open_page: OpenPage, server: ServerProcess, room: str) -> None:
    page = await open_page(f"{server.url}?room={room}")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Join", exact=True).click()
    await expect(page.get_by_role("alert").filter(has_text="This server asks for a token.")).to_be_visible()
    await page.get_by_label("Token").fill(server.token("Ada", room))
    await page.get_by_role("button", name="Join", exact=True).click()
    await expect(page.get_by_role("heading", name=room)).to_be_visible()


async def test_a_token_is_for_one_room(open_page: OpenPage, server: ServerProcess, room: str) -> None:
    page = await open_page(f"{server.url}?room=another&token={server.token('Ada', room)}")
    await expect(page.get_by_label("Room")).to_have_value(room)
    await expect(page.get_by_label("Room")).not_to_be_editable()
    assert "token" not in page.url.partition("#")[0]  # it would be sent along, and logged


async def refused(enter: Enter, token: str, sentence: str) -> None:
    ada = await enter("Ada", devices=False, joined=False, token=token)
    await ada.button("Join").click()
    await expect(ada.page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
