"""One peer connection: ICE checks, the DTLS association, its life and end."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from mediaplane.model cimport CloseReason, datagram_t, plane_t, transport_t

cdef enum:
    CONNECT_TIMEOUT_US = 30000000
    CONSENT_TIMEOUT_US = 30000000    # RFC 7675 section 5.1

# Takes ownership of a filled transport. NO_SPACE when a table is full, BAD_STATE when the id or ufrag is taken.
cdef int transport_open(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil
# A STUN datagram of anybody: answered only when it is authentic (RFC 8445 section 7.3).
cdef void transport_stun(plane_t *plane, const datagram_t *datagram, int64_t now_us) noexcept nogil
cdef void transport_dtls(plane_t *plane, transport_t *transport, const datagram_t *datagram,
                         int64_t now_us) noexcept nogil
cdef void transport_dtls_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil
# Detaches the transport, its producers and consumers from all tables; the memory goes with transport_free().
cdef void transport_close(plane_t *plane, transport_t *transport, CloseReason reason) noexcept nogil
cdef void transport_free(transport_t *transport) noexcept nogil
