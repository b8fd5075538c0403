"""How late the event loop is: the time between when it should have called something and when it did."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

EVERY_S = 0.1
WINDOW_S = 10.0


class LoopLag:
    """Measures every 100 ms while it is started. `observe` is given each lag, in seconds."""

    def __init__(self, observe: Callable[[float], None] = lambda _: None) -> None:
        self.window_s = WINDOW_S
        self._observe = observe
        self._recent: deque[float] = deque([0.0], maxlen=round(WINDOW_S / EVERY_S))
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def recent_s(self) -> float:
        """The longest of the last ten seconds."""
        return max(self._recent)

    def start(self) -> None:
        """On the running loop."""
        self._again(asyncio.get_running_loop())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + EVERY_S
        self._timer = loop.call_at(self._due, self._measure, loop)

    def _measure(self, loop: asyncio.AbstractEventLoop) -> None:
        lag_s = max(0.0, loop.time() - self._due)
        self._recent.append(lag_s)
        self._observe(lag_s)
        self._again(loop)
