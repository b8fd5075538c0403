"""5-tuples: comparison, hash, and their Python form."""
from libc.string cimport memcmp, memcpy, memset

import ipaddress


cdef bint tuple_equal(const transport_tuple_t *a, const transport_tuple_t *b) noexcept nogil:
    return memcmp(a, b, sizeof(transport_tuple_t)) == 0


cdef uint64_t tuple_hash(const transport_tuple_t *item) noexcept nogil:
    """Mix the whole tuple into 64 bits; collisions only cost a comparison."""
    cdef uint64_t words[5]
    cdef uint64_t state = 0x9E3779B97F4A7C15ULL
    cdef int i
    memcpy(words, item, sizeof(transport_tuple_t))
    for i in range(5):
        state = (state ^ words[i]) * 0xBF58476D1CE4E5B9ULL
        state ^= state >> 31
    return state


cdef uint8_t tuple_address_size(const transport_tuple_t *item) noexcept nogil:
    return 4 if item.family == FAMILY_IPV4 else 16


cdef object address_text(const uint8_t *address, uint8_t family):
    if family == FAMILY_IPV4:
        return str(ipaddress.IPv4Address((<const char *>address)[:4]))
    return str(ipaddress.IPv6Address((<const char *>address)[:16]))


cdef int tuple_from_python(object remote, transport_tuple_t *out) except -1:
    host, port = remote
    parsed = ipaddress.ip_address(host)
    cdef bytes packed = parsed.packed
    memset(out, 0, sizeof(transport_tuple_t))
    memcpy(out.remote, <const char *>packed, len(packed))
    out.remote_port = port
    out.family = parsed.version
    return 0
