"""Transport-wide congestion control feedback to a publisher (draft-holmer-rmcat-transport-wide-cc-extensions-01).

A packet that arrives after its number was reported as missing is reported again, with everything above it.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

cdef enum:
    TCC_WINDOW = 2048            # arrivals remembered, a power of two
    TCC_INTERVAL_US = 100000     # at most this long between feedback packets while packets arrive
    TCC_MAX_STATUSES = 400       # per feedback packet, so that it stays below one datagram

cdef struct transport_cc_receiver_t:
    uint32_t arrival_ticks[2048]  # of 250 us, + 1, low 32 bits, by seq & (TCC_WINDOW - 1); 0: not arrived
    int64_t latest_tick          # of the last arrival, whole
    int64_t next_report          # first number (64 bits) that was not reported yet; -1: nothing arrived
    int64_t highest
    int64_t last_feedback_us
    uint8_t feedback_count       # "fb pkt. count"

cdef void transport_cc_receiver_init(transport_cc_receiver_t *receiver) noexcept nogil
cdef void transport_cc_receiver_packet(transport_cc_receiver_t *receiver, uint16_t seq16,
                                       int64_t arrival_us) noexcept nogil
# When the next feedback is to be written; INT64_MAX: nothing to report.
cdef int64_t transport_cc_receiver_deadline(const transport_cc_receiver_t *receiver) noexcept nogil
# Writes one feedback packet (an RTPFB with FMT 15). Returns its bytes, 0 when there is nothing to report (call until
# 0), NO_SPACE if not even one packet's status fits (28 bytes always do).
cdef int transport_cc_receiver_feedback(transport_cc_receiver_t *receiver, uint8_t *out, uint32_t capacity,
                                        uint32_t sender_ssrc, uint32_t media_ssrc, int64_t now_us) noexcept nogil
