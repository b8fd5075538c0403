"""Who has the floor, and in which order people speak: calm where they cough and interrupt, quick where they don't."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.speakers import RANKED, SpeakerGroup

FRAME_US = 20_000
TICK_FRAMES = 5
SPEECH, SILENCE = 35, 127
CLEAR_ACTIVITY = 3 * 64


class Room:
    """Microphones that send a level each 20 ms, and a group that decides each 100 ms."""

    def __init__(self, *speakers: int) -> None:
        self.group = SpeakerGroup()
        self.frame = 1000
        self.floors: list[tuple[int, int | None]] = []
        for speaker in speakers:
            self.group.add(speaker)

    @property
    def now_us(self) -> int:
        return self.frame * FRAME_US

    def hear(self, levels: Mapping[int, int] | Callable[[int], Mapping[int, int]], frames: int) -> None:
        for position in range(frames):
            for speaker, level in (levels(position) if callable(levels) else levels).items():
                self.group.level(speaker, level, self.now_us)
            if self.frame % TICK_FRAMES == 0:
                self.group.decide(self.now_us)
                if not self.floors or self.floors[-1][1] != self.group.dominant:
                    self.floors.append((self.now_us, self.group.dominant))
            self.frame += 1


def test_nobody_has_the_floor_until_somebody_speaks():
    room = Room(1, 2)
    room.hear({1: SILENCE, 2: SILENCE}, 100)
    assert room.group.dominant is None
    assert room.group.ranking == []


def test_the_first_to_speak_has_the_floor_within_400_milliseconds():
    room = Room(1, 2)
    room.hear({1: SPEECH, 2: SILENCE}, 20)
    assert room.group.dominant == 1
    assert room.group.ranking == [1]


def test_a_click_does_not_take_the_floor():
    room = Room(1, 2)
    room.hear({1: SPEECH}, 2)
    room.hear({1: SILENCE}, 50)
    assert room.group.dominant is None
    assert room.group.ranking == []


def test_a_cough_does_not_take_it_from_who_speaks():
    room = Room(1, 2)
    room.hear({1: SPEECH}, 100)
    room.hear(lambda frame: {1: SPEECH, 2: 20 if 20 <= frame < 35 else SILENCE}, 100)
    assert room.group.dominant == 1


def test_who_interrupts_waits_for_a_pause():
    room = Room(1, 2)
    room.hear({1: SPEECH}, 100)
    room.hear({1: SPEECH, 2: 25}, 200)
    assert room.group.dominant == 1
    room.hear({1: SILENCE, 2: 25}, 15)
    assert room.group.dominant == 2


def test_the_floor_goes_to_the_next_one_within_a_second():
    room = Room(1, 2)
    room.hear({1: SPEECH, 2: SILENCE}, 200)
    start_us = room.now_us
    room.hear({1: SILENCE, 2: SPEECH}, 100)
    assert [speaker for _, speaker in room.floors] == [None, 1, 2]
    assert room.floors[-1][0] - start_us <= 1_000_000


def test_the_last_speaker_keeps_the_floor_in_silence():
    room = Room(1, 2)
    room.hear({1: SPEECH}, 100)
    room.hear({1: SILENCE, 2: SILENCE}, 500)
    assert room.group.dominant == 1
    assert room.group.ranking == []
    assert not room.group.decide(room.now_us)


def test_pauses_between_words_change_nothing():
    room = Room(1, 2)
    room.hear(lambda frame: {1: SPEECH if frame % 40 < 28 else SILENCE, 2: SILENCE}, 1000)
    assert [speaker for _, speaker in room.floors] == [None, 1]
    room.group.take_changed()
    room.hear(lambda frame: {1: SPEECH if frame % 40 < 28 else SILENCE, 2: SILENCE}, 1000)
    assert not room.group.take_changed()


def test_a_loud_fan_is_no_speaker():
    room = Room(1, 2)
    room.hear({1: 55, 2: SILENCE}, 500)
    room.hear({1: 55, 2: SPEECH}, 100)
    room.hear({1: 55, 2: SILENCE}, 300)
    assert room.group.dominant == 2
    assert 1 not in room.group.ranking


def test_who_is_muted_is_out_at_once():
    room = Room(1, 2)
    room.hear({1: SPEECH, 2: 45}, 100)
    assert set(room.group.ranking) == {1, 2}
    room.group.mute(1)
    assert room.group.ranking == [2]
    assert room.group.dominant is None
    room.hear({2: 45}, 10)
    assert room.group.dominant == 2


def test_who_leaves_is_forgotten():
    room = Room(1, 2)
    room.hear({1: SPEECH}, 100)
    room.group.remove(1)
    assert room.group.ranking == []
    assert room.group.dominant is None
    assert room.group.count == 1


def test_two_who_speak_alike_do_not_change_places():
    room = Room(1, 2)
    room.hear({1: 35, 2: 35}, 100)
    room.group.take_changed()
    before = room.group.ranking
    room.hear(lambda frame: {1: 34 + frame % 3, 2: 36 - frame % 3}, 1000)
    assert room.group.ranking == before
    assert not room.group.take_changed()


def test_the_ranking_has_room_for_the_loudest():
    speakers = range(1, RANKED + 9)
    room = Room(*speakers)
    room.hear({speaker: 50 if speaker <= RANKED else 25 for speaker in speakers}, 200)
    assert len(room.group.ranking) == RANKED
    assert set(range(RANKED + 1, RANKED + 9)) <= set(room.group.ranking)


@st.composite
def conversations(draw):
    """For each of up to six people: spans of frames, speaking or not, and how loud."""
    people = draw(st.integers(1, 6))
    spans = st.lists(st.tuples(st.integers(1, 80), st.sampled_from([SILENCE, 60, 50, 40, 30, 20])), max_size=10)
    return [draw(spans) for _ in range(people)]


@given(conversations())
def test_in_any_conversation_the_order_is_sound_and_calm(conversation):
    room = Room(*range(len(conversation)))
    levels = [[level for frames, level in spans for _ in range(frames)] for spans in conversation]
    frames = max(map(len, levels), default=0) + 100
    spoke: set[int] = set()
    for position in range(frames):
        now = {speaker: told[position] for speaker, told in enumerate(levels) if position < len(told)}
        spoke |= {speaker for speaker, level in now.items() if level != SILENCE}
        room.hear(now, 1)
        ranking = room.group.ranking
        assert len(ranking) == len(set(ranking))
        assert set(ranking) <= spoke
        assert room.group.dominant is None or room.group.dominant in spoke
        if room.frame % TICK_FRAMES == 1:  # it has just decided: nobody is clearly louder than who stands above
            heard = [room.group.activity(speaker) for speaker in ranking]
            for above, below in pairwise(heard):
                assert below <= above + (above >> 3) + CLEAR_ACTIVITY
    changes = [at for at, speaker in room.floors]
    assert all(later - earlier >= 300_000 for earlier, later in pairwise(changes[1:]))
    room.hear({}, 700)
    assert room.group.ranking == []
