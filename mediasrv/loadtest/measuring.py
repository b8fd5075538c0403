"""A window of a running load: what everybody has counted at its beginning and at its end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mediasrv.loadtest.crowd import Crowd
from mediasrv.loadtest.server_process import UNKNOWN, Usage, usage
from mediasrv.loadtest.snapshot import Snapshot
from mediasrv.loadtest.watcher import Watcher

SETTLE_S = 1.5  # keyframes of the last joins, first reports
QUIET_S = 0.5  # without a packet: nothing is under way any more
DRAIN_LIMIT_S = 30.0
TICK_S = 0.25

Counters = Callable[[], Awaitable[dict[str, int]]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment. `counters`: of the server's media plane, where they can be had."""

    time_s: float
    snapshot: Snapshot
    server: Usage = UNKNOWN
    counters: dict[str, int] = field(default_factory=dict)


async def no_counters() -> dict[str, int]:
    return {}


class Measurement:
    """Looks at a crowd and at the server's process `pid`, if that is known."""

    def __init__(self, crowd: Crowd, pid: int | None, counters: Counters = no_counters) -> None:
        self._crowd = crowd
        self._pid = pid
        self._counters = counters

    async def sample(self) -> Sample:
        counters = await self._counters()
        # The two whose quotient matters are taken next to each other.
        server = usage(self._pid)
        return Sample(time.monotonic(), self._crowd.snapshot(), server, counters)

    async def window(self, seconds: float, watcher: Watcher) -> tuple[Sample, Sample]:
        """Raises `LoadTestError` when a peer loses its connection or the server ends."""
        await self._pass("settling", min(SETTLE_S, seconds), watcher)
        before = await self.sample()
        await self._pass("measuring", seconds, watcher)
        after = await self.sample()
        self._crowd.check_connected()
        return before, after

    async def _pass(self, name: str, seconds: float, watcher: Watcher) -> None:
        """Let time go by, and tell about it."""
        watcher.phase(name, seconds)
        started = last = time.monotonic()
        totals = self._crowd.totals()
        while (left := started + seconds - last) > 0:
            await asyncio.sleep(min(TICK_S, left))
            now = time.monotonic()
            current = self._crowd.totals()
            watcher.advance(min(now - started, seconds), _rate(totals, current, now - last))
            totals, last = current, now

    async def drain(self, watcher: Watcher) -> Snapshot:
        """The sources stop, and what is under way arrives. Reports and checks go on, so it is packets that count."""
        watcher.phase("draining", QUIET_S)
        self._crowd.stop_media()
        deadline = time.monotonic() + DRAIN_LIMIT_S
        before = -1
        while (arrived := self._crowd.totals()["packets"]) != before and time.monotonic() < deadline:
            before = arrived
            await asyncio.sleep(QUIET_S)
        return self._crowd.snapshot()


def _rate(before: Counter[str], after: Counter[str], seconds: float) -> str:
    lost = f", {after['lost']:,} lost" if after["lost"] else ""
    return f"{(after['packets'] - before['packets']) / seconds:,.0f} packets/s{lost}"
