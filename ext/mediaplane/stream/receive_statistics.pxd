"""Counts of one received SSRC for its receiver report (RFC 3550 sections 6.4 and A.3, jitter A.8)."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.wire.rtcp cimport rtcp_report_block_t

cdef struct receive_statistics_t:
    uint32_t clock_rate
    int64_t base_seq             # -1: nothing received
    int64_t highest_seq
    uint64_t received
    uint64_t octets              # payload
    uint64_t expected_before     # at the last report
    uint64_t received_before
    uint32_t jitter_q4           # timestamp units << 4
    uint32_t last_transit        # arrival - timestamp, in timestamp units, modulo 2^32
    uint8_t has_transit
    uint64_t last_sr_ntp         # of the last sender report, 0: none
    uint32_t last_sr_rtp
    int64_t last_sr_us           # when it came

cdef void receive_statistics_init(receive_statistics_t *statistics, uint32_t clock_rate) noexcept nogil
cdef void receive_statistics_packet(receive_statistics_t *statistics, int64_t seq64, uint32_t timestamp,
                                    uint32_t payload_size, int64_t now_us) noexcept nogil
cdef void receive_statistics_sender_report(receive_statistics_t *statistics, uint64_t ntp, uint32_t rtp_timestamp,
                                           int64_t now_us) noexcept nogil
# Fills everything but `ssrc`, and starts the next interval.
cdef void receive_statistics_report(receive_statistics_t *statistics, int64_t now_us,
                                    rtcp_report_block_t *block) noexcept nogil
