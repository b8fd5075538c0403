"""A server that stops tells its people, and a new one in its place gets them back."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect
from real_server import Enter
from server_process import ServerProcess, check_journal

pytestmark = pytest.mark.browser


async def test_people_are_told_and_come_back_to_the_next_server(enter: Enter, room: str) -> None:
    first = await ServerProcess.start()
    ada, grace = await enter("Ada", on=first), await enter("Grace", on=first)
    await ada.sees("Grace")

    assert await first.stop() == 0
    for person in (ada, grace):
        await expect(person.page.get_by_text("The server is stopping. You come back as soon as")).to_be_visible()
    assert {record["reason"] for record in first.records(room, "participant_left")} == {"server_stopping"}
    assert first.faults == []
    check_journal(first.journal)

    second = await ServerProcess.start(http=first.address)
    try:
        for person in (ada, grace):
            await person.in_room()  # by itself
            await expect(person.page.locator("#banner")).to_be_hidden()
        await ada.sees("Grace")
        await grace.sees("Ada")
        await grace.hears("Ada")
    finally:
        await second.stop()
    assert second.faults == []


async def test_people_go_on_at_another_server(enter: Enter, room: str) -> None:
    """The server says when it stops and where to go on; who has not gone by then is taken there."""
    second = await ServerProcess.start()
    first = await ServerProcess.start("--drain-s", "4", "--reconnect-url", second.url)
    try:
        ada, grace = await enter("Ada", on=first), await enter("Grace", on=first)
        await ada.sees("Grace")
        stopped = asyncio.create_task(first.stop())
        await ada.page.get_by_role("button", name="Go on at another one").click()
        await expect(grace.page.get_by_text("This server stops at")).to_be_visible()
        for person in (ada, grace):
            await person.page.wait_for_url(f"{second.url}**")
            await person.join_with_devices()
        await ada.sees("Grace")
        await grace.hears("Ada")
        assert await stopped == 0
    finally:
        await first.stop()
        await second.stop()
    assert first.faults == second.faults == []
