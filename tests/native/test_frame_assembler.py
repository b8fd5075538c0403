"""Frames come out whole, in order and at once; what is missing is waited for, but not for long."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.testing.video import HOLE_US, WINDOW, FrameAssembler

NO, YES = 1, 2
FIRST = 70_000  # in the second round of the 16-bit numbers
FRAME_TICKS = 3_000


class Sender:
    """Frames of `size` packets, the first of which is a keyframe, each packet `1 ms` after the other."""

    def __init__(self, *sizes: int, marker: bool = True) -> None:
        self.packets: list[tuple[int, int, bool, bool]] = []
        for index, size in enumerate(sizes):
            for position in range(size):
                self.packets.append(
                    (FIRST + len(self.packets), index * FRAME_TICKS, marker and position == size - 1, index == 0)
                )

    def insert(self, assembler: FrameAssembler, *positions: int, now_us: int = 0) -> list[bool]:
        taken = []
        for position in positions:
            seq64, timestamp, marker, keyframe = self.packets[position]
            taken.append(assembler.insert(seq64, timestamp, marker, now_us, keyframe=keyframe))
        return taken


def numbers(frames: list[tuple[int, int, int, bool, bool]]) -> list[tuple[int, int]]:
    return [(first - FIRST, last - FIRST) for first, last, *_ in frames]


def test_a_frame_comes_out_with_its_last_packet() -> None:
    assembler, sender = FrameAssembler(), Sender(3, 2)
    sender.insert(assembler, 0, 1)
    assert assembler.take(0) == []
    sender.insert(assembler, 2)
    assert assembler.take(0) == [(FIRST, FIRST + 2, 0, True, True)]
    sender.insert(assembler, 3, 4)
    assert assembler.take(0) == [(FIRST + 3, FIRST + 4, FRAME_TICKS, False, True)]
    assert assembler.deadline() is None


def test_without_markers_the_next_frame_ends_the_one_before() -> None:
    assembler, sender = FrameAssembler(), Sender(2, 2, 1, marker=False)
    sender.insert(assembler, 0, 1)
    assert assembler.take(0) == []
    sender.insert(assembler, 2)
    assert numbers(assembler.take(0)) == [(0, 1)]
    sender.insert(assembler, 3, 4)
    assert numbers(assembler.take(0)) == [(2, 3)]


def test_a_complete_frame_waits_for_an_older_one() -> None:
    assembler, sender = FrameAssembler(), Sender(2, 1, 1)
    sender.insert(assembler, 0, 2, 3)
    assert assembler.take(0) == []
    sender.insert(assembler, 1)
    assert numbers(assembler.take(0)) == [(0, 1), (2, 2), (3, 3)]


def test_what_is_missing_is_asked_for_once_reordering_had_its_chance() -> None:
    assembler, sender = FrameAssembler(), Sender(3)
    sender.insert(assembler, 0, 2)
    assert assembler.missing(0) == []
    assert assembler.missing(10_000) == [(FIRST + 1) & 0xFFFF]
    sender.insert(assembler, 1, now_us=30_000)
    assert assembler.missing(90_000) == []
    assert numbers(assembler.take(30_000)) == [(0, 2)]


def test_a_hole_is_given_up_in_time_and_one_keyframe_is_asked_for() -> None:
    assembler, sender = FrameAssembler(), Sender(1, 3, 2, 1)
    sender.insert(assembler, 0)
    assembler.take(0)
    sender.insert(assembler, 1, 3, 4, 5, now_us=1_000)
    assert assembler.deadline() == 1_000 + HOLE_US
    assert assembler.take(1_000 + HOLE_US - 1) == []
    assert not assembler.take_keyframe_request()
    given_up = assembler.take(1_000 + HOLE_US)
    assert numbers(given_up) == [(4, 5)]
    assert not given_up[0][4], "a decoder has not seen what it refers to"
    assert assembler.take_keyframe_request()
    sender.insert(assembler, 6, now_us=200_000)
    assert numbers(assembler.take(200_000)) == [(6, 6)]
    assert not assembler.take_keyframe_request(), "asked once"
    assert assembler.counters() == {
        "frames": 3,
        "keyframe_requests": 1,
        "given_up": 1,
        "packets_discarded": 2,
        "duplicates": 0,
        "late": 0,
        "jumps": 0,
    }


def test_a_keyframe_that_breaks_is_asked_for_once_more() -> None:
    assembler = FrameAssembler()
    assembler.insert(FIRST, 0, True, 0, start=YES, keyframe=True)
    assembler.insert(FIRST + 2, 6_000, True, 0, start=YES)
    assembler.take(HOLE_US)
    assert assembler.take_keyframe_request()
    for seq64 in (3, 4, 6):  # of the keyframe that comes for it, all but one packet
        assembler.insert(FIRST + seq64, 9_000, seq64 == 6, HOLE_US, start=YES if seq64 == 3 else NO, keyframe=True)
    assert assembler.take(HOLE_US) == []
    assert not assembler.take_keyframe_request(), "it may still get whole"
    assembler.take(2 * HOLE_US)
    assert assembler.take_keyframe_request()
    assembler.insert(FIRST + 7, 12_000, True, 2 * HOLE_US, start=YES)
    assembler.take(2 * HOLE_US)
    assert not assembler.take_keyframe_request()
    assert assembler.counters()["keyframe_requests"] == 2


def test_a_keyframe_makes_frames_decodable_again() -> None:
    assembler = FrameAssembler()
    assembler.insert(FIRST, 0, True, 0, keyframe=True)
    assembler.insert(FIRST + 2, 6000, True, 0)
    assembler.insert(FIRST + 3, 9000, True, 0, keyframe=True)
    assembler.insert(FIRST + 4, 12000, True, 0)
    # Without a look into the payload nobody knows whether the packet behind a hole begins its frame.
    assert [(first - FIRST, decodable) for first, *_, decodable in assembler.take(HOLE_US)] == [
        (0, True),
        (3, True),
        (4, True),
    ]


def test_a_start_behind_a_hole_is_known_by_the_payload() -> None:
    assembler = FrameAssembler()
    assembler.insert(FIRST, 0, True, 0, start=YES, keyframe=True)
    assembler.insert(FIRST + 2, 6000, False, 0, start=YES)
    assembler.insert(FIRST + 3, 6000, True, 0, start=NO)
    assert numbers(assembler.take(HOLE_US)) == [(0, 0), (2, 3)]


def test_a_lost_end_of_a_frame_does_not_cost_the_next_one() -> None:
    assembler, sender = FrameAssembler(), Sender(2, 2)
    sender.insert(assembler, 0, 2, 3)
    assert numbers(assembler.take(HOLE_US)) == [(2, 3)]
    assembler, sender = FrameAssembler(), Sender(1, 3, 2)
    sender.insert(assembler, 0, 2, 3, 4, 5)
    assert numbers(assembler.take(HOLE_US)) == [(0, 0), (4, 5)]


def test_several_holes_cost_the_time_of_one() -> None:
    assembler, sender = FrameAssembler(), Sender(*[2] * 20)
    sender.insert(assembler, *(i for i in range(40) if i % 4 != 2))
    assert len(assembler.take(HOLE_US)) == 10


def test_who_joins_in_the_middle_of_a_frame_begins_with_the_next() -> None:
    assembler = FrameAssembler()
    assembler.insert(FIRST, 0, False, 0, start=NO)
    assembler.insert(FIRST + 1, 0, True, 0, start=NO)
    assembler.insert(FIRST + 2, 3000, True, 0, start=YES)
    frames = assembler.take(0)
    assert numbers(frames) == [(2, 2)]
    assert not frames[0][4]
    assert assembler.take_keyframe_request()


def test_a_beginning_may_be_reordered() -> None:
    assembler, sender = FrameAssembler(), Sender(3)
    sender.insert(assembler, 2, 0)
    assert assembler.take(0) == []
    sender.insert(assembler, 1)
    assert numbers(assembler.take(0)) == [(0, 2)]


def test_copies_and_latecomers_are_counted_and_change_nothing() -> None:
    assembler, sender = FrameAssembler(), Sender(2, 2)
    assert sender.insert(assembler, 0, 0, 1) == [True, False, True]
    assembler.take(0)
    assert sender.insert(assembler, 1) == [False]
    assert assembler.counters()["duplicates"] == 1
    assert assembler.counters()["late"] == 1


def test_numbers_that_leave_the_window_begin_anew() -> None:
    for jump in (WINDOW, 30_000, -5_000):
        assembler = FrameAssembler()
        assembler.insert(FIRST, 0, True, 0, keyframe=True)
        assert len(assembler.take(0)) == 1
        assembler.insert(FIRST + 1 + jump, 3000, True, 0)
        assert [frame[0] for frame in assembler.take(0)] == [FIRST + 1 + jump]
        assert assembler.counters()["jumps"] == 1
        assert assembler.take_keyframe_request()


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=60),
    seed=st.integers(0, 2**32),
    spread=st.integers(0, 40),
    copies=st.floats(0, 0.5),
)
@settings(max_examples=200, deadline=None)
def test_any_order_brings_every_frame_out_whole_and_in_order(
    sizes: list[int], seed: int, spread: int, copies: float
) -> None:
    chance = random.Random(seed)
    assembler, sender = FrameAssembler(), Sender(*sizes)
    arrivals = sorted(range(1, len(sender.packets)), key=lambda position: position + chance.uniform(0, spread))
    arrivals.insert(0, 0)
    arrivals = [position for arrival in arrivals for position in [arrival] * (1 + (chance.random() < copies))]
    frames = []
    for position in arrivals:
        sender.insert(assembler, position)
        frames += assembler.take(0)
    ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    assert numbers(frames) == [(end - size, end - 1) for end, size in zip(ends, sizes, strict=True)]
    assert all(decodable for *_, decodable in frames)
    assert not assembler.take_keyframe_request()


@given(
    packets=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 300), st.integers(0, 2**47)),
            st.integers(0, 2**32 - 1),
            st.booleans(),
            st.integers(0, 2),
            st.booleans(),
            st.integers(0, 200_000),
        ),
        max_size=200,
    )
)
@settings(max_examples=200, deadline=None)
def test_packets_that_lie_harm_nobody(packets: list[tuple[int, int, bool, int, bool, int]]) -> None:
    assembler, now_us, out = FrameAssembler(), 0, 0
    for seq64, timestamp, marker, start, keyframe, pause_us in packets:
        now_us += pause_us
        assembler.insert(seq64, timestamp, marker, now_us, start=start, keyframe=keyframe)
        frames = assembler.take(now_us)
        assert all(first <= last < first + WINDOW for first, last, *_ in frames)
        out += len(frames)
        deadline_us = assembler.deadline()
        assert deadline_us is None or deadline_us <= now_us + HOLE_US
    assert out == assembler.counters()["frames"] <= len(packets)


@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=80), seed=st.integers(0, 2**32), loss=st.floats(0.01, 0.4)
)
@settings(max_examples=200, deadline=None)
def test_under_loss_only_whole_frames_come_out_in_order_and_nothing_waits_for_ever(
    sizes: list[int], seed: int, loss: float
) -> None:
    chance = random.Random(seed)
    assembler, sender = FrameAssembler(), Sender(*sizes)
    ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    whole = {(end - size, end - 1) for end, size in zip(ends, sizes, strict=True)}
    arrived = [position for position in range(len(sender.packets)) if position == 0 or chance.random() > loss]
    frames = []
    for position in arrived:
        now_us = position * 1_000
        sender.insert(assembler, position, now_us=now_us)
        frames += assembler.take(now_us)
    frames += assembler.take(len(sender.packets) * 1_000 + HOLE_US)
    assert frames == sorted(frames)
    assert set(numbers(frames)) <= whole
    counters = assembler.counters()
    assert counters["given_up"] + len(arrived) <= len(sender.packets)
    assert assembler.deadline() is None, "nothing that is known to be missing is still waited for"
