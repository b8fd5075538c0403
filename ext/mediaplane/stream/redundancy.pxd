"""What of a redundant packet (RFC 2198) is for those who did not negotiate redundancy: its newest block alone."""
from mediaplane.model cimport ingress_t, producer_t

# Sets `primary_offset` and `primary_type` of a packet whose payload is known; 0 if it is not redundant. False: it says
# that it is, and is broken, or of a codec that was not negotiated.
cdef bint find_primary(const producer_t *producer, ingress_t *packet) noexcept nogil
