"""A server that stops tells its people, and a new one in its place gets them back."""

from __future__ import annotations

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
