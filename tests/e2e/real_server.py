"""Fixtures: a real server, and people who call each other through it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from person import Person
from server_process import ServerProcess, check_journal

RPC_TAP = Path(__file__).with_name("rpc_tap.js")

_rooms = itertools.count(1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[ServerProcess]:
    """One for all tests; each has a room of its own."""
    running = await ServerProcess.start()
    yield running
    assert await running.stop() == 0
    assert not running.faults
    check_journal(running.journal)


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    return f"room {next(_rooms)}"


class Enter(Protocol):
    """Brings somebody into the test's room, with microphone and camera on.

    `devices`: False for joining without. `grants`: instead of everything that people do in a call. `joined`: False to
    stop at the filled form. `on`: another server than the one that all tests share.
    """

    def __call__(
        self,
        name: str,
        *,
        devices: bool = ...,
        grants: tuple[str, ...] = ...,
        joined: bool = ...,
        token: str | None = ...,
        on: ServerProcess | None = ...,
        **context: object,
    ) -> Awaitable[Person]: ...


@pytest_asyncio.fixture(loop_scope="session")
async def enter(open_page, server: ServerProcess, room: str) -> Enter:  # type: ignore[no-untyped-def]
    # Not imported: conftest imports this module.
    from conftest import DEVICES_OFF

    async def enter_(
        name: str,
        *,
        devices: bool = True,
        grants: tuple[str, ...] = (),
        joined: bool = True,
        token: str | None = None,
        on: ServerProcess | None = None,
        **context: object,
    ) -> Person:
        at = on or server

        async def before(page) -> None:  # type: ignore[no-untyped-def]
            page.set_default_timeout(20_000)
            await page.add_init_script(path=RPC_TAP)
            if not devices:
                await page.add_init_script(DEVICES_OFF)

        fragment = urlencode({"token": token or at.token(name, room, *grants)}, quote_via=quote)
        page = await open_page(f"{at.url}#{fragment}", before=before, **context)
        person = Person(page, name)
        if joined:
            await (person.join_with_devices() if devices else person.join())
        return person

    return enter_
