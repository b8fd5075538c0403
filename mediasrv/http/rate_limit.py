"""Token buckets against floods of requests (RFC 9725 §5 asks for them on POST, PATCH and DELETE)."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from mediasrv.http.problem import HttpError


class RateLimit:
    """Allows each key `burst` requests at once and `per_second` in the long run.

    Keys are kept for the `max_keys` callers seen last; an older one starts afresh, so the table cannot be filled.
    """

    def __init__(
        self, *, burst: int, per_second: float, max_keys: int = 4096, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._max_keys = max_keys
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # key -> (tokens, as of)

    def check(self, key: Hashable) -> None:
        """Count one request of `key`; raises `HttpError` 429 if it was one too many."""
        now = self._clock()
        left, as_of = self._buckets.pop(key, (float(self._burst), now))
        left = min(self._burst, left + (now - as_of) * self._per_second)
        self._buckets[key] = (max(0.0, left - 1) if left >= 1 else left, now)
        while len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        if left < 1:
            wait_s = math.ceil((1 - left) / self._per_second)
            detail = f"too many requests; try again in {wait_s} s"
            raise HttpError(429, "rate_limited", detail, {"Retry-After": str(wait_s)})
