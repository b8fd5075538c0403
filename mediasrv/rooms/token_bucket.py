"""How often is too often."""

from __future__ import annotations

from collections.abc import Callable


class TokenBucket:
    """Lets `burst` events through at once and `rate` a second in the long run. `monotonic` gives seconds."""

    __slots__ = ("_burst", "_filled_at", "_level", "_monotonic", "_rate")

    def __init__(self, rate: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._level = float(burst)
        self._filled_at = monotonic()

    def take(self) -> float:
        """0 and one token less, or the seconds until there is one."""
        now = self._monotonic()
        self._level = min(self._burst, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._level < 1:
            return (1 - self._level) / self._rate
        self._level -= 1
        return 0
