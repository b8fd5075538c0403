"""Arithmetic of NTP times and RTP timestamps: see timestamp_map.pxd."""
from mediaplane.wire.seq cimport timestamp32_difference

cdef enum:
    SECOND_US = 1000000
    MAX_AHEAD = 0x7fffffff      # timestamp units: what is further ahead looks like the past


# Splits `us` into whole seconds, rounded down, and what is left (0 <= rest < 1 s): no product below overflows then.
cdef inline int64_t split_seconds(int64_t us, int64_t *rest_us) noexcept nogil:
    cdef int64_t seconds = us // SECOND_US
    rest_us[0] = us % SECOND_US
    if rest_us[0] < 0:       # C rounds towards zero
        seconds -= 1
        rest_us[0] += SECOND_US
    return seconds


cdef uint64_t ntp_add_us(uint64_t ntp, int64_t us) noexcept nogil:
    cdef int64_t rest_us = 0
    cdef uint64_t seconds = <uint64_t>split_seconds(us, &rest_us)
    return ntp + (seconds << 32) + ((<uint64_t>rest_us << 32) + SECOND_US // 2) // <uint64_t>SECOND_US


cdef int64_t ntp_difference_us(uint64_t a, uint64_t b) noexcept nogil:
    # Modulo 2^64, so the era that begins in 2036 is as near as it is.
    cdef int64_t difference = <int64_t>(a - b)
    cdef int64_t fraction = <uint32_t>difference
    return (difference >> 32) * SECOND_US + ((fraction * SECOND_US + 0x7fffffff) >> 32)


cdef inline int64_t us_to_units(int64_t us, uint32_t clock_rate) noexcept nogil:
    cdef int64_t rest_us = 0
    cdef int64_t seconds = split_seconds(us, &rest_us)
    return seconds * clock_rate + (rest_us * clock_rate + SECOND_US // 2) // SECOND_US


cdef uint32_t us_to_timestamp(int64_t us, uint32_t clock_rate) noexcept nogil:
    return <uint32_t>us_to_units(us, clock_rate)


cdef void rtp_clock_at(const rtp_clock_t *clock, int64_t now_us, uint64_t *ntp, uint32_t *rtp) noexcept nogil:
    ntp[0] = 0
    rtp[0] = 0
    if clock.ntp != 0:
        ntp[0] = ntp_add_us(clock.ntp, now_us - clock.received_us)
        rtp[0] = clock.rtp + us_to_timestamp(now_us - clock.received_us, clock.clock_rate)


cdef inline bint is_known(const rtp_clock_t *clock, uint32_t clock_rate) noexcept nogil:
    return clock.ntp != 0 and clock.clock_rate == clock_rate


cdef uint32_t timestamp_offset_for_switch(const rtp_clock_t *old_clock, const rtp_clock_t *new_clock,
                                          uint32_t old_offset, uint32_t timestamp_in, uint32_t last_out,
                                          int64_t last_out_us, int64_t now_us, uint32_t clock_rate) noexcept nogil:
    cdef int64_t passed_us = max(0, now_us - last_out_us)
    cdef int64_t ahead = us_to_units(passed_us, clock_rate)     # of last_out
    cdef int64_t captured
    cdef uint32_t out
    if is_known(old_clock, clock_rate) and is_known(new_clock, clock_rate):
        # Where the old clock stood when the new one stood at timestamp_in.
        out = old_clock.rtp + us_to_timestamp(ntp_difference_us(new_clock.ntp, old_clock.ntp), clock_rate)
        out += timestamp_in - new_clock.rtp + old_offset
        captured = timestamp32_difference(out, last_out)
        if -<int64_t>clock_rate <= captured <= ahead + clock_rate:
            ahead = max(1, captured)
    if ahead < 1:
        ahead = max(1, clock_rate // 30)
    return last_out + <uint32_t>min(ahead, MAX_AHEAD) - timestamp_in
