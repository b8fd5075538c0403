"""The newest block of a redundant packet: see redundancy.pxd."""
from mediaplane.audio.red cimport RED_MAX_BLOCKS, red_block_t, red_parse
from mediaplane.wire.codecs cimport CODEC_OPUS, CODEC_RED


cdef bint find_primary(const producer_t *producer, ingress_t *packet) noexcept nogil:
    cdef red_block_t blocks[RED_MAX_BLOCKS]
    cdef int last
    packet.primary_offset = 0
    if producer.codec_by_pt[packet.header.payload_type] != CODEC_RED + 1:
        return True
    last = red_parse(packet.payload, packet.payload_size, blocks) - 1
    if last < 0 or producer.codec_by_pt[blocks[last].payload_type & 0x7f] != CODEC_OPUS + 1:
        return False
    packet.primary_offset = blocks[last].offset
    packet.primary_type = blocks[last].payload_type
    return True
