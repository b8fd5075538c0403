"""The VP8 payload descriptor (RFC 7741 section 4.2)."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from mediaplane.wire.byte_order cimport store16

cdef struct vp8_descriptor_t:
    uint8_t size                 # bytes of the descriptor
    uint8_t start_of_partition   # S
    uint8_t partition            # PID
    uint8_t has_picture_id
    uint8_t wide_picture_id      # 15 bits
    uint8_t picture_id_offset    # of its first byte, in the payload
    uint16_t picture_id
    uint8_t has_tl0picidx
    uint8_t tl0picidx_offset
    uint8_t tl0picidx
    uint8_t has_temporal_layer
    uint8_t temporal_layer       # TID
    uint8_t layer_sync           # Y: depends on temporal layer 0 alone
    uint8_t keyframe             # first packet of a keyframe

# OK or TRUNCATED. A descriptor with nothing behind it is OK, and no keyframe.
cdef int vp8_parse(const uint8_t *payload, uint32_t size, vp8_descriptor_t *descriptor) noexcept nogil


# Overwrites picture id (kept at its width, 15 or 7 bits) and TL0PICIDX, where the descriptor has them.
cdef inline void vp8_rewrite(uint8_t *payload, const vp8_descriptor_t *descriptor, uint16_t picture_id,
                             uint8_t tl0picidx) noexcept nogil:
    if descriptor.has_picture_id:
        if descriptor.wide_picture_id:
            store16(payload + descriptor.picture_id_offset, 0x8000 | picture_id)
        else:
            payload[descriptor.picture_id_offset] = picture_id & 0x7F
    if descriptor.has_tl0picidx:
        payload[descriptor.tl0picidx_offset] = tl0picidx
