"""The packets of an encoding that may be sent again: bounded in bytes, in age and in touched memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.testing.stream import RetransmissionBuffer

SEGMENT = 8192
MAX_AGE_US = 1_000_000


def packet(seq64: int, size: int) -> bytes:
    return seq64.to_bytes(8, "big") * (size // 8) + bytes(size % 8)


def test_a_stored_packet_is_found_until_it_is_too_old():
    buffer = RetransmissionBuffer(256, 1 << 20, MAX_AGE_US)
    buffer.store(70_000, b"payload", 5)
    assert buffer.find(70_000, 5 + MAX_AGE_US) == b"payload"
    assert buffer.find(70_000, 6 + MAX_AGE_US) is None
    assert buffer.find(70_256, 5) is None, "another number of the same index entry"
    assert buffer.find(0, 5) is None, "an empty entry is no packet 0"


def test_sizes_are_rounded_up_to_what_the_index_and_the_segments_need():
    buffer = RetransmissionBuffer(1000, 5 * SEGMENT - 1, MAX_AGE_US)
    assert (buffer.index_size, buffer.arena_size) == (1024, 5 * SEGMENT)
    assert RetransmissionBuffer(0, 0, MAX_AGE_US).arena_size == 3 * SEGMENT


def test_absurd_sizes_are_refused():
    with pytest.raises(Exception, match="memory"):
        RetransmissionBuffer(1 << 31, 1 << 20, MAX_AGE_US)
    with pytest.raises(Exception, match="memory"):
        RetransmissionBuffer(256, (1 << 32) - 1, MAX_AGE_US)


def test_a_packet_that_does_not_fit_a_segment_is_refused_and_counted():
    buffer = RetransmissionBuffer(256, 1 << 20, MAX_AGE_US)
    assert buffer.store(1, bytes(SEGMENT), 0) == 0
    assert buffer.store(2, bytes(SEGMENT + 1), 0) is None
    assert buffer.store(3, b"", 0) is None
    assert (buffer.stored, buffer.refused) == (1, 2)
    assert buffer.find(2, 0) is None


def test_a_duplicate_takes_the_place_of_the_first():
    buffer = RetransmissionBuffer(256, 1 << 20, MAX_AGE_US)
    buffer.store(9, b"first", 0)
    buffer.store(9, b"again", 10)
    assert buffer.find(9, 10) == b"again"


def test_memory_follows_the_bitrate():
    """A packet of 1,000 bytes each 10 ms is 100 kB in the second that is kept: a small part of the arena."""
    buffer = RetransmissionBuffer(1024, 4 << 20, MAX_AGE_US)
    for number in range(20_000):
        buffer.store(number, packet(number, 1000), number * 10_000)
    assert buffer.high_water < 100_000 * 8192 / 8000 + 2 * SEGMENT
    newest = 19_999
    assert all(
        buffer.find(number, newest * 10_000) == packet(number, 1000) for number in range(newest - 100, newest + 1)
    )


def test_a_burst_takes_fresh_space_before_it_overwrites_what_is_young():
    buffer = RetransmissionBuffer(1024, 64 * SEGMENT, MAX_AGE_US)
    for number in range(150):  # slow, until the first segments are used again
        buffer.store(number, packet(number, 1000), number * 20_000)
    now = 149 * 20_000
    young = [number for number in range(150) if buffer.find(number, now)]
    for number in range(150, 500):  # a keyframe, all at once
        buffer.store(number, packet(number, 1000), now)
    assert all(buffer.find(number, now) == packet(number, 1000) for number in young)
    assert all(buffer.find(number, now) == packet(number, 1000) for number in range(150, 500))


def test_when_all_is_full_the_oldest_is_overwritten_and_no_longer_found():
    buffer = RetransmissionBuffer(1024, 3 * SEGMENT, MAX_AGE_US)
    for number in range(100):
        buffer.store(number, packet(number, 2048), 0)
        found = [buffer.find(stored, 0) for stored in range(number + 1)]
        lost = found.count(None)
        assert not any(found[:lost]), "the oldest first"
        assert found[lost:] == [packet(stored, 2048) for stored in range(lost, number + 1)]
        assert number + 1 - lost >= min(number + 1, 9), "two segments and what is in the third"
    assert buffer.high_water == 3 * SEGMENT


def test_a_segment_whose_packets_are_all_too_old_is_filled_again():
    buffer = RetransmissionBuffer(1024, 64 * SEGMENT, MAX_AGE_US)
    for number in range(100):
        buffer.store(number, packet(number, 2048), number * 2 * MAX_AGE_US)
        assert buffer.find(number, number * 2 * MAX_AGE_US) == packet(number, 2048)
    assert buffer.high_water <= 2 * SEGMENT


stores = st.lists(
    st.tuples(
        st.integers(-3, 3),  # how far from the next number: late, duplicate, after a loss
        st.one_of(st.integers(1, SEGMENT // 4), st.sampled_from([1200, SEGMENT // 4])),  # size
        st.sampled_from([0, 0, 0, 0, 1_000, 50_000, 300_000]),  # time since the one before
    ),
    max_size=200,
)


@settings(max_examples=150)
@given(stores, st.integers(0, 6 * SEGMENT))
def test_bytes_hold_as_long_as_promised(story: list[tuple[int, int, int]], arena_size: int):
    buffer = RetransmissionBuffer(128, arena_size, MAX_AGE_US)
    kept: list[tuple[int, int, bytes, int, int]] = []  # number, offset, bytes, when, bytes stored before and with it
    by_entry: dict[int, int] = {}
    now = total = number = 0
    for step, size, elapsed in story:
        number = max(0, number + 1 + step)
        now += elapsed
        total += size
        data = (total % 251).to_bytes(1, "big") * size
        offset = buffer.store(number, data, now)
        kept.append((number, offset, data, now, total))
        by_entry[number % 128] = len(kept) - 1
        for place, (seq64, at, expected, received, stored) in enumerate(kept):
            promised = now - received <= MAX_AGE_US and total - stored <= buffer.arena_size // 2
            if promised:
                assert buffer.arena(at, len(expected)) == expected
            if by_entry[seq64 % 128] == place:
                found = buffer.find(seq64, now)
                assert found == expected if promised else found in (None, expected), "never the bytes of another"
    assert buffer.high_water <= buffer.arena_size
    assert buffer.stored == len(kept)
