"""How long a worker waits for more packets: never when idle, never beyond the bound, and only while it pays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.plane_parts import Linger

BOUND_US = 2000
Wait = tuple[int, int, bool]


def lingering(load: float, bound_us: int = BOUND_US) -> Linger:
    """Of a worker that has been busy for this share of a second."""
    linger = Linger(bound_us)
    for step in range(1, 51):
        linger.measure(round(20_000 * (1 - load)), step * 20_000)
    return linger


def live(linger: Linger, sources: list[tuple[int, int]], waits: int = 2000) -> list[Wait]:
    """Let it wait for packets that come (after the first one of the batch, each with so much on average)."""
    carried = [0.0 for _ in sources]
    done = []
    for _ in range(waits):
        wait = linger.next(slept_us=1000)
        done.append(wait)
        if not wait[1]:
            continue
        came = 0
        for index, (after_us, every_us) in enumerate(sources):
            begin, end = max(wait[0], after_us), sum(wait[:2])
            if every_us:
                carried[index] += max(end - begin, 0) / every_us
                came += int(carried[index])
                carried[index] %= 1
            else:
                came += wait[0] <= after_us < end
        linger.learn(wait, came)
    return done


def test_an_idle_worker_does_not_wait() -> None:
    assert lingering(load=0).next(1000) == (0, 0, False)


def test_a_bound_of_0_is_never() -> None:
    assert set(live(lingering(load=0.9, bound_us=0), [(0, 100)])) == {(0, 0, False)}


def test_who_found_packets_at_once_takes_them_at_once() -> None:
    assert lingering(load=0.9).next(slept_us=5) == (0, 0, False)


def test_steady_sources_are_worth_the_whole_bound() -> None:
    """A thousand packets of audio in a second: one more in each millisecond of waiting."""
    waits = live(lingering(load=0.1), [(0, 1000)])
    assert sum(waits[-1][:2]) == BOUND_US


def test_a_burst_is_worth_no_more_than_it_takes() -> None:
    """A frame: six packets within 20 us, and then nothing for 10 ms."""
    waits = live(lingering(load=0.2), [(after_us, 0) for after_us in (4, 8, 12, 16, 20)])
    longest = [sum(wait[:2]) for wait in waits[-200:] if not wait[2]]
    assert max(longest) <= 64


def test_looks_as_far_as_the_bound_stay_below_the_99th_percentile() -> None:
    waits = live(lingering(load=0.2), [])
    assert sum(wait[2] for wait in waits) < len(waits) / 100


def test_waits_become_short_again_when_the_sources_fall_silent() -> None:
    linger = lingering(load=0.1)
    assert sum(live(linger, [(0, 1000)])[-1][:2]) == BOUND_US
    assert max(sum(wait[:2]) for wait in live(linger, [])[-200:] if not wait[2]) <= 64


@pytest.mark.parametrize(("load", "share"), [(0.01, 0.32), (0.015, 0.48), (0.03, 1)])
def test_the_load_is_a_part_of_the_bound(load: float, share: float) -> None:
    waits = live(lingering(load), [(0, 200)])
    assert max(sum(wait[:2]) for wait in waits) == pytest.approx(BOUND_US * share, rel=0.15)


@given(
    st.integers(0, 20_000),
    st.floats(0, 1),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 50)), max_size=300),
)
def test_no_wait_is_longer_than_the_bound(bound_us: int, load: float, rounds: list[tuple[int, int]]) -> None:
    linger = lingering(load, bound_us)
    for slept_us, packets in rounds:
        wait = linger.next(slept_us)
        assert min(wait[:2]) >= 0
        assert sum(wait[:2]) <= bound_us
        if wait[1]:
            linger.learn(wait, packets)
