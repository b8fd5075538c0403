"""VP8 picture ids go on where they were after a switch, over every wrap."""

from __future__ import annotations

import pytest
from mediaplane.testing.stream import map_picture_id, map_tl0, switch_picture_offset

WRAPS = [(False, 2**7), (True, 2**15)]


@pytest.mark.parametrize(("wide", "modulus"), WRAPS)
def test_the_first_frame_after_a_switch_follows_the_last_one_sent(wide: bool, modulus: int):
    for last in range(modulus):
        for first_in in (0, 1, last, (last * 77 + 5) % modulus, modulus - 1):
            offset = switch_picture_offset(last, 9, first_in, 200, wide)
            assert map_picture_id(offset, first_in, wide) == (last + 1) % modulus
            assert map_tl0(offset, 200) == 10


@pytest.mark.parametrize(("wide", "modulus"), WRAPS)
def test_what_follows_counts_on_through_the_wrap(wide: bool, modulus: int):
    offset = switch_picture_offset(modulus - 3, 0, 5, 0, wide)
    assert [map_picture_id(offset, (5 + frame) % modulus, wide) for frame in range(modulus)] == [
        (modulus - 2 + frame) % modulus for frame in range(modulus)
    ]


def test_tl0_goes_on_for_every_pair():
    for last in range(256):
        for first_in in range(256):
            offset = switch_picture_offset(30_000, last, 3, first_in, True)
            assert map_tl0(offset, first_in) == (last + 1) % 256
            assert map_tl0(offset, (first_in + 1) % 256) == (last + 2) % 256
            assert map_picture_id(offset, 3, True) == 30_001, "the two offsets do not touch each other"


def test_no_offset_changes_nothing():
    assert all(map_picture_id(0, number, True) == number for number in range(2**15))
    assert all(map_tl0(0, number) == number for number in range(256))


def test_an_encoder_with_narrow_ids_goes_on_from_wide_ones():
    offset = switch_picture_offset(0x7FFF, 0, 100, 0, False)
    assert map_picture_id(offset, 100, False) == 0
