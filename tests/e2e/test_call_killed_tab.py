"""A tab that dies says no goodbye: its participant leaves when nothing was heard of it for the consent time.

Half a minute passes in between, in which the other browser tests run: the first test kills, the second one, which
conftest puts last of all, looks what has become of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import pytest
import pytest_asyncio
from person import Person
from playwright.async_api import Browser, Error, expect
from server_process import ServerProcess

pytestmark = pytest.mark.browser

ROOM = "with a tab that dies"
CONSENT_S = 30  # RFC 7675


@dataclass
class Killed:
    """Ada and Grace are in a call with Mary, whose tab died `at` that time (seconds since the epoch)."""

    ada: Person
    grace: Person
    mary_id: str
    at: float


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def killed(browser: Browser, server: ServerProcess) -> AsyncIterator[Killed]:
    contexts = [await browser.new_context() for _ in range(3)]
    people = []
    for context, name in zip(contexts, ("Ada", "Grace", "Mary"), strict=True):
        page = await context.new_page()
        await page.goto(f"{server.url}#token={server.token(name, ROOM)}")
        people.append(Person(page, name))
        await people[-1].join_with_devices()
    ada, grace, mary = people
    await ada.sees("Mary")
    mary_id = await mary.participant_id()
    devtools = await contexts[2].new_cdp_session(mary.page)
    crashed = asyncio.get_running_loop().create_future()
    mary.page.on("crash", lambda _: crashed.set_result(None))
    # The renderer never answers this.
    with suppress(Error, TimeoutError):
        await asyncio.wait_for(devtools.send("Page.crash"), 1)
    await crashed
    yield Killed(ada, grace, mary_id, time.time())
    for context in contexts:
        await context.close()


async def test_a_killed_tab_does_not_disturb_the_others(killed: Killed, server: ServerProcess) -> None:
    await killed.ada.sees("Grace")
    await killed.grace.hears("Ada")
    await killed.ada.stops_receiving("Mary", "camera")
    assert server.records(ROOM, "participant_left") == []
    # While the rest waits, other tests need the processor.
    for person in (killed.ada, killed.grace):
        await person.button("Camera").click()
        await person.button("Microphone").click()


@pytest.mark.last
async def test_a_killed_tab_leaves_when_its_consent_has_expired(killed: Killed, server: ServerProcess) -> None:
    left = await server.recorded(ROOM, "participant_left", timeout_s=CONSENT_S + 10)
    assert (left["participant"], left["reason"]) == (killed.mary_id, "consent_expired")
    quiet_s = datetime.fromisoformat(left["ts"]).timestamp() - killed.at
    # It was last heard of by its last consent check, which may have been some seconds before.
    assert CONSENT_S - 6 < quiet_s < CONSENT_S + 3
    for person in (killed.ada, killed.grace):
        await expect(person.tile("Mary")).to_have_count(0)
        await expect(person.page.locator(".tile")).to_have_count(2)
        await person.button("Microphone").click()
    await killed.ada.hears("Grace")
    await killed.grace.hears("Ada")
