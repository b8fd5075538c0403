"""Feedback on transport-wide numbers: whatever arrives, in whatever order, the publisher learns when it did."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.testing.stream import TransportCcReceiver
from transport_cc_decoder import Feedback, decode

INTERVAL_US = 100_000
MAX_STATUSES = 400
WINDOW = 2048
TICKS_64MS = 256


def drain(receiver: TransportCcReceiver, now_us: int, capacity: int = 1200) -> list[Feedback]:
    packets = []
    while packet := receiver.feedback(0x11223344, 0x55667788, now_us, capacity):
        assert len(packet) <= capacity
        packets.append(decode(packet))
    assert receiver.deadline() is None
    return packets


def ticks(feedback: Feedback) -> list[int | None]:
    """Arrivals in ticks of 250 us of the receiver's clock (the tests stay below the wrap of the reference time)."""
    return [
        None if arrival is None else feedback.reference_64ms * TICKS_64MS + arrival
        for arrival in feedback.arrivals_250us
    ]


def test_nothing_arrived():
    receiver = TransportCcReceiver()
    assert receiver.deadline() is None
    assert drain(receiver, 10**9) == []


def test_a_first_packet_is_reported_within_the_interval():
    receiver = TransportCcReceiver()
    receiver.packet(7, 1_000_000)
    assert receiver.deadline() == 1_000_000 + INTERVAL_US
    assert drain(receiver, 1_100_000) == [
        Feedback(0x11223344, 0x55667788, 7, 1_000_000 // 64_000, 0, [(1_000_000 % 64_000) // 250], 1)
    ]


def test_feedback_packets_are_counted_modulo_256():
    receiver = TransportCcReceiver()
    for number in range(300):
        receiver.packet(number, number * 1_000)
        assert [packet.count for packet in drain(receiver, number * 1_000)] == [number % 256]


def test_losses_between_two_feedbacks_are_reported():
    receiver = TransportCcReceiver()
    receiver.packet(65_534, 0)
    drain(receiver, 0)
    receiver.packet(1, 250)
    (feedback,) = drain(receiver, 250)
    assert (feedback.base, ticks(feedback)) == (65_535, [None, None, 1])


def test_a_long_run_is_one_chunk():
    receiver = TransportCcReceiver()
    for number in range(MAX_STATUSES):
        receiver.packet(number, number * 250)
    (feedback,) = drain(receiver, 0)
    assert (feedback.chunks, ticks(feedback)) == (1, list(range(MAX_STATUSES)))


def test_single_losses_take_one_bit_each():
    receiver = TransportCcReceiver()
    for number in range(0, 140, 2):
        receiver.packet(number, number * 250)
    (feedback,) = drain(receiver, 0)
    assert feedback.chunks == 10


def test_the_largest_delta_fits_and_the_next_starts_a_new_packet():
    for gap_ticks, packets in ((32_767, 1), (32_768, 2)):
        receiver = TransportCcReceiver()
        receiver.packet(1, 0)
        receiver.packet(2, gap_ticks * 250)
        assert [ticks(feedback) for feedback in drain(receiver, 0)] == (
            [[0, 32_767]] if packets == 1 else [[0], [32_768]]
        )


def test_the_reference_time_wraps_as_a_signed_number():
    receiver = TransportCcReceiver()
    receiver.packet(1, 2**23 * 64_000 + 250)
    (feedback,) = drain(receiver, 0)
    assert (feedback.reference_64ms, feedback.arrivals_250us) == (-(2**23), [1])


def test_a_late_packet_is_reported_although_it_was_reported_missing():
    receiver = TransportCcReceiver()
    for number in (10, 12, 13):
        receiver.packet(number, 1_000 * number)
    drain(receiver, 13_000)
    receiver.packet(11, 20_000)
    (feedback,) = drain(receiver, 20_000)
    assert (feedback.base, ticks(feedback)) == (11, [80, 48, 52])


def test_a_duplicate_is_nothing_new():
    receiver = TransportCcReceiver()
    receiver.packet(10, 0)
    drain(receiver, 0)
    receiver.packet(10, 5_000)
    assert receiver.deadline() is None


def test_a_packet_older_than_the_window_is_not_mistaken_for_a_newer_one():
    receiver = TransportCcReceiver()
    receiver.packet(5_000, 0)
    drain(receiver, 0)
    receiver.packet(5_000 - WINDOW, 250)
    assert receiver.deadline() is None
    receiver.packet(5_001 - WINDOW, 250)
    assert ticks(drain(receiver, 250)[0])[0] == 1


def test_a_jump_reports_no_more_than_the_window():
    receiver = TransportCcReceiver()
    receiver.packet(0, 0)
    receiver.packet(30_000, 250)
    statuses = [status for feedback in drain(receiver, 250) for status in ticks(feedback)]
    assert statuses == [None] * (WINDOW - 1) + [1]


def test_a_buffer_that_is_too_small_is_an_error_and_loses_nothing():
    receiver = TransportCcReceiver()
    receiver.packet(3, 0)
    with pytest.raises(Exception, match="full"):
        receiver.feedback(1, 2, 0, capacity=20)
    assert len(drain(receiver, 0, capacity=28)) == 1


story = st.lists(
    st.tuples(
        st.integers(-30, 40),  # from the highest number so far
        st.sampled_from([0, 100, 250, 1_000, 40_000, 70_000, 9_000_000]),  # time since the arrival before
        st.integers(0, 9),  # feedback is written when this is 0
    ),
    max_size=150,
)
long_runs = st.builds(
    lambda pattern, repeat: pattern * repeat,
    st.lists(st.tuples(st.sampled_from([1, 1, 1, 1, 2, 30, -3]), st.sampled_from([0, 250, 3_000, 64_000]), st.just(1))),
    st.integers(1, 40),
)


@settings(max_examples=200)
@given(story | long_runs, st.integers(0, 65_535), st.sampled_from([28, 60, 300, 1200]))
def test_every_arrival_can_be_decoded(arrivals: list[tuple[int, int, int]], first: int, capacity: int):
    receiver = TransportCcReceiver()
    arrived: dict[int, int] = {}  # number (not wrapped) -> tick
    decoded: dict[int, int | None] = {}
    highest = first + 65_536
    now = 0

    def read() -> None:
        expected_next = None
        for feedback in drain(receiver, now, capacity):
            assert 1 <= len(feedback.arrivals_250us) <= MAX_STATUSES
            if expected_next is not None:
                assert feedback.base == expected_next % 65_536, "one packet goes on where the one before ended"
            start = highest + (feedback.base - highest + 32_768) % 65_536 - 32_768
            for number, tick in enumerate(ticks(feedback), start=start):
                assert tick is not None or decoded.get(number) is None, "what was reported once is not taken back"
                decoded[number] = tick
            expected_next = start + len(feedback.arrivals_250us)

    for step, elapsed, feedback_when in arrivals:
        now += elapsed
        number = highest + step
        highest = max(highest, number)
        arrived.setdefault(number, now // 250)
        receiver.packet(number % 65_536, now)
        assert receiver.deadline() is None or receiver.deadline() <= now + INTERVAL_US
        if feedback_when == 0:
            read()
    read()
    within_reach = {number: tick for number, tick in arrived.items() if number > highest - 500}
    assert {number: tick for number, tick in decoded.items() if tick is not None}.items() >= within_reach.items()
    assert all(decoded[number] in (None, arrived.get(number)) for number in decoded)
    if arrived:
        first_one, last_one = min(arrived), max(arrived)
        assert set(range(first_one, last_one + 1)) >= set(decoded)
        assert set(decoded) >= set(range(max(first_one, last_one - 500), last_one + 1)), "losses are reported too"
