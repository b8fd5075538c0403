"""The index estimate and the replay window, against a model that remembers everything."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.testing.srtp import ReplayWindow

WINDOW = 1024
MAX_INDEX = 2**48 - 1

# Moves relative to the highest index: around it, around the edges of the window, and far away.
moves = st.lists(
    st.integers(-40, 40) | st.integers(-WINDOW - 5, -WINDOW + 5) | st.integers(-3000, 3000) | st.integers(0, 2**20),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(start=st.integers(0, 200_000) | st.integers(0, MAX_INDEX // 2), moves=moves)
def test_a_packet_passes_once_and_only_while_it_is_young_enough(start: int, moves: list[int]) -> None:
    window, accepted, highest = ReplayWindow(), set[int](), start
    assert window.accepts(start)
    for move in [0, *moves]:
        index = max(0, highest + move)
        expected = index not in accepted and index > highest - WINDOW
        assert window.accepts(index) == expected
        if expected:
            window.commit(index)
            accepted.add(index)
            highest = max(highest, index)
            assert not window.accepts(index)
    assert window.highest_index == highest
    for index in range(max(0, highest - WINDOW - 2), highest + 3):
        assert window.accepts(index) == (index not in accepted and index > highest - WINDOW)


def nearest(highest: int, seq16: int) -> set[int]:
    """The indices with these low bits that are closest to the highest one; two when they are equally far."""
    candidates = [(highest & ~0xFFFF) + turn * 0x10000 + seq16 for turn in (-1, 0, 1)]
    candidates = [index for index in candidates if index >= 0]
    distance = min(abs(index - highest) for index in candidates)
    return {index for index in candidates if abs(index - highest) == distance}


@settings(max_examples=500, deadline=None)
@given(highest=st.integers(0, 300_000) | st.integers(0, MAX_INDEX - 0x10000), seq16=st.integers(0, 0xFFFF))
def test_the_estimate_is_the_nearest_index(highest: int, seq16: int) -> None:
    window = ReplayWindow()
    window.commit(highest)
    assert window.estimate(seq16) in nearest(highest, seq16)


@pytest.mark.parametrize(
    ("highest", "seq16", "expected"),
    [
        (0xFFFF, 0x0000, 0x1_0000),  # the turn
        (0x1_0000, 0xFFFF, 0xFFFF),  # and a straggler from before it
        (0x0005, 0xFFFF, 0xFFFF),  # there is no turn before the first
        (0x1_8000, 0x0000, 0x1_0000),  # half a turn: RFC 3711 stays with the counter
        (0x1_8001, 0x0000, 0x2_0000),
        (0x1_7FFF, 0xFFFF, 0x1_FFFF),
        (0x1_7FFE, 0xFFFF, 0xFFFF),
    ],
)
def test_the_estimate_at_the_turns(highest: int, seq16: int, expected: int) -> None:
    window = ReplayWindow()
    window.commit(highest)
    assert window.estimate(seq16) == expected


@pytest.mark.parametrize("seq16", [0, 1, 0x7FFF, 0x8000, 0xFFFF])
def test_the_first_packet_belongs_to_rollover_0(seq16: int) -> None:
    window = ReplayWindow()
    assert window.highest_index is None
    assert window.estimate(seq16) == seq16
