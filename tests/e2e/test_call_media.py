"""People in a room see and hear each other."""

from __future__ import annotations

import asyncio

import pytest
from person import Person
from playwright.async_api import expect
from real_server import Enter
from server_process import ServerProcess

pytestmark = pytest.mark.browser


async def test_two_people_see_and_hear_each_other(enter: Enter, server: ServerProcess, room: str) -> None:
    ada, grace = await enter("Ada"), await enter("Grace")
    for person, other in ((ada, "Grace"), (grace, "Ada")):
        seen = await person.sees(other, width=1280)
        assert seen["frameHeight"] == 720
        await person.hears(other)
        await expect(person.page.locator(".tile.has-video")).to_have_count(2)
    for name in ("Ada", "Grace"):
        identity = name.lower()
        assert len(server.records(room, "participant_joined", identity=identity)) == 1
    sources = sorted(record["source"] for record in server.records(room, "track_published"))
    assert sources == ["camera", "camera", "microphone", "microphone"]


async def test_three_people_see_and_hear_each_other(enter: Enter) -> None:
    people = [await enter(name) for name in ("Ada", "Grace", "Mary")]

    async def meets(person: Person, other: Person) -> None:
        await person.sees(other.name)
        await person.hears(other.name)

    await asyncio.gather(*(meets(a, b) for a in people for b in people if a is not b))
    for person in people:
        await expect(person.page.locator(".tile.has-video")).to_have_count(3)
