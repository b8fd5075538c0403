"""Leaving and coming back: the others see one tile, and the journal has one leave for each join."""

from __future__ import annotations

import pytest
from person import Person
from playwright.async_api import expect
from real_server import Enter
from server_process import ServerProcess

pytestmark = pytest.mark.browser


async def test_after_a_reload_there_is_one_tile(enter: Enter, server: ServerProcess, room: str) -> None:
    ada, grace = await enter("Ada"), await enter("Grace")
    await grace.sees("Ada")
    first = await ada.participant_id()

    await ada.page.reload()
    left = await server.recorded(room, "participant_left", participant=first)
    assert left["reason"] in ("left", "peer_closed")  # whichever of the two ways brings it first
    await expect(grace.page.locator(".tile")).to_have_count(1)

    await ada.join_with_devices()
    await meet(ada, grace)
    await expect(grace.page.locator(".tile")).to_have_count(2)
    second = await ada.participant_id()
    assert second != first
    assert [record["participant"] for record in server.records(room, "participant_left")] == [first]
    joined = server.records(room, "participant_joined", identity="ada")
    assert [record["participant"] for record in joined] == [first, second]


async def test_the_same_person_elsewhere_takes_the_place(enter: Enter, server: ServerProcess, room: str) -> None:
    here, grace = await enter("Ada"), await enter("Grace")
    await grace.sees("Ada")
    first = await here.participant_id()

    elsewhere = await enter("Ada")
    await expect(here.page.get_by_role("heading", name="You joined somewhere else")).to_be_visible()
    await meet(elsewhere, grace)
    await expect(grace.page.locator(".tile")).to_have_count(2)
    left = server.records(room, "participant_left")
    assert [(record["participant"], record["reason"]) for record in left] == [(first, "replaced")]


async def test_leaving_by_the_button_and_joining_again(enter: Enter, server: ServerProcess, room: str) -> None:
    ada, grace = await enter("Ada"), await enter("Grace")
    await grace.sees("Ada")
    await ada.button("Leave the call").click()
    await expect(ada.page.get_by_role("heading", name="You left the call")).to_be_visible()
    left = await server.recorded(room, "participant_left")
    assert left["reason"] == "left"
    await ada.page.get_by_role("button", name="Join again").click()
    await ada.in_room()
    await meet(ada, grace)


async def meet(ada: Person, grace: Person) -> None:
    await grace.sees("Ada")
    await grace.hears("Ada")
    await ada.sees("Grace")
    await ada.hears("Grace")
