"""How much one source speaks: from audio levels alone, on three time scales, above its own noise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.speakers import SpeechActivity

FRAME_US = 20_000
START_US = 1_000_000
SPEECH, NOISE, SILENCE = 35, 70, 127
NOBODY = -23_025  # the logarithm of the least likelihood, in thousandths


def told(levels: list[int], *, every: int = 1, start_us: int = START_US) -> SpeechActivity:
    """A source that told these levels, one in `every` frames."""
    source = SpeechActivity()
    for position, level in enumerate(levels):
        source.level(level, start_us + position * every * FRAME_US)
    return source


def test_a_new_source_is_silent():
    assert SpeechActivity().spans == (0, 0, 0)
    assert SpeechActivity().scores == (NOBODY, NOBODY, NOBODY)


def test_speech_fills_the_spans_one_after_the_other():
    assert told([SPEECH]).spans == (13, 1, 0)
    assert told([SPEECH] * 5).spans == (13, 5, 1)
    assert told([SPEECH] * 25).spans == (13, 5, 5)
    assert told([SPEECH] * 50).spans == (13, 5, 10)


def test_a_cough_is_short_speech():
    source = told([SPEECH] * 10)
    source.advance(START_US + 700_000)
    assert source.spans == (0, 0, 2)
    source.advance(START_US + 2_000_000)
    assert source.spans == (0, 0, 0)


def test_who_sends_nothing_is_silent_after_60_milliseconds():
    source = told([SPEECH] * 50)
    source.advance(START_US + 51 * FRAME_US)
    assert source.spans[0] == 13
    source.advance(START_US + 52 * FRAME_US)
    assert source.spans[0] == 0


def test_packets_of_60_milliseconds_are_as_good_as_of_20():
    source = told([SPEECH] * 18, every=3)
    source.advance(START_US + 53 * FRAME_US)
    assert source.spans == (13, 5, 10)


def test_a_steady_noise_is_no_speech_however_loud_a_room_it_is():
    source = told([60] * 500)
    assert source.spans == (0, 0, 0)
    # But somebody who speaks in it does.
    for position in range(500, 550):
        source.level(35, START_US + position * FRAME_US)
    assert source.spans[1:] == (5, 10)


def test_who_speaks_without_a_pause_does_not_become_noise():
    source = told([SPEECH] * 3000)  # a minute
    assert source.spans == (5, 5, 10)


def test_digital_silence_says_nothing_of_the_noise():
    source = told([60] * 500)
    before = source.floor
    for position in range(500, 600):
        source.level(SILENCE, START_US + position * FRAME_US)
    assert 37 <= source.floor < before
    source.level(127, START_US + 601 * FRAME_US)
    assert source.floor == 37


def test_two_levels_in_one_frame_count_as_the_louder():
    source = SpeechActivity()
    source.level(SILENCE, START_US)
    source.level(SPEECH, START_US + 1000)
    source.level(SILENCE, START_US + 2000)
    assert source.spans == (13, 1, 0)


def test_silenced_means_silent_at_once():
    source = told([SPEECH] * 50)
    source.silence()
    assert source.spans == (0, 0, 0)
    assert source.activity_now == 0


def test_activity_rises_faster_than_it_falls():
    source = told([SPEECH] * 15)
    loud = source.activity_now
    assert loud > 0.8 * 64 * (127 - SPEECH - 37)
    source.advance(START_US + 30 * FRAME_US)
    assert source.activity_now > loud * 0.8


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=200))
def test_whatever_is_told_the_numbers_stay_within_their_bounds(steps):
    source, now_us = SpeechActivity(), START_US
    for milliseconds, level in steps:
        now_us += milliseconds * 1000
        source.level(level, now_us)
        bands, medium, blocks = source.spans
        assert 0 <= bands <= 13
        assert 0 <= medium <= 5
        assert 0 <= blocks <= 10
        assert 0 <= source.activity_now <= 90 * 64
        assert 37 <= source.floor <= 77
        assert all(NOBODY <= score <= 7000 for score in source.scores)


@given(st.lists(st.integers(0, 127), max_size=100), st.integers(0, 10**9))
def test_time_passing_in_small_steps_or_one_is_the_same(levels, later_us):
    one, other = told(levels), told(levels)
    later_us %= 20_000_000
    end_us = START_US + len(levels) * FRAME_US + later_us
    one.advance(end_us)
    for now_us in range(START_US + len(levels) * FRAME_US, end_us, 90_000):
        other.advance(now_us)
    other.advance(end_us)
    assert one.spans == other.spans
    assert abs(one.activity_now - other.activity_now) <= 64  # what ten seconds leave of it counts as nothing


@given(st.integers(0, 127))
def test_the_louder_of_two_levels_never_counts_less(level):
    if level:
        assert told([level - 1] * 30).activity_now >= told([level] * 30).activity_now
