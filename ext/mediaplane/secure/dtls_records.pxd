"""The headers of DTLS 1.2 records (RFC 6347 section 4.1), read before libssl sees them."""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.wire.byte_order cimport load16

cdef enum:
    DTLS_RECORD_HEADER_SIZE = 13
    DTLS_SMALLEST_SEALED = 24          # nonce and tag of AES-GCM (RFC 5288 section 3), all that we take


cdef inline bint dtls_has_stunted_record(const uint8_t *data, uint32_t size) noexcept nogil:
    """Whether a sealed record is too short to hold its nonce and tag, so that it can't be authentic."""
    cdef uint32_t offset = 0
    cdef uint32_t length
    while size - offset >= DTLS_RECORD_HEADER_SIZE:
        length = load16(data + offset + 11)
        if load16(data + offset + 3) != 0 and length < DTLS_SMALLEST_SEALED:
            return True
        if length > size - offset - DTLS_RECORD_HEADER_SIZE:
            return False
        offset += DTLS_RECORD_HEADER_SIZE + length
    return False
