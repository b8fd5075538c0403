"""Redundant audio (RFC 2198): a packet that repeats what earlier ones carried."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef enum:
    RED_MAX_BLOCKS = 8

cdef struct red_block_t:
    uint16_t age                 # RTP clock units before the timestamp of the packet; 0 for the primary
    uint16_t offset              # of its data, from the first byte of the payload
    uint16_t size
    uint8_t payload_type

# The blocks of a RED payload, oldest first, the primary last. Returns their number; TRUNCATED if they are longer than
# the payload, MALFORMED if it is none or has more than RED_MAX_BLOCKS.
cdef int red_parse(const uint8_t *payload, uint32_t size, red_block_t *blocks) noexcept nogil
