"""Messages to everyone and to one."""

from __future__ import annotations

import pytest
from conftest import OpenCallPage
from fake_server import FakeServer
from playwright.async_api import expect

pytestmark = pytest.mark.browser


def ana_and_bo(server: FakeServer) -> None:
    server.person("Ana Pires", microphone=False, camera=False)
    server.person("Bo Lindqvist", microphone=False, camera=False)


def message(message_id: str, sender: str, text: str, to: list[str] | None = None) -> dict[str, object]:
    return {"message_id": message_id, "from": sender, "to": to, "text": text, "sent_at": 1767225700.25}


async def test_unread_messages_are_counted_until_they_are_read(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False, server=ana_and_bo)
    server.notify("message", message("m1", "p_1", "Good morning!"))
    server.notify("message", message("m2", "p_2", "<b>Hello</b>", [server.me]))
    button = page.get_by_role("button", name="Messages (2 unread)")
    await expect(page.locator("#announcer")).to_contain_text("Ana Pires: Good morning!")
    await button.click()
    log = page.get_by_role("log")
    await expect(log.get_by_role("listitem")).to_have_count(2)
    await expect(log).to_contain_text("<b>Hello</b>")  # as text, never as markup
    await expect(log.get_by_text("only to you")).to_have_count(1)
    await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    await expect(page.get_by_role("button", name="Messages", exact=True)).to_have_attribute("aria-expanded", "true")


async def test_to_everyone_and_to_one(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False, server=ana_and_bo)
    await page.get_by_role("button", name="Messages").click()
    text = page.get_by_role("textbox", name="Message")
    await text.fill("Shall we start?")
    await text.press("Enter")
    await server.wait_for("send_message", lambda sent: sent == {"text": "Shall we start?"})
    await page.get_by_role("combobox", name="To").select_option("Bo Lindqvist")
    await text.fill("Are you ready?")
    await page.get_by_role("button", name="Send").click()
    await server.wait_for("send_message", lambda sent: sent == {"text": "Are you ready?", "to": ["p_2"]})
    await expect(page.get_by_role("log").get_by_text("only to Bo Lindqvist")).to_be_visible()


async def test_what_was_meant_for_somebody_who_left_goes_to_nobody(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False, server=ana_and_bo)
    await page.get_by_role("button", name="Messages").click()
    await page.get_by_role("combobox", name="To").select_option("Bo Lindqvist")
    await server.remove(server.people["p_2"])
    await expect(page.get_by_role("combobox", name="To").locator("option:checked")).to_have_text("Bo Lindqvist (left)")
    text = page.get_by_role("textbox", name="Message")
    await text.fill("A secret")
    await text.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="Bo Lindqvist has left.")).to_be_visible()
    await expect(text).to_have_value("A secret")
    assert server.asked("send_message") == []
    await server.add("Bo Lindqvist", microphone=False, camera=False)  # another id, the same person
    await text.press("Enter")
    assert (await server.wait_for("send_message"))["to"] == [next(reversed(server.people))]


async def test_a_message_that_was_not_sent_is_not_lost(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False, server=ana_and_bo)
    server.refuse["send_message"] = {"code": "rate_limited", "message": "slow down", "details": {}}
    await page.get_by_role("button", name="Messages").click()
    text = page.get_by_role("textbox", name="Message")
    await text.fill("Hello?")
    await text.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="Not sent. That was a lot in a short time.")).to_be_visible()
    await expect(text).to_have_value("Hello?")


async def test_without_the_permission_there_is_nothing_to_write_in(open_call_page: OpenCallPage) -> None:
    def silent(server: FakeServer) -> None:
        server.permissions.remove("send_message")

    page, _ = await open_call_page(devices=False, server=silent)
    await page.get_by_role("button", name="Messages").click()
    await expect(page.get_by_role("textbox", name="Message")).to_be_disabled()
