"""`mediasrv serve --dev`, as one tries it out first: a name, a room, and one is in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from conftest import OpenPage
from person import Person
from server_process import ServerProcess

pytestmark = pytest.mark.browser

# A camera that takes its time, like a person who is asked for it.
SLOW_DEVICES = """
    const { mediaDevices } = navigator;
    const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices);
    const allowed = new Promise((resolve) => { window.allowDevices = resolve; });
    mediaDevices.getUserMedia = async (wish) => { await allowed; return getUserMedia(wish); };
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def dev_server() -> AsyncIterator[ServerProcess]:
    server = await ServerProcess.start(dev=True)
    yield server
    assert await server.stop() == 0
    assert server.faults == []


async def test_two_people_meet_by_the_name_of_a_room(open_page: OpenPage, dev_server: ServerProcess, room: str) -> None:
    people = [await filled_in(open_page, dev_server, room, name) for name in ("Ada", "Grace")]
    for person in people:
        await person.join_with_devices()
    ada, grace = people
    await ada.sees("Grace")
    await grace.hears("Ada")


async def test_devices_that_come_after_joining_are_published(
    open_page: OpenPage, dev_server: ServerProcess, room: str
) -> None:
    ada = await filled_in(open_page, dev_server, room, "Ada", SLOW_DEVICES)
    await ada.join()
    grace = await filled_in(open_page, dev_server, room, "Grace")
    await grace.join_with_devices()
    assert await grace.slot_of("Ada", "camera") is None
    await ada.page.evaluate("allowDevices()")
    await grace.sees("Ada")
    await grace.hears("Ada")
    assert (await ada.call())["sources"] == {"microphone": True, "camera": True, "screen": False}


async def filled_in(open_page: OpenPage, server: ServerProcess, room: str, name: str, script: str = "") -> Person:
    async def before(page) -> None:  # type: ignore[no-untyped-def]
        await page.add_init_script(script)

    page = await open_page(server.url, before=before)
    await page.get_by_label("Your name").fill(name)
    await page.get_by_label("Room").fill(room)
    return Person(page, name)
