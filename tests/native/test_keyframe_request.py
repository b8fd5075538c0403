"""Many consumers, one publisher: keyframe requests are merged, throttled and repeated until one comes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.stream import KeyframeRequest

INTERVAL_US = 300_000
RETRY_US = 1_000_000


def test_nobody_wants_one():
    request = KeyframeRequest()
    assert request.deadline() is None
    assert not request.due(10**9)


def test_the_first_wish_is_sent_at_once_and_once():
    request = KeyframeRequest()
    request.wanted(50)
    request.wanted(50)
    assert request.deadline() == 50
    assert request.due(60)
    assert not request.due(60)
    assert request.sent == 1


def test_wishes_while_one_is_under_way_wait_for_the_interval():
    request = KeyframeRequest()
    request.wanted(0)
    assert request.due(0)
    request.wanted(10_000)
    request.wanted(200_000)
    assert request.deadline() == INTERVAL_US
    assert not request.due(INTERVAL_US - 1)
    assert request.due(INTERVAL_US)


def test_it_is_repeated_each_second_until_a_keyframe_comes():
    request = KeyframeRequest()
    request.wanted(0)
    assert [request.due(now) for now in (0, RETRY_US - 1, RETRY_US, 2 * RETRY_US - 1, 2 * RETRY_US)] == [
        True,
        False,
        True,
        False,
        True,
    ]
    request.arrived()
    assert request.deadline() is None
    assert not request.due(10**9)


def test_a_wish_after_a_quick_keyframe_still_keeps_the_interval():
    request = KeyframeRequest()
    request.wanted(0)
    assert request.due(0)
    request.arrived()
    request.wanted(60_000)
    assert request.deadline() == INTERVAL_US


@given(st.lists(st.tuples(st.integers(0, 400_000), st.sampled_from(["wanted", "arrived", "due"])), max_size=80))
def test_every_wish_is_served_within_the_interval_and_never_more_often(story: list[tuple[int, str]]):
    request = KeyframeRequest()
    now = 0
    sent: list[int] = []
    unserved: int | None = None  # since when
    for elapsed, action in story:
        now += elapsed
        if action == "wanted":
            request.wanted(now)
            unserved = now if unserved is None else unserved
        elif action == "arrived":
            request.arrived()
            unserved = None
        elif request.due(now):
            sent.append(now)
            unserved = None
        if unserved is not None:
            assert request.deadline() <= max(unserved, sent[-1] + INTERVAL_US if sent else 0)
    assert all(later - earlier >= INTERVAL_US for earlier, later in pairwise(sent))
