"""A shared screen is a track of its own, shown first and large, until it is stopped."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect
from real_server import Enter
from server_process import ServerProcess

pytestmark = pytest.mark.browser


async def test_a_shared_screen_comes_large_and_goes(enter: Enter, server: ServerProcess, room: str) -> None:
    ada, grace = await enter("Ada"), await enter("Grace")
    await grace.sees("Ada")

    for _ in range(2):  # the second time on the m-line of the first
        await ada.button("Share screen").click()
        await grace.sees("Ada", "screen")
        await grace.sees("Ada", "camera")
        assert await grace.slot_of("Ada", "screen") != await grace.slot_of("Ada", "camera")
        first = grace.page.locator("#grid .tile").first
        await expect(first).to_have_class(re.compile("screen.* has-video"))
        screen, camera = await first.bounding_box(), await grace.tile("Ada").bounding_box()
        assert screen["width"] * screen["height"] > 4 * camera["width"] * camera["height"]

        await ada.page.get_by_role("button", name="Stop", exact=True).click()
        await expect(grace.page.locator(".tile.screen")).to_have_count(0)
        await grace.sees("Ada", "camera")

    tracks = [record["track"] for record in server.records(room, "track_published", source="screen")]
    assert len(tracks) == len(set(tracks)) == 2
    assert [record["track"] for record in server.records(room, "track_unpublished", source="screen")] == tracks
    toggles = server.records(room, "feature_toggled", feature="screen_share")
    assert [record["enabled"] for record in toggles] == [True, False, True, False]
