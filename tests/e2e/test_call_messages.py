"""Messages to everybody and to one, and who is there to get them."""

from __future__ import annotations

import pytest
from person import Person
from playwright.async_api import expect
from real_server import Enter
from server_process import ServerProcess

pytestmark = pytest.mark.browser


async def test_a_message_reaches_everybody_or_one(enter: Enter, server: ServerProcess, room: str) -> None:
    ada, grace, mary = [await enter(name, devices=False) for name in ("Ada", "Grace", "Mary")]
    for person in (ada, grace, mary):
        await person.button("Messages").click()

    await write(ada, "Good morning!")
    for person in (ada, grace, mary):
        await expect(log(person)).to_contain_text("Good morning!")
    await write(ada, "Only for you", to="Grace")
    await write(ada, "For all again", to="Everyone")
    await expect(log(grace).locator(".message-text")).to_have_text(["Good morning!", "Only for you", "For all again"])
    await expect(log(mary).locator(".message-text")).to_have_text(["Good morning!", "For all again"])

    ids = {name: await ada.participant_id(name) for name in ("Ada", "Grace", "Mary")}
    first, second, third = server.records(room, "message_sent")
    assert {first["participant"], second["participant"], third["participant"]} == {ids["Ada"]}
    assert sorted(first["recipients"]) == sorted([ids["Grace"], ids["Mary"]])
    assert (second["recipients"], second["to_all"]) == ([ids["Grace"]], False)
    assert "Only for you" not in str(server.journal)


async def test_the_list_of_participants_follows_who_comes_and_goes(enter: Enter) -> None:
    ada = await enter("Ada", devices=False)
    await ada.page.get_by_role("button", name="Participants (1)").click()
    names = ada.page.locator("#people .person-name")
    grace = await enter("Grace", devices=False)
    await expect(names).to_have_text(["Ada (you)", "Grace"])
    await grace.button("Leave the call").click()
    await expect(names).to_have_text(["Ada (you)"])


async def write(person: Person, text: str, to: str | None = None) -> None:
    if to:
        await person.page.get_by_role("combobox", name="To").select_option(to)
    await person.page.get_by_role("textbox", name="Message").fill(text)
    await person.page.get_by_role("textbox", name="Message").press("Enter")


def log(person: Person):  # type: ignore[no-untyped-def]
    return person.page.get_by_role("log")
