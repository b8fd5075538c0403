"""VP8 picture ids and TL0PICIDX over a switch of the encoding (RFC 7741 section 4.2).

Both count frames of one encoder, so a switch would make them jump; a constant offset for each makes them go on where
they were. An offset is `seq_epoch_t.picture_offset`: low 16 bits for the picture id, high 16 bits for TL0PICIDX.
`wide` tells a picture id of 15 bits from one of 7 bits. Frames that are left out are not renumbered.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t


cdef inline uint16_t picture_id_mask(bint wide) noexcept nogil:
    return 0x7fff if wide else 0x7f


# The offset with which the first frame of the new encoding gets the ids that follow the last ones sent.
cdef inline uint32_t picture_offset_for_switch(uint16_t last_picture_id_out, uint8_t last_tl0_out,
                                               uint16_t picture_id_in, uint8_t tl0_in, bint wide) noexcept nogil:
    cdef uint16_t picture = (last_picture_id_out + 1 - picture_id_in) & picture_id_mask(wide)
    cdef uint8_t tl0 = <uint8_t>(last_tl0_out + 1 - tl0_in)
    return (<uint32_t>tl0 << 16) | picture


cdef inline uint16_t picture_map(uint32_t offset, uint16_t picture_id_in, bint wide) noexcept nogil:
    return <uint16_t>(picture_id_in + offset) & picture_id_mask(wide)


cdef inline uint8_t tl0_map(uint32_t offset, uint8_t tl0_in) noexcept nogil:
    return <uint8_t>(tl0_in + (offset >> 16))
