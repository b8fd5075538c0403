"""Which protocol a datagram is (RFC 7983 section 7), and RTP from RTCP (RFC 5761 section 4)."""
from libc.stdint cimport uint8_t, uint32_t

cdef enum DatagramKind:
    DATAGRAM_UNKNOWN = 0
    DATAGRAM_STUN = 1
    DATAGRAM_DTLS = 2
    DATAGRAM_RTP = 3
    DATAGRAM_RTCP = 4


cdef inline DatagramKind classify_datagram(const uint8_t *data, uint32_t size) noexcept nogil:
    if size < 2:
        return DATAGRAM_UNKNOWN
    if 128 <= data[0] <= 191:
        return DATAGRAM_RTCP if 192 <= data[1] <= 223 else DATAGRAM_RTP
    if data[0] <= 3:
        return DATAGRAM_STUN
    if 20 <= data[0] <= 63:
        return DATAGRAM_DTLS
    return DATAGRAM_UNKNOWN
