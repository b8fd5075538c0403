"""RTP headers (RFC 3550 section 5.1). All of it is inline: it runs for every packet, in and out."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from mediaplane.status cimport MALFORMED, OK, TRUNCATED
from mediaplane.wire.byte_order cimport load16, load32, store16, store32

cdef enum:
    RTP_FIXED_HEADER_SIZE = 12
    RTP_PADDING_BIT = 0x20       # in the first byte
    RTP_MAX_EXTENSION_SIZE = 4 * 255
    RTP_MAX_HEADER_SIZE = 12 + 15 * 4 + 4 + RTP_MAX_EXTENSION_SIZE  # what this server takes; a longer one is MALFORMED

cdef struct rtp_header_t:
    uint32_t ssrc
    uint32_t timestamp
    uint16_t seq16
    uint16_t header_size         # bytes, with CSRCs and the extension
    uint16_t extension_offset    # of the first element, from the packet's first byte; 0: no extension
    uint16_t extension_size      # bytes of elements, without the 4-byte profile and length
    uint16_t extension_profile   # 0xBEDE one-byte, 0x1000-0x100F two-byte
    uint8_t payload_type
    uint8_t marker
    uint8_t csrc_count
    uint8_t padded               # the P bit; how much padding is only known after decryption


# Everything that stands in clear before the payload; never looks behind `size`. OK or TRUNCATED / MALFORMED.
cdef inline int rtp_parse_header(const uint8_t *data, uint32_t size, rtp_header_t *header) noexcept nogil:
    cdef uint32_t header_size
    cdef uint32_t extension_size
    if size < RTP_FIXED_HEADER_SIZE:
        return TRUNCATED
    if data[0] >> 6 != 2:
        return MALFORMED
    header.padded = (data[0] >> 5) & 1
    header.csrc_count = data[0] & 0x0F
    header.marker = data[1] >> 7
    header.payload_type = data[1] & 0x7F
    header.seq16 = load16(data + 2)
    header.timestamp = load32(data + 4)
    header.ssrc = load32(data + 8)
    header.extension_offset = 0
    header.extension_size = 0
    header.extension_profile = 0
    header_size = RTP_FIXED_HEADER_SIZE + 4 * <uint32_t>header.csrc_count
    if data[0] & 0x10:
        header_size += 4
        if size < header_size:
            return TRUNCATED
        extension_size = 4 * <uint32_t>load16(data + header_size - 2)
        if extension_size > RTP_MAX_EXTENSION_SIZE:
            return MALFORMED
        header.extension_profile = load16(data + header_size - 4)
        header.extension_offset = <uint16_t>header_size
        header.extension_size = <uint16_t>extension_size
        header_size += extension_size
    if size < header_size:
        return TRUNCATED
    header.header_size = <uint16_t>header_size
    return OK


# Bytes of payload without padding, for the decrypted packet of `size` bytes; MALFORMED if the padding lies.
# A packet that is all padding has 0 bytes of payload: senders probe the bandwidth with those.
cdef inline int rtp_payload_size(const uint8_t *data, uint32_t size, const rtp_header_t *header) noexcept nogil:
    cdef uint32_t payload_size
    if size < header.header_size:
        return TRUNCATED
    payload_size = size - header.header_size
    if not header.padded:
        return <int>payload_size
    # The last byte counts the padding, itself included (RFC 3550 section 5.1).
    if payload_size == 0 or data[size - 1] == 0 or data[size - 1] > payload_size:
        return MALFORMED
    return <int>(payload_size - data[size - 1])


# The 12 fixed bytes: `csrc_count` and the X bit announce what the caller puts behind them; the P bit is clear.
cdef inline void rtp_write_fixed_header(uint8_t *data, uint8_t payload_type, bint marker, uint16_t seq16,
                                        uint32_t timestamp, uint32_t ssrc, uint8_t csrc_count,
                                        bint has_extension) noexcept nogil:
    data[0] = <uint8_t>(0x80 | (0x10 if has_extension else 0) | (csrc_count & 0x0F))
    data[1] = <uint8_t>((0x80 if marker else 0) | (payload_type & 0x7F))
    store16(data + 2, seq16)
    store32(data + 4, timestamp)
    store32(data + 8, ssrc)
