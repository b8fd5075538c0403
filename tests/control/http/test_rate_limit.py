"""The token buckets against floods."""

from __future__ import annotations

import pytest

from mediasrv.http.problem import HttpError
from mediasrv.http.rate_limit import RateLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_the_rate():
    clock = Clock()
    limit = RateLimit(burst=3, per_second=0.5, clock=clock)
    for _ in range(3):
        limit.check("a")
    with pytest.raises(HttpError) as caught:
        limit.check("a")
    assert caught.value.status == 429
    assert caught.value.headers["Retry-After"] == "2"
    limit.check("b")
    clock.now += 2
    limit.check("a")
    with pytest.raises(HttpError):
        limit.check("a")


def test_the_table_is_bounded():
    limit = RateLimit(burst=1, per_second=1, max_keys=100, clock=Clock())
    for number in range(1000):
        limit.check(number)
    assert len(limit._buckets) == 100
