"""A packet that was just sent again is not sent again for the same NACK repeated."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.stream import ResendGuard


def test_the_same_number_waits_for_a_round_trip():
    guard = ResendGuard()
    assert guard.allow(70_000, 0, rtt_us=50_000)
    assert not guard.allow(70_000, 49_999, rtt_us=50_000)
    assert guard.allow(70_001, 49_999, rtt_us=50_000)
    assert guard.allow(70_000, 50_000, rtt_us=50_000)
    assert not guard.allow(70_000, 50_001, rtt_us=50_000), "the time counts from the last one sent"


def test_the_wait_is_at_least_10_ms():
    guard = ResendGuard()
    assert guard.allow(0, 0, rtt_us=0)
    assert not guard.allow(0, 9_999, rtt_us=0)
    assert guard.allow(0, 10_000, rtt_us=0)


@given(st.lists(st.tuples(st.integers(1_000, 1_063), st.integers(0, 5_000)), max_size=200), st.integers(0, 40_000))
def test_within_a_window_of_64_numbers_none_is_forgotten(asks: list[tuple[int, int]], rtt_us: int):
    guard = ResendGuard()
    sent: dict[int, int] = {}
    now = 0
    for number, elapsed in asks:
        now += elapsed
        expected = number not in sent or now - sent[number] >= max(rtt_us, 10_000)
        assert guard.allow(number, now, rtt_us) == expected
        if expected:
            sent[number] = now
