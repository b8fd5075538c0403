"""Waits for the end of all calls."""

from __future__ import annotations

import asyncio
import contextlib

from mediasrv.rooms.events import ParticipantLeft, RoomClosed, RoomEvent
from mediasrv.rooms.registry import RoomRegistry


async def wait_until_empty(rooms: RoomRegistry, timeout_s: float) -> None:
    """Return when the last participant has left, or when the time is over."""
    left = asyncio.Event()

    def observe(event: RoomEvent) -> None:
        if isinstance(event, RoomClosed | ParticipantLeft):
            left.set()

    stop_observing = rooms.observe(observe)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while rooms.participants:
                    left.clear()
                    await left.wait()
    finally:
        stop_observing()
