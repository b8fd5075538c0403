"""Parsing of RED payloads: see red.pxd."""
from mediaplane.status cimport MALFORMED, TRUNCATED
from mediaplane.wire.byte_order cimport load24

cdef enum:
    FOLLOWS = 0x80               # in the first byte of a header: another one comes behind it
    HEADER_SIZE = 4
    LAST_HEADER_SIZE = 1


cdef int red_parse(const uint8_t *payload, uint32_t size, red_block_t *blocks) noexcept nogil:
    cdef uint32_t at = 0
    cdef uint32_t header, data_size
    cdef int count = 0
    cdef int position
    if size > 0xffff:
        return MALFORMED
    while at < size and payload[at] & FOLLOWS:
        if size - at < HEADER_SIZE:
            return TRUNCATED
        if count == RED_MAX_BLOCKS - 1:
            return MALFORMED
        header = load24(payload + at + 1)            # 14 bits of age, 10 bits of size
        blocks[count].payload_type = payload[at] & 0x7f
        blocks[count].age = <uint16_t>(header >> 10)
        blocks[count].size = <uint16_t>(header & 0x3ff)
        count += 1
        at += HEADER_SIZE
    if at == size:
        return MALFORMED if size == 0 else TRUNCATED
    blocks[count].payload_type = payload[at]
    blocks[count].age = 0
    at += LAST_HEADER_SIZE
    for position in range(count):
        data_size = blocks[position].size
        if data_size > size - at:
            return TRUNCATED
        blocks[position].offset = <uint16_t>at
        at += data_size
    blocks[count].offset = <uint16_t>at
    blocks[count].size = <uint16_t>(size - at)
    return count + 1
