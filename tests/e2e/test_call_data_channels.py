"""Messages over the data channels of a real browser, beside people who use the signaling connection."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import OpenPage, eventually
from page_script import over_rpc
from playwright.async_api import Page, expect
from real_server import Enter
from server_process import ServerProcess

pytestmark = pytest.mark.browser

PEER = over_rpc("data_channel_peer.js")


class ChannelPage:
    """A page that talks over a data channel."""

    def __init__(self, page: Page, joined: dict[str, Any]) -> None:
        self.page = page
        self.id = str(joined["id"])
        self.joined = joined

    async def send(self, text: str, **params: Any) -> dict[str, Any]:
        reply = await self.page.evaluate("(params) => channelPeer.send(params)", {"text": text, **params})
        return dict(reply)

    async def gets(self, *texts: str, over: str = "overChannel") -> None:
        expected = "[" + ",".join(repr(text) for text in texts) + "]"
        await eventually(self.page, f"JSON.stringify(channelPeer.{over}) === JSON.stringify({expected})")


@pytest.fixture
def channel_page(open_page: OpenPage, server: ServerProcess, room: str):  # type: ignore[no-untyped-def]
    async def open_(name: str, *, media: bool = False, grants: tuple[str, ...] = (), **options: Any) -> ChannelPage:
        page = await open_page(f"{server.url}healthz")
        token = server.token(name, room, *grants)
        joined = await page.evaluate(PEER, {"token": token, "options": options, "media": media})
        return ChannelPage(page, joined)

    return open_


async def test_two_pages_over_channels_and_one_over_signaling(  # type: ignore[no-untyped-def]
    channel_page, enter: Enter, server: ServerProcess, room: str
) -> None:
    ada, grace = await channel_page("Ada"), await channel_page("Grace")
    assert ada.joined["refused"] == {}
    assert ada.joined["maxMessageSize"] == 65_536
    mary = await enter("Mary", devices=False)
    await mary.button("Messages").click()
    texts = mary.page.get_by_role("log").locator(".message-text")

    reply = await ada.send("Over the channel")
    assert reply["error"] is None
    assert set(reply["result"]["recipients"]) == {grace.id, await mary.participant_id("Mary")}
    await grace.gets("Over the channel")
    await expect(texts).to_have_text(["Over the channel"])
    await grace.send("Back to you", to=[ada.id])
    await ada.gets("Back to you")
    await mary.page.get_by_role("textbox", name="Message").fill("And from me")
    await mary.page.get_by_role("textbox", name="Message").press("Enter")
    await ada.gets("Back to you", "And from me")
    await grace.gets("Over the channel", "And from me")
    await expect(texts).to_have_text(["Over the channel", "And from me"])
    for page in (ada, grace):
        await page.gets(over="overSignaling")

    sent = server.records(room, "message_sent")
    assert [(record["participant"], record["to_all"]) for record in sent[:2]] == [(ada.id, True), (grace.id, False)]
    assert len(sent) == 3
    assert "Over the channel" not in str(server.journal)


async def test_what_is_too_large_is_refused_and_the_channel_lives_on(channel_page) -> None:  # type: ignore[no-untyped-def]
    ada, grace = await channel_page("Ada"), await channel_page("Grace")
    assert (await ada.send("x" * 4_001))["error"]["code"] == "too_large"
    # The browser itself keeps what is larger than the answer said.
    thrown = await ada.page.evaluate("""() => {
        try { channelPeer.channel.send("x".repeat(200_000)); return null; } catch (error) { return error.name; }
    }""")
    assert thrown == "TypeError"
    assert (await ada.send("é" * 4_000))["error"] is None
    await grace.gets("é" * 4_000)


async def test_permission_and_rate_hold_for_channels_too(channel_page) -> None:  # type: ignore[no-untyped-def]
    silent, grace = await channel_page("Silent", grants=("subscribe",)), await channel_page("Grace")
    assert (await silent.send("hello"))["error"]["code"] == "permission_denied"
    replies = [await grace.send(f"{number}") for number in range(25)]
    codes = {reply["error"] and reply["error"]["code"] for reply in replies}
    assert codes == {None, "rate_limited"}


async def test_killing_a_channel_harms_nothing(channel_page, enter: Enter) -> None:  # type: ignore[no-untyped-def]
    ada, grace = await channel_page("Ada", media=True), await channel_page("Grace")
    mary = await enter("Mary", devices=False)
    await mary.hears("Ada")
    await ada.page.evaluate("channelPeer.channel.close()")
    await eventually(ada.page, 'channelPeer.channel.readyState === "closed"')
    assert (await grace.send("Are you there?"))["result"]["recipients"]
    await ada.gets("Are you there?", over="overSignaling")
    await mary.hears("Ada")
    # And another one takes its place.
    await ada.page.evaluate("""() => {
        const channel = channelPeer.channel = channelPeer.peer.createDataChannel("messages");
        channel.addEventListener("message", ({ data }) => {
          const [kind, , params] = JSON.parse(data);
          if (kind === 2) channelPeer.overChannel.push(params.text);
        });
    }""")
    await eventually(ada.page, 'channelPeer.channel.readyState === "open"')
    await grace.send("Again")
    await ada.gets("Again")


async def test_garbage_and_a_flood_close_the_channel_and_nothing_else(  # type: ignore[no-untyped-def]
    channel_page, enter: Enter
) -> None:
    ada = await channel_page("Ada", media=True)
    mary = await enter("Mary", devices=False)
    await ada.page.evaluate("""() => {
        for (let number = 0; number < 150; number++) channelPeer.channel.send(new Uint8Array(500));
    }""")
    await eventually(ada.page, 'channelPeer.channel.readyState === "closed"', 20_000)
    await mary.hears("Ada")
    await ada.page.evaluate("channelPeer.request('send_message', { text: 'I am still here' })")


async def test_unreliable_channels_carry_messages_too(channel_page) -> None:  # type: ignore[no-untyped-def]
    ada, grace = await channel_page("Ada", ordered=False, maxRetransmits=0), await channel_page("Grace")
    await ada.send("no retransmission")
    await grace.gets("no retransmission")
    await grace.send("nor back")
    await ada.gets("nor back")
