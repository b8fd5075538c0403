"""The page without a mouse, and without eyes."""

from __future__ import annotations

import pytest
from conftest import OpenCallPage
from playwright.async_api import Page, expect

pytestmark = pytest.mark.browser

NAMELESS = """() => [...document.querySelectorAll("button, input, select, textarea, meter, video:not([aria-hidden])")]
  .filter((control) => control.checkVisibility())
  .filter((control) => !(control.getAttribute("aria-label") || control.labels?.length || control.innerText?.trim()))
  .map((control) => control.outerHTML)"""


async def tab_stops(page: Page, count: int) -> list[str]:
    stops = []
    for _ in range(count):
        await page.keyboard.press("Tab")
        stops.append(await page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.id"))  # fmt: skip
    return stops


async def test_every_control_has_a_name(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(joined=False, devices=False)
    await page.locator("summary").click()
    assert await page.evaluate(NAMELESS) == []
    await page.get_by_label("Your name").fill("Mara Sol")
    await page.get_by_role("button", name="Join").click()
    await server.wait_for("offer")
    await server.add("Ana Pires")
    await page.get_by_role("button", name="Messages").click()
    assert await page.evaluate(NAMELESS) == []
    await page.get_by_role("button", name="Devices").click()
    assert await page.evaluate(NAMELESS) == []


async def test_single_keys_switch_microphone_camera_and_screen(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page()
    for key, name, pressed in (("m", "Microphone", "false"), ("c", "Camera", "false"), ("s", "Share screen", "true")):
        await page.keyboard.press(key)
        await expect(page.get_by_role("button", name=name, exact=True)).to_have_attribute("aria-pressed", pressed)
    await page.get_by_role("button", name="Messages").click()
    await page.keyboard.type("mcs")  # now they are letters
    await expect(page.get_by_role("textbox", name="Message")).to_have_value("mcs")
    assert len(server.asked("unmute")) == 0


async def test_the_tab_key_goes_through_the_controls_in_their_order(open_call_page: OpenCallPage) -> None:
    page, _ = await open_call_page(devices=False)
    await expect(page.get_by_role("heading", name="standup")).to_be_focused()
    assert await tab_stops(page, 8) == [
        "Show Mara Sol (you) large", "Microphone", "Camera", "Share screen", "Leave the call",
        "Participants (1)", "Messages", "Devices",
    ]  # fmt: skip


async def test_a_panel_takes_the_focus_and_gives_it_back(open_call_page: OpenCallPage) -> None:
    page, _ = await open_call_page(devices=False)
    button = page.get_by_role("button", name="Messages")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("complementary")).to_be_hidden()
    await expect(button).to_be_focused()


async def test_the_focus_is_seen_and_motion_is_spared(open_call_page: OpenCallPage) -> None:
    page, _ = await open_call_page(devices=False, reduced_motion="reduce")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    assert await page.evaluate("getComputedStyle(document.querySelector('.spinner')).animationDuration") == "0.001s"


async def test_a_tile_can_be_pinned_from_the_keyboard(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False)
    await server.add("Ana Pires", camera=False)
    pin = page.get_by_role("button", name="Show Ana Pires large")
    await pin.focus()
    await page.keyboard.press("Enter")
    await expect(pin).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#grid")).to_have_attribute("data-layout", "stage-right")
    await expect(pin).to_be_focused()


async def test_nothing_overflows_a_phone(open_call_page: OpenCallPage) -> None:
    page, server = await open_call_page(devices=False, viewport={"width": 360, "height": 640})
    await server.add("Ana Pires", camera=False)
    for name in ("Participants (2)", "Close", "Messages", "Close"):
        await page.get_by_role("button", name=name).first.click()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    for button in await page.locator(".controls button").all():
        box = await button.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert box["width"] >= 40
        assert box["height"] >= 40
