"""Parsing of the VP8 payload descriptor.

     0 1 2 3 4 5 6 7
    |X|R|N|S|R| PID |
 X: |I|L|T|K|  RSV  |
 I: |M|  PictureID  |   a second byte if M
 L: |   TL0PICIDX   |
T/K:|TID|Y|  KEYIDX |
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memset

from mediaplane.status cimport OK, TRUNCATED
from mediaplane.wire.byte_order cimport load16


cdef int vp8_parse(const uint8_t *payload, uint32_t size, vp8_descriptor_t *descriptor) noexcept nogil:
    cdef uint32_t position = 1
    cdef uint8_t present = 0
    memset(descriptor, 0, sizeof(vp8_descriptor_t))
    if size < 1:
        return TRUNCATED
    descriptor.start_of_partition = (payload[0] >> 4) & 1
    descriptor.partition = payload[0] & 0x07
    if payload[0] & 0x80:
        if size < 2:
            return TRUNCATED
        present = payload[1]
        position = 2
    if present & 0x80:
        if size < position + 1:
            return TRUNCATED
        descriptor.has_picture_id = 1
        descriptor.picture_id_offset = <uint8_t>position
        descriptor.wide_picture_id = payload[position] >> 7
        if descriptor.wide_picture_id:
            if size < position + 2:
                return TRUNCATED
            descriptor.picture_id = load16(payload + position) & 0x7FFF
            position += 2
        else:
            descriptor.picture_id = payload[position]
            position += 1
    if present & 0x40:
        if size < position + 1:
            return TRUNCATED
        descriptor.has_tl0picidx = 1
        descriptor.tl0picidx_offset = <uint8_t>position
        descriptor.tl0picidx = payload[position]
        position += 1
    if present & 0x30:
        if size < position + 1:
            return TRUNCATED
        if present & 0x20:
            descriptor.has_temporal_layer = 1
            descriptor.temporal_layer = payload[position] >> 6
            descriptor.layer_sync = (payload[position] >> 5) & 1
        position += 1
    descriptor.size = <uint8_t>position
    # The first partition opens with the frame header, whose P bit is clear on keyframes (RFC 7741 section 4.3).
    if descriptor.start_of_partition and descriptor.partition == 0 and size > position:
        descriptor.keyframe = not payload[position] & 1
    return OK
