"""The target delay: what costs a listener least, on networks that behave in different ways."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.audio_parts import DelayEstimator

FRAME_US = 20_000
PATH_US = 30_000
MOST_US = 400_000


def after(delays_us: np.ndarray, estimator: DelayEstimator | None = None, start: int = 0) -> DelayEstimator:
    """An estimator that has seen a packet every 20 ms, each later by its delay, in order of arrival."""
    estimator = estimator or DelayEstimator()
    media = (np.arange(len(delays_us)) + start) * FRAME_US
    arrivals = media + PATH_US + delays_us.astype(np.int64)
    highest = -1
    for index in np.argsort(arrivals, kind="stable"):
        estimator.packet(int(media[index]), int(arrivals[index]), in_order=index > highest)
        highest = max(highest, index)
    return estimator


def stalling(count: int, length_us: int, every: int) -> np.ndarray:
    """Every so many packets the path stops, and lets everything go at once."""
    delays = np.zeros(count)
    for at in range(every, count, every):
        for k in range(length_us // FRAME_US):
            if at + k < count:
                delays[at + k] = length_us - k * FRAME_US
    return delays


def test_a_steady_path_needs_no_delay():
    estimator = after(np.zeros(500))
    assert estimator.base_us == PATH_US
    assert estimator.target_us == 0


def test_jitter_is_covered_up_to_what_happens_once_in_20_seconds():
    chance = np.random.default_rng(1)
    delays = chance.gamma(2.0, 2_000.0, 6_000)
    target_us = after(delays).target_us
    late_per_second = np.mean(delays - delays.min() > target_us) * 50
    assert late_per_second < 0.2
    assert target_us < 30_000


def test_stalls_that_come_often_are_covered_and_rare_ones_are_not():
    often = after(stalling(3_000, 60_000, every=200)).target_us
    rarely = after(stalling(3_000, 60_000, every=2_500)).target_us
    assert 55_000 <= often <= 62_500
    assert rarely <= 5_000, "less delay all the time is worth 60 ms concealed in 50 s"


def test_beyond_a_total_that_hinders_talking_a_stall_must_come_oftener_to_be_covered():
    seldom = stalling(3_000, 200_000, every=600)  # 12 s
    constantly = stalling(3_000, 200_000, every=100)  # 2 s
    assert after(seldom).target_us < 100_000
    assert after(constantly).target_us > 150_000


def test_a_longer_path_is_another_base_and_not_more_spread():
    estimator = after(np.zeros(1_000))
    after(np.full(200, 100_000), estimator, start=1_000)
    assert estimator.base_us == PATH_US + 100_000
    assert estimator.target_us <= 10_000
    after(np.zeros(5), estimator, start=1_200)
    assert estimator.base_us == PATH_US, "a shorter one is seen at once"


def test_a_packet_overtaken_by_others_makes_nobody_wait_longer_than_it_takes():
    delays = np.zeros(3_000)
    delays[::100] = 190_000
    estimator = after(delays)
    saved = estimator.cost(PATH_US + 100_000) - estimator.cost(PATH_US + 165_000)
    assert saved < 0, "up to 170 ms it is as well not waited for"
    assert estimator.cost(PATH_US + 192_500) < estimator.cost(PATH_US + 165_000)


def test_holes_are_worth_a_look_ahead():
    with_holes, without = DelayEstimator(), DelayEstimator()
    for index in range(2_000):
        for estimator, hole_us in ((with_holes, 20_000 if index % 50 == 0 else 0), (without, 0)):
            estimator.packet(index * FRAME_US, index * FRAME_US + PATH_US, hole_us=hole_us)
    assert without.target_us == 0
    assert with_holes.target_us == 20_000


def test_what_was_long_ago_is_forgotten():
    estimator = after(stalling(3_000, 60_000, every=150))
    assert estimator.target_us > 50_000
    after(np.zeros(6_000), estimator, start=3_000)
    assert estimator.target_us == 0


def test_another_clock_keeps_the_spread():
    estimator = after(stalling(3_000, 60_000, every=150))
    target_us = estimator.target_us
    estimator.rebase()
    estimator.packet(10**12, 60_200_000)
    assert estimator.target_us == target_us
    assert estimator.base_us == 60_200_000 - 10**12


@pytest.mark.parametrize("shape", [np.zeros, lambda count: np.linspace(0, 300_000, count)])
def test_the_base_follows_drift_of_either_sign(shape: Callable[[int], np.ndarray]):
    for sign in (1, -1):
        estimator = after(sign * shape(3_000))
        assert abs(estimator.base_us - PATH_US - sign * shape(3_000)[-1]) < 8_000
        assert estimator.target_us <= 10_000


any_time = st.integers(-(10**13), 10**13)


@given(st.lists(st.tuples(any_time, any_time, st.booleans(), st.integers(0, 120_000)), max_size=60))
def test_whatever_the_times_are_the_target_stays_within_bounds(packets: list[tuple[int, int, bool, int]]):
    estimator = DelayEstimator()
    for media_us, now_us, in_order, duration_us in packets:
        estimator.packet(media_us, now_us, in_order=in_order, duration_us=duration_us, hole_us=duration_us // 2)
        assert 0 <= estimator.target_us <= MOST_US
        assert estimator.cost(estimator.base_us + estimator.target_us) >= 0
