"""Each permission for itself: what is not granted is said on the page, and everything else works."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE

import pytest
from playwright.async_api import expect
from real_server import Enter
from server_process import JOINING, KEY, SECRET, ServerProcess

pytestmark = pytest.mark.browser


def all_but(flag: str) -> tuple[str, ...]:
    assert flag in JOINING
    return tuple(each for each in JOINING if each != flag)


async def test_without_the_camera(enter: Enter) -> None:
    ada, grace = await enter("Ada"), await enter("Grace", grants=all_but("publish_video"))
    await expect(grace.page.get_by_text("not allowed to show your camera in this room")).to_be_visible()
    await expect(grace.button("Camera")).to_have_attribute("aria-disabled", "true")
    await ada.hears("Grace")
    await grace.sees("Ada")
    await grace.hears("Ada")
    await expect(ada.page.get_by_role("group", name="Grace: microphone on, camera off")).to_be_visible()
    assert await ada.slot_of("Grace", "camera") is None


async def test_without_the_microphone(enter: Enter) -> None:
    ada, grace = await enter("Ada"), await enter("Grace", grants=all_but("publish_audio"))
    await expect(grace.page.get_by_text("not allowed to speak in this room")).to_be_visible()
    await ada.sees("Grace")
    await grace.sees("Ada")
    await grace.hears("Ada")
    await expect(ada.page.get_by_role("group", name="Grace: microphone off, camera on")).to_be_visible()


async def test_without_receiving(enter: Enter) -> None:
    ada, grace = await enter("Ada"), await enter("Grace", grants=all_but("subscribe"))
    await expect(grace.page.get_by_text("not allowed to see and hear the others in this room")).to_be_visible()
    await ada.sees("Grace")
    await ada.hears("Grace")
    assert set((await grace.call())["slots"].values()) == {None}
    received = [entry for entry in await grace.page.evaluate("mediasrv.getStats()") if entry["type"] == "inbound-rtp"]
    assert sum(entry["packetsReceived"] for entry in received) == 0


async def test_without_the_screen_and_without_messages(enter: Enter, server: ServerProcess, room: str) -> None:
    token = await minted(room, "publish_audio", "publish_video", "subscribe")
    ada, grace = await enter("Ada"), await enter("Grace", token=token)
    await grace.button("Share screen").press("Enter")
    await expect(grace.page.get_by_text("not allowed to share your screen in this room")).to_be_visible()
    await grace.button("Messages").click()
    text = grace.page.get_by_role("textbox", name="Message")
    await expect(text).to_be_disabled()
    await expect(text).to_have_attribute("placeholder", "You are not allowed to send messages in this room.")
    with pytest.raises(Exception, match="permission_denied"):
        await grace.request("send_message", {"text": "all the same"})
    await ada.sees("Grace")
    await grace.hears("Ada")
    assert server.records(room, "message_sent") == []


async def minted(room: str, *flags: str) -> str:
    """A token for Grace from the command line, as an operator makes it."""
    grants = [option for flag in flags for option in ("--grant", flag)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediasrv", "token", "--room", room, "--identity", "grace", "--name", "Grace", *grants,
        stdout=PIPE, env={**os.environ, "MEDIASRV_KEYS": f"{KEY}:{SECRET}"},
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().strip()
