"""Wrapping counters: RTP sequence numbers (16 bits), timestamps (32 bits), VP8 picture ids (15 and 7 bits)."""
from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t


# `a - b` on the circle: negative when a is older than b.
cdef inline int32_t seq16_difference(uint16_t a, uint16_t b) noexcept nogil:
    return <int16_t><uint16_t>(a - b)


cdef inline int64_t timestamp32_difference(uint32_t a, uint32_t b) noexcept nogil:
    return <int32_t><uint32_t>(a - b)


# The 64-bit number closest to `reference` whose low 16 bits are `seq16`. A reference below 2^15 may make it negative.
cdef inline int64_t unwrap16(int64_t reference, uint16_t seq16) noexcept nogil:
    return reference + seq16_difference(seq16, <uint16_t>reference)


cdef inline int64_t unwrap32(int64_t reference, uint32_t value) noexcept nogil:
    return reference + timestamp32_difference(value, <uint32_t>reference)
