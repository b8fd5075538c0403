"""UDP sockets of a worker: batches in by recvmmsg, batches out by sendmmsg, both in runs (GRO, GSO)."""
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

from mediaplane.counters cimport counters_t
from mediaplane.model cimport datagram_t, send_t

cdef struct udp_socket_t:
    int fd
    uint8_t family               # FAMILY_IPV4 or FAMILY_IPV6
    uint8_t index                # in transport_tuple_t.socket
    uint8_t wildcard             # bound to every address: the local one travels with each datagram
    uint8_t segments             # the kernel takes UDP_SEGMENT
    uint16_t port

cdef enum:
    RECEIVE_MESSAGES = 64        # a message is a datagram, or a run of equal ones from one source
    RECEIVE_DATAGRAMS = 8192     # 128 (the kernel's UDP_MAX_SEGMENTS) for each message

cdef struct receive_batch_t
cdef struct send_batch_t

cdef receive_batch_t *receive_batch_new() noexcept nogil         # NULL: no memory
cdef void receive_batch_free(receive_batch_t *batch) noexcept nogil
cdef send_batch_t *send_batch_new() noexcept nogil
cdef void send_batch_free(send_batch_t *batch) noexcept nogil

# Binds; `port` 0 takes any free one. OK or -errno. `address`: 4 or 16 bytes.
cdef int udp_open(udp_socket_t *socket, const uint8_t *address, uint8_t family, uint16_t port,
                  uint8_t index) noexcept nogil
cdef void udp_close(udp_socket_t *socket) noexcept nogil
# Empties the batch, whose datagrams are written over from now on.
cdef void receive_batch_clear(receive_batch_t *batch) noexcept nogil
# Puts what is there behind what the batch has, without waiting, until it has RECEIVE_MESSAGES. Returns the number of
# messages, or -errno when the socket can't be used any more.
cdef int udp_receive(udp_socket_t *socket, receive_batch_t *batch, counters_t *counters) noexcept nogil
cdef datagram_t *receive_batch_datagrams(receive_batch_t *batch, uint32_t *count) noexcept nogil
# Sends what goes out by the sockets; waits at most 2 ms for a full buffer, then drops and counts.
cdef void udp_send(udp_socket_t *sockets, uint32_t socket_count, send_batch_t *batch, const send_t *sends,
                   uint32_t count, counters_t *counters) noexcept nogil
