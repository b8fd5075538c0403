"""A peer's UDP socket: connected, so that the server sees one 5-tuple a peer and the kernel sorts the datagrams."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef struct incoming_t               # buffers for one batch, shared by all peers

# `segments`: take runs of equal datagrams in one piece (UDP_GRO). NULL: no memory.
cdef incoming_t *incoming_new(bint segments) noexcept nogil
cdef void incoming_free(incoming_t *incoming) noexcept nogil

# A socket to `address` (4 or 16 bytes), or -errno. `segments`: as above.
cdef int peer_socket_open(const uint8_t *address, uint8_t address_size, uint16_t port, bint segments) noexcept nogil
# Messages taken, or -errno; never waits. The next step reads them: peer_socket_message().
cdef int peer_socket_receive(int fd, incoming_t *incoming) noexcept nogil
cdef bint peer_socket_is_full(const incoming_t *incoming, int received) noexcept nogil      # there may be more
# Message `index`: its bytes, and the size of its datagrams (the last may be shorter).
cdef uint8_t *peer_socket_message(incoming_t *incoming, int index, uint32_t *size,
                                  uint32_t *segment_size) noexcept nogil
# Sends `count` datagrams that lie `stride` bytes apart. Returns how many went, or -errno.
cdef int peer_socket_send(int fd, const uint8_t *data, uint32_t stride, const uint32_t *sizes,
                          uint32_t count) noexcept nogil
