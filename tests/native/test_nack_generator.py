"""Which missing packets are asked for, and when: after reordering has had its chance, and not for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.stream import NackGenerator

REORDER_US = 10_000
RETRY_US = 20_000
MAX_TRIES = 10
MAX_MISSING = 256


def received(*seqs: int) -> NackGenerator:
    generator = NackGenerator()
    for seq64 in seqs:
        assert not generator.received(seq64, 0)
    return generator


def test_nothing_is_missing_before_the_first_packet_nor_in_order():
    generator = received(70_000, 70_001)
    assert generator.deadline() is None
    assert generator.due(10**9) == []


def test_a_gap_is_asked_for_after_the_time_reordering_may_take():
    generator = received(65_534, 65_537)
    assert generator.deadline() == REORDER_US
    assert generator.due(REORDER_US - 1) == []
    assert generator.due(REORDER_US) == [65_535, 0], "as they stand in the packet: modulo 2^16"


def test_three_newer_packets_are_as_good_as_the_time():
    generator = received(10, 12, 13)
    assert generator.due(0) == []
    generator.received(14, 0)
    assert generator.deadline() <= 0
    assert generator.due(0) == [11]


def test_newer_packets_are_those_that_came():
    generator = received(10, 20)
    assert generator.due(0) == [], "one packet after a burst of losses is one packet"
    generator.received(21, 0)
    generator.received(18, 0)
    assert generator.due(0) == [11, 12, 13, 14, 15, 16, 17]
    assert generator.due(REORDER_US) == [19]


def test_a_late_packet_is_not_asked_for():
    generator = received(10, 13)
    generator.received(11, 5_000)
    assert generator.due(REORDER_US) == [12]
    generator.received(12, 30_000)
    assert generator.deadline() is None
    assert generator.counters() == (1, 1, 0), "only what had been asked for counts as recovered"


def test_it_is_asked_for_again_after_a_round_trip_but_not_sooner_than_20_ms():
    generator = received(1, 3)
    assert generator.due(REORDER_US, rtt_us=5_000) == [2]
    assert generator.deadline() == REORDER_US + RETRY_US
    assert generator.due(30_000, rtt_us=90_000) == [2]
    assert generator.due(119_999, rtt_us=90_000) == []
    assert generator.due(120_000, rtt_us=90_000) == [2]


def test_it_is_given_up_after_ten_tries():
    generator = received(1, 3)
    for attempt in range(MAX_TRIES):
        assert generator.due(REORDER_US + attempt * RETRY_US) == [2]
    assert generator.due(10**9) == []
    assert generator.deadline() is None
    assert generator.counters() == (MAX_TRIES, 0, 1)


def test_what_does_not_fit_the_packet_stays_due():
    generator = received(0, 11)
    assert generator.due(REORDER_US, capacity=4) == [1, 2, 3, 4]
    assert generator.deadline() == REORDER_US
    assert generator.due(REORDER_US) == [5, 6, 7, 8, 9, 10]


def test_what_lies_before_a_keyframe_is_not_needed():
    generator = received(10, 13, 16)
    generator.keyframe(15)
    assert generator.due(REORDER_US) == [15]


def test_too_many_missing_want_a_keyframe_instead():
    generator = received(0, MAX_MISSING + 1)
    assert len(generator.missing()) == MAX_MISSING
    assert generator.received(MAX_MISSING + 3, 0)
    assert generator.missing() == []
    assert generator.counters() == (0, 0, MAX_MISSING + 1)
    assert generator.received(10**9, 0), "a jump of any size"
    assert not generator.received(10**9 + 2, 0)
    assert generator.missing() == [10**9 + 1]


@given(st.lists(st.tuples(st.integers(-20, 40), st.integers(0, 8_000), st.booleans()), max_size=120))
def test_the_list_is_what_a_set_of_missing_numbers_would_be(story: list[tuple[int, int, bool]]):
    generator = NackGenerator()
    missing: dict[int, int] = {}  # number -> tries
    seen: set[int] = set()
    highest = now = 0
    for step, elapsed, ask in story:
        now += elapsed
        seq64 = max(1, highest + step)
        wanted = generator.received(seq64, now)
        if seq64 > highest:
            if highest:
                missing |= dict.fromkeys(range(highest + 1, seq64), 0)
            highest = seq64
        missing.pop(seq64, None)
        seen.add(seq64)
        assert wanted == (len(missing) > MAX_MISSING)
        if wanted:
            missing.clear()
        if ask:
            deadline = generator.deadline()
            asked = generator.due(now, rtt_us=50_000)
            assert bool(asked) <= (deadline is not None and deadline <= now)
            assert asked == sorted(asked)
            assert not seen & set(asked), "what came is never asked for"
            for number in asked:
                missing[number] += 1
                assert missing[number] <= MAX_TRIES
        assert set(generator.missing()) <= set(missing)
        assert {number for number, tries in missing.items() if tries < MAX_TRIES} <= set(generator.missing())
        assert generator.missing() == sorted(generator.missing())
