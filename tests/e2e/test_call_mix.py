"""The mix of a room in a real browser: each page sends a tone of its own, and hears those of the others alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from conftest import OpenPage, eventually
from page_script import over_rpc
from playwright.async_api import Page
from server_process import KEY, SECRET, ServerProcess

from mediasrv import tokens
from mediasrv.client import Client
from mediasrv.signaling.schema import MixChange
from mediasrv.signaling.statistics_shapes import EncodingStatistics, ParticipantStatistics, SlotStatistics

pytestmark = pytest.mark.browser

PEER = over_rpc("tone_peer.js")
PATIENCE_MS = 20_000


def operator(server: ServerProcess) -> Client:
    admin = tokens.mint(KEY, SECRET, identity="tests", room=None, grants={}, ttl_s=600, admin=True)
    return Client(f"{server.url}rpc".replace("http", "ws"), token=admin)


async def test_each_hears_the_others_tones_and_not_its_own(
    open_page: OpenPage, server: ServerProcess, room: str
) -> None:
    async def person(name: str, frequency: int) -> Page:
        page = await open_page(f"{server.url}healthz")
        await page.evaluate(PEER, {"token": server.token(name, room), "frequency": frequency, "policy": "mix"})
        return page

    pages = {frequency: await person(name, frequency) for name, frequency in (("Ada", 440), ("Bob", 1_000))}
    for own, page in pages.items():
        (other,) = pages.keys() - {own}
        await eventually(page, f"tonePeer.hears({other}) && tonePeer.isDeafTo({own})", PATIENCE_MS)
        assert await page.evaluate("Object.values(tonePeer.slots).map(({ track_id }) => track_id)") == ["mix"]

    # A third one hears both, and whoever is muted is heard no more.
    carol = await person("Carol", 1_700)
    await eventually(carol, "tonePeer.hears(440) && tonePeer.hears(1000) && tonePeer.isDeafTo(1700)", PATIENCE_MS)
    await pages[440].evaluate("tonePeer.request('mute', { track_id: tonePeer.trackId })")
    await eventually(carol, "tonePeer.isDeafTo(440) && tonePeer.hears(1000)", PATIENCE_MS)
    await eventually(pages[1_000], "tonePeer.isDeafTo(440) && tonePeer.hears(1700)", PATIENCE_MS)

    # Single tracks instead: without another offer, and still not one's own.
    await carol.evaluate("tonePeer.request('set_slots', { kind: 'audio', policy: 'automatic' })")
    await pages[440].evaluate("tonePeer.request('unmute', { track_id: tonePeer.trackId })")
    await eventually(carol, "tonePeer.hears(440) && tonePeer.isDeafTo(1000)", PATIENCE_MS)
    # And the mix by its name, as any track.
    await carol.evaluate("tonePeer.request('set_slots', { kind: 'audio', policy: 'request' })")
    await carol.evaluate("tonePeer.request('subscribe', { track_id: 'mix', mid: Object.keys(tonePeer.slots)[0] })")
    await eventually(carol, "tonePeer.hears(440) && tonePeer.hears(1000) && tonePeer.isDeafTo(1700)", PATIENCE_MS)


async def test_left_and_right_are_heard_apart_where_the_mix_is_stereo(
    open_page: OpenPage, server: ServerProcess, room: str
) -> None:
    async with operator(server) as control:
        await control.create_room(room=room, mix=MixChange(channels=2, bitrate_bps=96_000), idle_s=20)

    async def person(name: str, left: int, right: int) -> Page:
        page = await open_page(f"{server.url}healthz")
        tones = {"frequency": left, "right": right, "policy": "mix"}
        await page.evaluate(PEER, {"token": server.token(name, room), **tones})
        return page

    pages = {(left, right): await person(f"P{left}", left, right) for left, right in ((440, 1_000), (700, 1_700))}
    for own, page in pages.items():
        ((left, right),) = pages.keys() - {own}
        await eventually(page, f"tonePeer.hears({left}, 0) && tonePeer.hears({right}, 1)", PATIENCE_MS)
        await eventually(page, f"tonePeer.isDeafTo({right}, 0) && tonePeer.isDeafTo({left}, 1)", PATIENCE_MS)


async def test_a_microphone_that_is_sent_redundantly_is_heard_in_the_mix_and_alone(
    open_page: OpenPage, server: ServerProcess, room: str
) -> None:
    async def person(name: str, frequency: int, **options: object) -> Page:
        page = await open_page(f"{server.url}healthz")
        mix = {"frequency": frequency, "policy": "mix"}
        await page.evaluate(PEER, {"token": server.token(name, room), **mix, **options})
        return page

    ada, bob = await person("Ada", 440, red=True), await person("Bob", 1_000)
    await eventually(bob, "tonePeer.hears(440) && tonePeer.isDeafTo(1000)", PATIENCE_MS)
    async with operator(server) as control, asyncio.timeout(PATIENCE_MS / 1000):

        async def statistics(page: Page) -> ParticipantStatistics:
            track_id = await page.evaluate("tonePeer.trackId")
            everybody = (await control.get_statistics(room=room)).participants
            return next(each for each in everybody if each.tracks[0].track_id == track_id)

        async def microphone() -> EncodingStatistics:
            return (await statistics(ada)).tracks[0].encodings[0]

        async def slot() -> SlotStatistics:
            return (await statistics(bob)).slots[0]

        await grow(microphone)
        # Told once a second, and the first time perhaps of a first packet alone.
        while (heard := (await statistics(ada)).tracks[0].hearing) is None or not heard.played_s:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        assert heard.packets > 0
        await bob.evaluate("tonePeer.request('set_slots', { kind: 'audio', policy: 'automatic' })")
        await grow(slot)
    await eventually(bob, "tonePeer.hears(440)", PATIENCE_MS)


async def grow(counted: Callable[[], Awaitable[EncodingStatistics | SlotStatistics]]) -> None:
    """Until packets are larger than Opus alone makes them: 80 bytes at 32 kbit/s."""
    before = await counted()
    while True:
        now = await counted()
        packets = now.packets - before.packets
        if packets and (now.octets - before.octets) / packets > 120:
            return
        before = now
        await asyncio.sleep(0.1)
