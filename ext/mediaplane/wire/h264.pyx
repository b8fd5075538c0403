"""Keyframe detection in H.264 payloads."""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.wire.byte_order cimport load16

cdef enum:
    FORBIDDEN_BIT = 0x80
    FU_START_BIT = 0x80
    NAL_TYPE_MASK = 0x1F


cdef inline bint unit_starts_keyframe(uint8_t unit_type, const uint8_t *body, uint32_t size) noexcept nogil:
    """Whether a decoder can start with the NAL unit whose `body` follows its header."""
    if unit_type == NAL_SPS:
        return size > 0
    # A slice begins with first_mb_in_slice as an Exp-Golomb code: a leading 1 bit is zero, the picture's first slice.
    return unit_type == NAL_IDR_SLICE and size > 0 and body[0] >> 7 == 1


cdef bint aggregate_starts_keyframe(const uint8_t *units, uint32_t size) noexcept nogil:
    """The same for the units of a STAP, each behind its 16-bit size. One that leaves the payload breaks it all."""
    cdef uint32_t position = 0
    cdef uint32_t unit_size
    cdef bint found = False
    while position < size:
        if size - position < 2:
            return False
        unit_size = load16(units + position)
        position += 2
        if unit_size == 0 or unit_size > size - position:
            return False
        if unit_starts_keyframe(units[position] & NAL_TYPE_MASK, units + position + 1, unit_size - 1):
            found = True
        position += unit_size
    return found


cdef bint fragment_starts_keyframe(const uint8_t *payload, uint32_t size, uint32_t header_size) noexcept nogil:
    if size < header_size or not payload[1] & FU_START_BIT:
        return False
    return unit_starts_keyframe(payload[1] & NAL_TYPE_MASK, payload + header_size, size - header_size)


cdef bint h264_starts_keyframe(const uint8_t *payload, uint32_t size) noexcept nogil:
    cdef uint8_t unit_type
    if size < 2 or payload[0] & FORBIDDEN_BIT:
        return False
    unit_type = payload[0] & NAL_TYPE_MASK
    if unit_type == NAL_FU_A:
        return fragment_starts_keyframe(payload, size, 2)
    if unit_type == NAL_STAP_A:
        return aggregate_starts_keyframe(payload + 1, size - 1)
    # The B forms put a 16-bit decoding order number behind their headers.
    if unit_type == NAL_FU_B:
        return fragment_starts_keyframe(payload, size, 4)
    if unit_type == NAL_STAP_B:
        return size > 3 and aggregate_starts_keyframe(payload + 3, size - 3)
    return unit_starts_keyframe(unit_type, payload + 1, size - 1)
