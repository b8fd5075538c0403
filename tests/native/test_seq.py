"""Wrapping counters: every distance on the circle of sequence numbers, and the seams of timestamps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing import wire

uint16 = st.integers(0, 2**16 - 1)
uint32 = st.integers(0, 2**32 - 1)
references = st.integers(-(2**40), 2**40)


@pytest.mark.parametrize("origin", [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
def test_every_distance_from(origin: int) -> None:
    for distance in range(-0x8000, 0x8000):
        assert wire.seq16_difference((origin + distance) & 0xFFFF, origin) == distance


@pytest.mark.parametrize("reference", [0x8000, 0xFFFF, 0x10000, 0x17FFF, 0x18000, 0x1FFFF, 2**40 - 1, 2**40])
def test_every_number_unwraps_to_the_nearest(reference: int) -> None:
    for distance in range(-0x8000, 0x8000):
        assert wire.unwrap16(reference, (reference + distance) & 0xFFFF) == reference + distance


def test_a_whole_turn_and_back() -> None:
    forward = 0
    for seq64 in range(3 * 0x10000):
        forward = wire.unwrap16(forward, seq64 & 0xFFFF)
        assert forward == seq64
    for seq64 in range(3 * 0x10000, -0x10000, -1):
        forward = wire.unwrap16(forward, seq64 & 0xFFFF)
        assert forward == seq64


@pytest.mark.parametrize(
    ("value", "reference", "unwrapped"),
    [(0xFFFF, 0, -1), (0x8000, 0, -0x8000), (0x7FFF, 0, 0x7FFF), (0xFFFE, 5, -2)],
)
def test_before_the_first_number_is_negative(value: int, reference: int, unwrapped: int) -> None:
    assert wire.unwrap16(reference, value) == unwrapped


@given(uint16, uint16)
def test_the_opposite_is_older_both_ways_and_only_that(a: int, b: int) -> None:
    forth, back = wire.seq16_difference(a, b), wire.seq16_difference(b, a)
    assert (a - b - forth) % 2**16 == 0
    assert forth == back == -(2**15) if (a - b) % 2**16 == 2**15 else forth == -back


@given(uint32, st.integers(-(2**31), 2**31 - 1))
def test_timestamp_distances(origin: int, distance: int) -> None:
    assert wire.timestamp32_difference((origin + distance) & 0xFFFFFFFF, origin) == distance


@pytest.mark.parametrize("seam", [0, 2**31, 2**32, 5 * 2**32])
def test_timestamps_at_the_seams(seam: int) -> None:
    for before in range(seam - 50, seam + 50):
        for after in range(seam - 50, seam + 50):
            assert wire.unwrap32(before, after & 0xFFFFFFFF) == after


@given(references, st.integers(-(2**31), 2**31 - 1))
def test_timestamps_unwrap_to_the_nearest(reference: int, distance: int) -> None:
    assert wire.unwrap32(reference, (reference + distance) & 0xFFFFFFFF) == reference + distance


@given(references, uint16)
def test_unwrapped_keeps_its_low_bits_and_its_half_circle(reference: int, seq16: int) -> None:
    unwrapped = wire.unwrap16(reference, seq16)
    assert unwrapped & 0xFFFF == seq16
    assert -(2**15) <= unwrapped - reference < 2**15
