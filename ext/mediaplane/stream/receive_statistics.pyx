"""Loss and jitter of one received SSRC: see receive_statistics.pxd."""
from libc.stdlib cimport llabs
from libc.string cimport memset

from mediaplane.stream.timestamp_map cimport us_to_timestamp
from mediaplane.wire.seq cimport timestamp32_difference


cdef void receive_statistics_init(receive_statistics_t *statistics, uint32_t clock_rate) noexcept nogil:
    memset(statistics, 0, sizeof(receive_statistics_t))
    statistics.clock_rate = clock_rate
    statistics.base_seq = -1
    statistics.highest_seq = -1


cdef void receive_statistics_packet(receive_statistics_t *statistics, int64_t seq64, uint32_t timestamp,
                                    uint32_t payload_size, int64_t now_us) noexcept nogil:
    cdef uint32_t transit = us_to_timestamp(now_us, statistics.clock_rate) - timestamp
    cdef int64_t deviation
    if statistics.base_seq < 0:
        statistics.base_seq = seq64
    statistics.highest_seq = max(statistics.highest_seq, seq64)
    statistics.received += 1
    statistics.octets += payload_size
    if statistics.has_transit:
        deviation = timestamp32_difference(transit, statistics.last_transit)
        statistics.jitter_q4 += <uint32_t>(llabs(deviation) - ((statistics.jitter_q4 + 8) >> 4))
    statistics.last_transit = transit
    statistics.has_transit = 1


cdef void receive_statistics_sender_report(receive_statistics_t *statistics, uint64_t ntp, uint32_t rtp_timestamp,
                                           int64_t now_us) noexcept nogil:
    statistics.last_sr_ntp = ntp
    statistics.last_sr_rtp = rtp_timestamp
    statistics.last_sr_us = now_us


cdef void receive_statistics_report(receive_statistics_t *statistics, int64_t now_us,
                                    rtcp_report_block_t *block) noexcept nogil:
    cdef uint64_t expected = 0
    cdef int64_t expected_interval, lost_interval
    cdef int64_t cycles_before = statistics.base_seq & ~0xffff      # whatever the 64-bit numbers began with
    block.highest_seq = 0
    if statistics.base_seq >= 0:
        expected = statistics.highest_seq - statistics.base_seq + 1
        block.highest_seq = <uint32_t>(statistics.highest_seq - cycles_before)
    block.cumulative_lost = <int64_t>(expected - statistics.received)

    expected_interval = expected - statistics.expected_before
    lost_interval = expected_interval - <int64_t>(statistics.received - statistics.received_before)
    statistics.expected_before = expected
    statistics.received_before = statistics.received
    block.fraction_lost = <uint8_t>((lost_interval << 8) // expected_interval) if lost_interval > 0 else 0
    block.jitter = statistics.jitter_q4 >> 4

    block.last_sr = <uint32_t>(statistics.last_sr_ntp >> 16)
    block.delay_since_last_sr = 0
    if statistics.last_sr_ntp != 0:
        block.delay_since_last_sr = us_to_timestamp(now_us - statistics.last_sr_us, 65536)
