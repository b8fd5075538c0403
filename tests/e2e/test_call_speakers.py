"""Receive slots that follow those who speak, in a real browser: switched by the server, without another offer."""

from __future__ import annotations

import pytest
from conftest import OpenPage, eventually
from page_script import over_rpc
from playwright.async_api import Page, expect
from real_server import Enter
from server_process import ServerProcess

pytestmark = pytest.mark.browser

PEER = over_rpc("speaker_peer.js")


async def speaker(
    open_page: OpenPage,
    server: ServerProcess,
    room: str,
    name: str,
    *,
    audio: int = 0,
    video: int = 0,
    policy: str = "",
) -> tuple[Page, str]:
    page = await open_page(f"{server.url}healthz")
    options = {"token": server.token(name, room), "audioSlots": audio, "videoSlots": video, "policy": policy or None}
    return page, str(await page.evaluate(PEER, options))


async def speak(page: Page, on: bool = True) -> None:
    await page.evaluate("(on) => speakerPeer.speak(on)", on)


async def test_slots_follow_who_speaks(open_page: OpenPage, server: ServerProcess, room: str) -> None:
    viewer, me = await speaker(open_page, server, room, "Viewer", audio=1, video=1, policy="loudest")
    ada_page, ada = await speaker(open_page, server, room, "Ada")
    bob_page, bob = await speaker(open_page, server, room, "Bob")
    await eventually(viewer, f"speakerPeer.shows('video')[0] === '{ada}'")

    for page, speaking in ((bob_page, bob), (ada_page, ada)):
        await speak(page)
        await eventually(viewer, f"speakerPeer.told.dominant.at(-1) === '{speaking}'", 15_000)
        for kind in ("audio", "video"):
            await eventually(viewer, f"speakerPeer.shows('{kind}')[0] === '{speaking}'", 15_000)
        decoded = await viewer.evaluate("speakerPeer.decoded('video')")
        await expect_more(viewer, decoded)
        await speak(page, on=False)
    # Who watches may speak too, and does not see or hear themself.
    await speak(viewer)
    await eventually(viewer, f"speakerPeer.told.dominant.at(-1) === '{me}'", 15_000)
    assert await viewer.evaluate("speakerPeer.shows('video')") == [ada]
    assert await viewer.evaluate("speakerPeer.told.offers") == 1


async def expect_more(page: Page, decoded: int) -> None:
    """The picture goes on."""
    for _ in range(100):
        if await page.evaluate("speakerPeer.decoded('video')") > decoded + 5:
            return
        await page.wait_for_timeout(100)
    raise AssertionError("no frame was decoded any more")


async def test_the_call_page_marks_who_has_the_floor(
    open_page: OpenPage, enter: Enter, server: ServerProcess, room: str
) -> None:
    grace = await enter("Grace", devices=False)
    ada_page, _ = await speaker(open_page, server, room, "Ada")
    await speaker(open_page, server, room, "Bob")
    marked = grace.page.locator(".tile.dominant")
    await expect(grace.page.locator(".tile")).to_have_count(3)
    await expect(marked).to_have_count(0)
    await speak(ada_page)
    await expect(marked).to_have_count(1, timeout=15_000)
    await expect(marked).to_contain_text("Ada")
    await expect(grace.page.get_by_role("group", name="Ada: microphone on, camera on, main speaker")).to_be_visible()
    await ada_page.evaluate("speakerPeer.peer.close()")
