"""What is played next and how fast, without any sound: holes, silence, look-ahead, and the speed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.audio_parts import DelayEstimator, Playout

FRAME, TICK, STEP = 960, 480, 480
FRAME_US, TICK_US = 20_000, 10_000
DUE_US = 0  # of a steady path without delay, whose target is 0


def steady(delay_us: int = 0) -> DelayEstimator:
    estimator = DelayEstimator()
    for index in range(-500, 0):
        estimator.packet(index * FRAME_US, index * FRAME_US + delay_us)  # before 0 too: times are any numbers
    assert estimator.target_us == 0
    return estimator


def packet(ts64: int, in_sequence: bool = False, fec_samples: int = 0) -> tuple[int, bool, int]:
    return ts64, in_sequence, fec_samples


def us(ts64: int) -> int:
    return ts64 * 125 // 6


def test_what_follows_is_decoded_whatever_its_number():
    playout = Playout(steady())
    assert playout.next(packet(0), 0) == ("decode", 0)
    playout.made(FRAME)
    assert playout.next(packet(FRAME + 100), 0) == ("decode", 0), "a seam of 2 ms is no hole"
    assert playout.end_ts == FRAME + 100


def test_the_place_is_held_while_nothing_is_there():
    playout = Playout(steady())
    for _ in range(50):
        assert playout.next(None, 0) == ("conceal", STEP)
    assert playout.end_ts == 0
    assert playout.next(packet(0), 500_000) == ("decode", 0)


def test_a_hole_is_concealed_for_as_long_as_it_is_when_there_is_no_delay_to_spare():
    playout = Playout(steady(delay_us=0))
    behind = packet(3 * FRAME)
    concealed, at_us = 0, -100_000  # well before the packet behind the hole would be due
    while (action := playout.next(behind, at_us))[0] == "conceal":
        concealed += action[1]
    assert action[0] == "decode"
    assert concealed == 3 * FRAME
    assert playout.end_ts == 3 * FRAME


def test_a_hole_is_concealed_shorter_when_there_is():
    playout = Playout(steady())
    behind = packet(FRAME)
    assert playout.next(behind, us(FRAME)) == ("conceal", STEP), "what is missing may still come"
    assert playout.next(behind, us(FRAME) + TICK_US) == ("bridge", FRAME - STEP)
    assert (playout.cut, playout.end_ts) == (FRAME - STEP, FRAME)


def test_a_tick_as_long_as_the_hole_bridges_it_at_once():
    playout = Playout(steady())
    assert playout.next(packet(FRAME), us(FRAME), wanted=FRAME) == ("bridge", FRAME)
    assert playout.cut == FRAME - STEP, "what is left out is never all of it"


def test_no_more_of_a_hole_is_left_out_than_there_is_delay_to_spare():
    playout = Playout(steady())
    behind = packet(2 * FRAME)
    assert playout.next(behind, us(2 * FRAME) - 3 * TICK_US) == ("conceal", STEP)
    assert playout.next(behind, us(2 * FRAME) - 3 * TICK_US) == ("bridge", 2 * FRAME - STEP)
    assert playout.cut == STEP, "it is played 10 ms early at most"


def test_fec_fills_the_end_of_a_hole():
    playout = Playout(steady())
    behind = packet(2 * FRAME, fec_samples=FRAME)
    concealed = 0
    while (action := playout.next(behind, -100_000))[0] == "conceal":
        concealed += action[1]
    assert action == ("recover", FRAME)
    assert (concealed, playout.end_ts) == (FRAME, FRAME)
    playout.made(FRAME)
    assert playout.next(behind, -100_000) == ("decode", 0)


def test_silence_is_no_hole_and_sets_the_delay_right():
    playout = Playout(steady())
    playout.made(FRAME, silent=True)
    assert playout.next(None, 0) == ("silence", STEP)
    playout.silence(None, us(5 * FRAME))
    assert playout.end_ts == 5 * FRAME, "time goes on"
    begins = packet(9 * FRAME, in_sequence=True)
    assert playout.next(begins, us(9 * FRAME) - 1) == ("silence", STEP), "ticks are not divided"
    assert playout.next(begins, us(9 * FRAME)) == ("decode", 0)


def test_a_gap_in_time_without_one_in_numbers_is_silence():
    playout = Playout(steady())
    assert playout.next(packet(20 * FRAME, in_sequence=True), 0)[0] == "silence"
    assert playout.silent


def test_it_plays_faster_when_a_whole_tick_is_to_spare_and_not_again_at_once():
    playout = Playout(steady())
    shorter, longer, _ = playout.stretch(packet(0), 3 * TICK_US, 0, TICK, FRAME)
    assert (shorter, longer) == (3 * TICK, 0)
    playout.stretched(300, 0)
    assert playout.stretch(packet(0), 3 * TICK_US, 0, TICK, FRAME)[:2] == (0, 0)
    playout.made(900)
    assert playout.stretch(packet(900), us(900) + 3 * TICK_US, 0, TICK, 3 * FRAME)[0] > 0


def test_it_plays_slower_when_packets_will_be_needed_before_they_come():
    playout = Playout(steady(delay_us=2 * TICK_US))
    shorter, longer, _ = playout.stretch(packet(0), 0, 0, TICK, FRAME)
    assert (shorter, longer) == (0, TICK)


def test_it_plays_slower_while_the_next_packet_is_overdue():
    estimator = DelayEstimator()
    for index in range(2_000):  # each fifth second nothing comes for 60 ms
        stall_us = max(0, 60_000 - index % 50 * FRAME_US) if index % 250 < 50 else 0
        estimator.packet(index * FRAME_US, index * FRAME_US + stall_us)
    assert estimator.target_us >= 50_000
    playout = Playout(estimator, first_ts=2_000 * FRAME)
    now_us = 2_000 * FRAME_US + 60_000  # it is where it should be: what was sent 60 ms ago is played
    in_time = 2_003 * FRAME
    assert playout.stretch(packet(2_000 * FRAME), now_us, 0, TICK, in_time)[1] == 0
    assert playout.stretch(packet(2_000 * FRAME), now_us, 0, TICK, in_time - FRAME)[1] == TICK


def test_where_it_is_it_stays():
    playout = Playout(steady())
    assert playout.stretch(packet(0), 0, 0, TICK, FRAME)[:2] == (0, 0)


any_next = st.none() | st.tuples(st.integers(-(10**6), 10**6), st.booleans(), st.sampled_from([0, 480, 960, 2880]))


@given(st.lists(st.tuples(any_next, st.integers(-(10**7), 10**7), st.integers(1, 960)), max_size=80))
def test_every_decision_makes_progress(steps: list[tuple[tuple[int, bool, int] | None, int, int]]):
    playout = Playout(steady())
    for next_packet, end_us, wanted in steps:
        action, samples = playout.next(next_packet, end_us, wanted)
        if action in ("decode", "bridge"):
            assert next_packet is not None
            assert playout.end_ts == next_packet[0]
            assert action == "decode" or 0 < playout.cut < samples + STEP
        else:
            assert samples > 0
            assert action == "recover" or samples <= (wanted if action == "silence" else min(wanted, STEP))
        shorter, longer, _ = playout.stretch(next_packet, end_us, wanted, TICK, end_us)
        assert not (shorter and longer)
