"""Timestamps over switches of the encoding: they follow the capture time, or else the clock, and never go back."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.stream import RtpClock, ntp_add, ntp_difference, switch_timestamp_offset, timestamp_of

RATE = 90_000
ERA_2036 = 2**64  # where NTP seconds wrap


def signed32(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


@given(st.integers(0, 2**64 - 1), st.integers(-(2**31) * 10**6 + 1, (2**31 - 1) * 10**6))
def test_ntp_arithmetic_is_exact_to_the_microsecond_over_the_wrap_of_2036(ntp: int, us: int):
    later = ntp_add(ntp, us)
    moved = (later - ntp + 2**63) % 2**64 - 2**63
    assert abs(Fraction(moved, 2**32) - Fraction(us, 10**6)) < Fraction(1, 10**9)
    assert ntp_difference(later, ntp) == us


@given(st.integers(-(2**62), 2**62), st.sampled_from([8_000, 48_000, 65_536, 90_000]))
def test_microseconds_become_timestamps_without_overflow(us: int, rate: int):
    assert timestamp_of(us, rate) == (us * rate + 500_000) // 1_000_000 % 2**32


def test_a_clock_goes_on_from_its_last_report():
    assert RtpClock(RATE).at(10**9) == (0, 0)
    clock = RtpClock(RATE, ntp=ERA_2036 - 2**31, rtp=2**32 - 10, received_us=1_000_000)
    assert clock.at(2_000_000) == (2**31, RATE - 10)
    assert clock.at(500_000) == (ERA_2036 - 2**32, 2**32 - 10 - RATE // 2)


class Encoding:
    """A source whose timestamps start anywhere and whose sender reports name the true capture time."""

    def __init__(self, first_timestamp: int, epoch_ntp: int) -> None:
        self.first_timestamp = first_timestamp
        self.epoch_ntp = epoch_ntp

    def timestamp(self, capture_us: int) -> int:
        return (self.first_timestamp + round(Fraction(capture_us * RATE, 10**6))) % 2**32

    def clock(self, reported_us: int) -> RtpClock:
        ntp = ntp_add(self.epoch_ntp, reported_us)
        return RtpClock(RATE, ntp=ntp, rtp=self.timestamp(reported_us), received_us=reported_us + 12_345)


epochs = st.sampled_from([2**63, ERA_2036 - 5 * 2**32])  # one crosses the wrap during the story
steps = st.lists(
    st.tuples(
        st.integers(0, 2),  # encoding
        st.integers(1_000, 5_000_000),  # capture time since the frame before
        st.integers(0, 100_000),  # how long the frame is under way
        st.integers(0, 20_000_000),  # age of the sender report in use
    ),
    min_size=2,
    max_size=30,
)


@given(st.tuples(*[st.integers(0, 2**32 - 1)] * 3), epochs, steps)
def test_with_sender_reports_timestamps_are_the_capture_time(
    firsts: tuple[int, ...], epoch: int, story: list[tuple[int, int, int, int]]
):
    encodings = [Encoding(first, epoch) for first in firsts]
    capture, old, offset, last_out, last_out_us = 0, None, 0, 0, 0
    origin = 0
    for index, elapsed, delay, age in story:
        capture += elapsed
        now = max(last_out_us, capture + delay)
        encoding = encodings[index]
        timestamp_in = encoding.timestamp(capture)
        if old is None:
            origin = timestamp_in - capture * RATE // 10**6
        elif encoding is not old:
            offset = switch_timestamp_offset(
                old.clock(capture - age),
                encoding.clock(capture - age // 2),
                offset,
                timestamp_in,
                last_out,
                last_out_us,
                now,
                RATE,
            )
        out = (timestamp_in + offset) % 2**32
        if old is not None:
            assert signed32(out - last_out) > 0
        assert abs(signed32(out - origin - capture * RATE // 10**6)) < RATE // 1_000
        old, last_out, last_out_us = encoding, out, now


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 10**7), st.booleans(), st.booleans())
def test_without_both_reports_timestamps_follow_the_time_that_passed(
    timestamp_in: int, last_out: int, passed_us: int, old_known: bool, other_rate: bool
):
    known = RtpClock(48_000 if other_rate else RATE, ntp=2**63, rtp=1)
    old, new = (known, RtpClock(RATE)) if old_known else (RtpClock(RATE), known)
    offset = switch_timestamp_offset(old, new, 7, timestamp_in, last_out, 1_000, 1_000 + passed_us, RATE)
    ahead = (timestamp_in + offset - last_out) % 2**32
    assert ahead == (timestamp_of(passed_us, RATE) or RATE // 30)


def test_an_encoding_that_lags_behind_goes_on_at_once():
    old, new = Encoding(100, 2**63), Encoding(5_000, 2**63)
    last_out = old.timestamp(10_000_000)
    offset = switch_timestamp_offset(
        old.clock(0), new.clock(0), 0, new.timestamp(9_900_000), last_out, 10_000_000, 10_010_000, RATE
    )
    assert new.timestamp(9_900_000) + offset - last_out == 1


def test_clocks_of_two_machines_that_disagree_are_not_believed():
    for error in (-3_600, 3_600):
        old, new = Encoding(100, 2**63), Encoding(5_000, 2**63 + error * 2**32)
        last_out = old.timestamp(10_000_000)
        offset = switch_timestamp_offset(
            old.clock(0), new.clock(0), 0, new.timestamp(10_000_000), last_out, 10_000_000, 10_040_000, RATE
        )
        assert (new.timestamp(10_000_000) + offset - last_out) % 2**32 == RATE * 40 // 1_000


any_time = st.integers(0, 2**50)
any_32 = st.integers(0, 2**32 - 1)
any_clock = st.builds(RtpClock, st.just(RATE), st.integers(0, 2**64 - 1), any_32, any_time)


@given(any_clock, any_clock, any_32, any_32, any_32, any_time, any_time)
def test_whatever_the_clocks_say_the_line_moves_forward_and_not_too_far(
    old: RtpClock, new: RtpClock, old_offset: int, timestamp_in: int, last_out: int, last_out_us: int, now_us: int
):
    offset = switch_timestamp_offset(old, new, old_offset, timestamp_in, last_out, last_out_us, now_us, RATE)
    ahead = signed32(timestamp_in + offset - last_out)
    assert 1 <= ahead <= max(0, now_us - last_out_us) * RATE // 10**6 + RATE + 1
