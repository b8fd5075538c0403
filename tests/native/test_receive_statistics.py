"""Loss and jitter for receiver reports, against the algorithms of RFC 3550 appendix A in plain integers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.stream import ReceiveStatistics

CLOCK_RATE = 90_000


def arrivals(*seqs: int) -> ReceiveStatistics:
    statistics = ReceiveStatistics(CLOCK_RATE)
    for seq64 in seqs:
        statistics.packet(seq64, 0, 100, 0)
    return statistics


def test_before_the_first_packet_there_is_nothing_to_say():
    assert set(ReceiveStatistics(CLOCK_RATE).report(5).values()) == {0}


def test_loss_is_counted_since_the_last_report_and_in_all():
    statistics = arrivals(0, 1, 2, 3, 7)
    block = statistics.report(0)
    assert (block["fraction_lost"], block["cumulative_lost"], block["highest_seq"]) == (3 * 256 // 8, 3, 7)
    block = statistics.report(0)
    assert (block["fraction_lost"], block["cumulative_lost"]) == (0, 3)
    statistics.packet(9, 0, 100, 0)
    assert statistics.report(0)["fraction_lost"] == 128
    assert statistics.octets == 600


def test_duplicates_count_as_received():
    block = arrivals(5, 6, 6, 6).report(0)
    assert (block["fraction_lost"], block["cumulative_lost"]) == (0, -2)


def test_the_fraction_is_never_a_whole():
    assert arrivals(0, 100_000).report(0)["fraction_lost"] == 255


def test_cycles_count_from_the_first_packet():
    block = arrivals(3 * 65_536 + 65_535, 5 * 65_536 + 1).report(0)
    assert block["highest_seq"] == 2 * 65_536 + 1


def test_the_last_sender_report_is_named_with_its_delay():
    statistics = arrivals(1)
    statistics.sender_report(0x1234_5678_9ABC_DEF0, 77, 1_000_000)
    block = statistics.report(1_500_000)
    assert (block["last_sr"], block["delay_since_last_sr"]) == (0x5678_9ABC, 32_768)


def test_a_steady_stream_has_no_jitter_whatever_the_clocks_began_with():
    statistics = ReceiveStatistics(CLOCK_RATE)
    for number in range(100):
        statistics.packet(number, (2**32 - 5_000 + 3_000 * number) % 2**32, 1, 10**16 + number * 100_000 // 3)
    assert statistics.report(0)["jitter"] <= 1, "a thirtieth of a second is no whole number of microseconds"


packets = st.lists(
    st.tuples(st.integers(-5, 10), st.integers(-90_000, 90_000), st.integers(0, 200_000), st.booleans()), min_size=1
)


@given(packets, st.integers(0, 10**6), st.integers(0, 2**32 - 1))
def test_reports_are_those_of_the_rfc(story: list[tuple[int, int, int, bool]], first: int, timestamp: int):
    statistics = ReceiveStatistics(CLOCK_RATE)
    base = highest = first + 5
    now = expected_prior = received_prior = jitter = 0
    transit = None
    seq64 = base
    for received, (step, timestamp_step, elapsed, report) in enumerate(story, start=1):
        statistics.packet(seq64, timestamp, 1, now)
        highest = max(highest, seq64)
        arrival = (now * CLOCK_RATE + 500_000) // 1_000_000
        if transit is not None:
            d = abs((arrival - timestamp - transit + 2**31) % 2**32 - 2**31)
            jitter += d - ((jitter + 8) >> 4)
        transit = arrival - timestamp
        if report:
            expected = highest - base + 1
            interval, lost = expected - expected_prior, (expected - expected_prior) - (received - received_prior)
            expected_prior, received_prior = expected, received
            assert statistics.report(now) == {
                "ssrc": 0,
                "fraction_lost": 0 if interval == 0 or lost <= 0 else (lost << 8) // interval,
                "cumulative_lost": expected - received,
                "highest_seq": highest - (base - base % 65_536),
                "jitter": jitter >> 4,
                "last_sr": 0,
                "delay_since_last_sr": 0,
            }
        seq64 = max(0, highest + step)
        timestamp = (timestamp + timestamp_step) % 2**32
        now += elapsed
