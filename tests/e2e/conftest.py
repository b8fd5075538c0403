"""A real Chromium with fake devices, for every test marked `browser`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio
from chromium import CHROMIUM, WHY_NOT
from fake_server import FakeServer, StaticSite
from playwright.async_api import Browser, Page, async_playwright
from real_server import enter, room, server  # noqa: F401  (fixtures)

HERE = Path(__file__).parent
ARGUMENTS = [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream=fps=10",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


DEVICES_OFF = """
    localStorage["mediasrv.preferences"] ??= JSON.stringify({ microphoneOn: false, cameraOn: false });
"""


async def eventually(page: Page, condition: str, timeout_ms: int = 8_000) -> None:
    """Waits until a JavaScript expression holds. (`Page.wait_for_function` evaluates in the page, which its content
    security policy forbids.)
    """
    await page.evaluate(
        f"""(timeout) => new Promise((resolve, reject) => {{
            const check = () => {{
              if ({condition}) resolve();
              else if ((timeout -= 50) < 0) reject(new Error("it did not come true"));
              else setTimeout(check, 50);
            }};
            check();
        }})""",
        timeout_ms,
    )


class OpenPage(Protocol):
    """Opens a URL in a context of its own: another person with another browser."""

    def __call__(
        self, url: str, *, before: Callable[[Page], Awaitable[None]] | None = ..., **context: object
    ) -> Awaitable[Page]: ...


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "last: waits for something that takes its time while the other tests run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The hook is shown the tests of all folders; the others have browsers of their own.
    places = [
        i for i, item in enumerate(items) if item.path.is_relative_to(HERE) and item.get_closest_marker("browser")
    ]
    in_browser = sorted((items[i] for i in places), key=lambda item: item.get_closest_marker("last") is not None)
    for place, item in zip(places, in_browser, strict=True):
        # One browser serves all tests, so they share the loop that it was started on.
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        items[place] = item


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(WHY_NOT)
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """`before(page)` runs ahead of the navigation; further arguments are those of `Browser.new_context`.

    A page that throws, or that breaks its content security policy, fails the test.
    """
    contexts = []
    faults: list[str] = []

    async def open_(url: str, *, before: Callable[[Page], Awaitable[None]] | None = None, **context: object) -> Page:
        made = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **context})
        contexts.append(made)
        page = await made.new_page()
        page.set_default_timeout(8_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        if before:
            await before(page)
        await page.goto(url)
        return page

    yield open_
    for made in contexts:
        await made.close()
    assert not faults


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def static_site() -> AsyncIterator[StaticSite]:
    site = StaticSite()
    await site.start()
    yield site
    await site.stop()


@pytest.fixture
def site(static_site: StaticSite) -> StaticSite:
    """The page's files, from a server that gives tokens to everybody."""
    static_site.gives_tokens = True
    static_site.token_requests.clear()
    return static_site


class OpenCallPage(Protocol):
    """Opens the call page against a server that the test plays.

    `joined`: already in the room, as Mara. `devices`: with microphone and camera on; without them a test is faster.
    """

    def __call__(
        self,
        path: str = ...,
        *,
        joined: bool = ...,
        devices: bool = ...,
        server: Callable[[FakeServer], object] = ...,  # noqa: F811 (not the fixture)
        init_script: str = ...,
        **context: object,
    ) -> Awaitable[tuple[Page, FakeServer]]: ...


@pytest_asyncio.fixture(loop_scope="session")
async def open_call_page(open_page: OpenPage, site: StaticSite) -> AsyncIterator[OpenCallPage]:
    servers: list[FakeServer] = []

    async def open_(
        path: str = "?room=standup",
        *,
        joined: bool = True,
        devices: bool = True,
        server: Callable[[FakeServer], object] = lambda _: None,  # noqa: F811 (not the fixture)
        init_script: str = "",
        **context: object,
    ) -> tuple[Page, FakeServer]:
        async def before(page: Page) -> None:
            servers.append(FakeServer(page))
            server(servers[-1])
            await servers[-1].attach()
            await page.add_init_script(init_script if devices else DEVICES_OFF + init_script)

        page = await open_page(site.url + path, before=before, **context)
        if joined:
            await page.get_by_label("Your name").fill("Mara Sol")
            if devices:
                await eventually(page, "document.querySelector('#preview-video').readyState >= 2")
            await page.get_by_role("button", name="Join").click()
            await servers[-1].wait_for("offer")
        return page, servers[-1]

    yield open_
    for each in servers:
        each.stop()
