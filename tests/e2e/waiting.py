"""Waiting for what is only found out by asking again: statistics of a browser, above all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PERIOD_S = 0.1
TIMEOUT_S = 25.0


async def until(ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool], timeout_s: float = TIMEOUT_S) -> T:
    """The first answer that `holds`."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = await ask()
        if holds(answer):
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come true within {timeout_s:g} s; the last answer was {answer!r}")
        await asyncio.sleep(PERIOD_S)


async def settled(ask: Callable[[], Awaitable[T]], for_s: float = 1.0, timeout_s: float = TIMEOUT_S) -> T:
    """The answer once it has been the same for a while: something has stopped."""
    deadline = time.monotonic() + timeout_s
    last, since = await ask(), time.monotonic()
    while time.monotonic() - since < for_s:
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not settle within {timeout_s:g} s; the last answer was {last!r}")
        await asyncio.sleep(PERIOD_S)
        answer = await ask()
        if answer != last:
            last, since = answer, time.monotonic()
    return last
