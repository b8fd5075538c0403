"""What a worker's thread has, and its loop: datagrams from its sockets through its plane and out, without the GIL."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

from mediaplane.linger cimport linger_t
from mediaplane.model cimport plane_t
from mediaplane.rings cimport ring_t
from mediaplane.udp_socket cimport receive_batch_t, send_batch_t, udp_socket_t

cdef enum:
    COMMAND_TAG = 255            # of the command ring's eventfd among the sockets' indices

cdef struct worker_t:
    plane_t plane
    udp_socket_t sockets[8]
    uint32_t socket_count
    int epoll_fd
    int command_fd
    int event_fd
    int stopping
    linger_t linger
    int64_t idle_us              # in this round
    uint64_t events_told         # the event ring's tail when Python was woken last
    uint64_t levels_told         # how many of them were audio levels
    int64_t told_us
    ring_t events
    ring_t *commands
    receive_batch_t *receiving
    send_batch_t *sending

# The thread: until `stopping`; then it closes every transport. `argument` is a worker_t.
cdef void *worker_run(void *argument) noexcept nogil
