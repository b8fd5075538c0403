"""Timestamps across encodings and clocks: which RTP timestamp another encoding has at the same capture time.

A *clock* is what a sender report says: at this NTP time the media clock stood at that RTP timestamp (RFC 3550 6.4.1).
"""
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef struct rtp_clock_t:
    uint64_t ntp                 # 32.32; 0: no sender report yet
    uint32_t rtp
    int64_t received_us          # when the report came
    uint32_t clock_rate

cdef uint64_t ntp_add_us(uint64_t ntp, int64_t us) noexcept nogil
cdef int64_t ntp_difference_us(uint64_t a, uint64_t b) noexcept nogil  # a - b
cdef uint32_t us_to_timestamp(int64_t us, uint32_t clock_rate) noexcept nogil  # rounded, modulo 2^32, any sign

# The sender's NTP time and RTP timestamp now, extrapolated from its last report; 0 in `ntp` when there is none.
cdef void rtp_clock_at(const rtp_clock_t *clock, int64_t now_us, uint64_t *ntp, uint32_t *rtp) noexcept nogil

# The offset (out = in + offset) for the first packet `timestamp_in` of the new encoding, when the consumer's line so
# far used `old_offset` over `old_clock` and its last packet had `last_out`, sent at `last_out_us`. With both clocks
# known (and ticking at `clock_rate`) the capture time decides; else, or if it lies more than 1 s before last_out or
# more than 1 s ahead of the time that has passed, the time that has passed does. The result always lies after last_out:
# by one unit where the capture times are the same, as those of simulcast encodings are (an error that was larger would
# add up over switches), by a frame of 1/30 s where no time has passed and no clock is known.
cdef uint32_t timestamp_offset_for_switch(const rtp_clock_t *old_clock, const rtp_clock_t *new_clock,
                                          uint32_t old_offset, uint32_t timestamp_in, uint32_t last_out,
                                          int64_t last_out_us, int64_t now_us, uint32_t clock_rate) noexcept nogil
