"""Where a datagram came from and goes to: the full 5-tuple, as far as one worker can tell tuples apart."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    FAMILY_IPV4 = 4
    FAMILY_IPV6 = 6

# Compared and hashed as bytes: build it zeroed. IPv4 addresses use the first 4 bytes.
cdef struct transport_tuple_t:
    uint8_t remote[16]
    uint8_t local[16]        # zero when the socket is bound to one address
    uint32_t scope           # IPv6 interface of a link-local address
    uint16_t remote_port
    uint8_t family
    uint8_t socket           # index of the worker's socket; other kinds (TCP) would be further indices

cdef bint tuple_equal(const transport_tuple_t *a, const transport_tuple_t *b) noexcept nogil
cdef uint64_t tuple_hash(const transport_tuple_t *item) noexcept nogil
cdef uint8_t tuple_address_size(const transport_tuple_t *item) noexcept nogil     # 4 or 16

cdef object address_text(const uint8_t *address, uint8_t family)                  # "127.0.0.1"
cdef int tuple_from_python(object remote, transport_tuple_t *out) except -1       # ("127.0.0.1", 5000)
