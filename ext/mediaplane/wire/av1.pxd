"""The AV1 aggregation header (RTP Payload Format for AV1, AOM, section 4.4)."""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.status cimport MALFORMED, OK, TRUNCATED

cdef struct av1_aggregation_header_t:
    uint8_t continues        # Z: the first OBU element continues the last packet's
    uint8_t to_be_continued  # Y: the last OBU element goes on in the next packet
    uint8_t element_count    # W: 1-3, the last then has no size; 0: any number, each with its size
    uint8_t starts_sequence  # N: the first packet of a coded video sequence, that is of a keyframe


# OK, TRUNCATED without any OBU, or MALFORMED when a sequence starts in the middle of an OBU.
cdef inline int av1_parse(const uint8_t *payload, uint32_t size, av1_aggregation_header_t *header) noexcept nogil:
    if size < 2:
        return TRUNCATED
    header.continues = payload[0] >> 7
    header.to_be_continued = (payload[0] >> 6) & 1
    header.element_count = (payload[0] >> 4) & 3
    header.starts_sequence = (payload[0] >> 3) & 1
    return MALFORMED if header.starts_sequence and header.continues else OK
