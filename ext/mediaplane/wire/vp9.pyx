"""Parsing of the VP9 payload descriptor.

      0 1 2 3 4 5 6 7
     |I|P|L|F|B|E|V|Z|
 I:  |M|  PictureID  |   a second byte if M
 L:  | TID |U| SID |D|
!F:  |   TL0PICIDX   |   with L only
P&F: |   P_DIFF    |N|   up to three, N: another follows
 V:  | N_S |Y|G|-|-|-|   the scalability structure
 Y:  width and height, 16 bits each, N_S + 1 times
 G:  |      N_G      |   then N_G times
     | TID |U| R |-|-|   and R bytes of P_DIFF
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memset

from mediaplane.status cimport MALFORMED, OK, TRUNCATED
from mediaplane.wire.byte_order cimport load16

cdef enum:
    MAX_REFERENCES = 3


cdef int skip_references(const uint8_t *payload, uint32_t size, uint32_t *position) noexcept nogil:
    cdef int _index
    for _index in range(MAX_REFERENCES):
        if size < position[0] + 1:
            return TRUNCATED
        position[0] += 1
        if not payload[position[0] - 1] & 1:
            return OK
    return MALFORMED


cdef int skip_structure(const uint8_t *payload, uint32_t size, uint32_t *position,
                        vp9_descriptor_t *descriptor) noexcept nogil:
    cdef uint8_t flags
    cdef uint32_t pictures
    if size < position[0] + 1:
        return TRUNCATED
    flags = payload[position[0]]
    position[0] += 1
    descriptor.spatial_layers = (flags >> 5) + 1
    if flags & 0x10:
        position[0] += 4 * <uint32_t>descriptor.spatial_layers
    if flags & 0x08:
        if size < position[0] + 1:
            return TRUNCATED
        pictures = payload[position[0]]
        position[0] += 1
        while pictures:
            if size < position[0] + 1:
                return TRUNCATED
            position[0] += 1 + ((payload[position[0]] >> 2) & 3)
            pictures -= 1
    return OK if position[0] <= size else TRUNCATED


cdef int vp9_parse(const uint8_t *payload, uint32_t size, vp9_descriptor_t *descriptor) noexcept nogil:
    cdef uint32_t position = 1
    cdef int status
    memset(descriptor, 0, sizeof(vp9_descriptor_t))
    if size < 1:
        return TRUNCATED
    descriptor.has_picture_id = payload[0] >> 7
    descriptor.inter_picture = (payload[0] >> 6) & 1
    descriptor.has_layers = (payload[0] >> 5) & 1
    descriptor.flexible = (payload[0] >> 4) & 1
    descriptor.start_of_frame = (payload[0] >> 3) & 1
    descriptor.end_of_frame = (payload[0] >> 2) & 1
    descriptor.has_structure = (payload[0] >> 1) & 1
    descriptor.not_reference = payload[0] & 1
    if descriptor.has_picture_id:
        if size < position + 1:
            return TRUNCATED
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
    if descriptor.has_layers:
        if size < position + 1:
            return TRUNCATED
        descriptor.temporal_layer = payload[position] >> 5
        descriptor.switching_up = (payload[position] >> 4) & 1
        descriptor.spatial_layer = (payload[position] >> 1) & 7
        descriptor.inter_layer = payload[position] & 1
        position += 1
        if not descriptor.flexible:
            if size < position + 1:
                return TRUNCATED
            descriptor.has_tl0picidx = 1
            descriptor.tl0picidx_offset = <uint8_t>position
            descriptor.tl0picidx = payload[position]
            position += 1
    if descriptor.flexible and descriptor.inter_picture:
        status = skip_references(payload, size, &position)
        if status != OK:
            return status
    if descriptor.has_structure:
        status = skip_structure(payload, size, &position, descriptor)
        if status != OK:
            return status
    descriptor.size = <uint16_t>position
    descriptor.keyframe = (not descriptor.inter_picture and descriptor.start_of_frame
                           and descriptor.spatial_layer == 0 and size > position)
    return OK
