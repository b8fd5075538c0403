"""DTLS that waits until media has gone: a handshake costs as much as some hundred packets."""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.address cimport transport_tuple_t

cdef enum:
    HANDSHAKE_QUEUE = 256        # datagrams; a peer whose one found no room sends it again
    HANDSHAKE_BYTES = 2048       # of one

cdef struct waiting_datagram_t:
    transport_tuple_t source
    uint32_t size
    uint8_t data[2048]

# A ring, in the order of arrival.
cdef struct handshake_queue_t:
    waiting_datagram_t *items
    uint32_t first
    uint32_t count

cdef int handshake_queue_init(handshake_queue_t *queue) noexcept nogil           # OK or NO_MEMORY
cdef void handshake_queue_free(handshake_queue_t *queue) noexcept nogil
# Copies a datagram in. NO_SPACE: the queue is full, or it is too large.
cdef int handshake_queue_put(handshake_queue_t *queue, const uint8_t *data, uint32_t size,
                             const transport_tuple_t *source) noexcept nogil
# The one that has waited longest, NULL: none. It holds until the next put.
cdef waiting_datagram_t *handshake_queue_take(handshake_queue_t *queue) noexcept nogil
