"""The VP9 payload descriptor (RFC 9628 section 4.2)."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef struct vp9_descriptor_t:
    uint16_t size                # bytes of the descriptor
    uint8_t has_picture_id       # I
    uint8_t wide_picture_id      # 15 bits
    uint8_t picture_id_offset    # of its first byte, in the payload
    uint8_t inter_picture        # P: predicted from an earlier picture
    uint16_t picture_id
    uint8_t has_layers           # L
    uint8_t temporal_layer       # TID
    uint8_t switching_up         # U: later frames of this temporal layer depend on nothing above it that came before
    uint8_t spatial_layer        # SID
    uint8_t inter_layer          # D: predicted from the spatial layer below
    uint8_t flexible             # F: the references are listed, there is no TL0PICIDX
    uint8_t has_tl0picidx
    uint8_t tl0picidx_offset
    uint8_t tl0picidx
    uint8_t start_of_frame       # B: of a layer frame, one spatial layer of a picture
    uint8_t end_of_frame         # E
    uint8_t has_structure        # V: the scalability structure is here
    uint8_t spatial_layers       # of the structure; 0 without one
    uint8_t not_reference        # Z: no higher spatial layer refers to this one
    uint8_t keyframe             # first packet of a keyframe: P = 0, B = 1, spatial layer 0

# OK, TRUNCATED or MALFORMED (more than the three references that the format allows).
cdef int vp9_parse(const uint8_t *payload, uint32_t size, vp9_descriptor_t *descriptor) noexcept nogil
