"""What the kernel takes for datagrams: runs that are ready are given to it, in a loop without Python."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset
from posix.time cimport clock_gettime, clockid_t, timespec

from mediaplane.address cimport FAMILY_IPV4, transport_tuple_t
from mediaplane.counters cimport counters_t
from mediaplane.model cimport send_t
from mediaplane.udp_socket cimport (
    send_batch_free, send_batch_new, send_batch_t, udp_close, udp_open, udp_send, udp_socket_t,
)

cdef extern from "<time.h>" nogil:
    const clockid_t CLOCK_THREAD_CPUTIME_ID

cdef enum:
    MOST_DESTINATIONS = 256
    LOOPBACK_WORD = 0x0100007F   # 127.0.0.1 as it lies in memory


cdef inline int64_t _cpu_ns() noexcept nogil:
    cdef timespec spent
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent)
    return spent.tv_sec * 1000000000 + spent.tv_nsec


cdef class SocketBench:
    """A run of `run_length` datagrams of `size` bytes to each of the IPv4 loopback `ports`, again and again."""

    cdef udp_socket_t socket
    cdef send_batch_t *batch
    cdef transport_tuple_t tuples[256]
    cdef send_t sends[256]
    cdef uint32_t destinations
    cdef bytearray payload
    cdef counters_t counters
    cdef readonly int64_t cpu_ns     # of the last call of `run`, the kernel's part included

    def __cinit__(self, *args):
        self.socket.fd = -1

    def __init__(self, list ports, uint32_t run_length, uint32_t size):
        cdef uint32_t loopback = LOOPBACK_WORD
        cdef uint32_t i
        if not 1 <= len(ports) <= MOST_DESTINATIONS or not 1 <= run_length * size <= 65000:
            raise ValueError("1 to 256 ports, and runs of at most 65,000 bytes")
        self.batch = send_batch_new()
        if self.batch == NULL:
            raise MemoryError
        memset(&self.counters, 0, sizeof(counters_t))
        memset(self.tuples, 0, sizeof(self.tuples))
        memset(self.sends, 0, sizeof(self.sends))
        if udp_open(&self.socket, <uint8_t *>&loopback, FAMILY_IPV4, 0, 0) != 0:
            raise OSError("no UDP socket at 127.0.0.1")
        self.payload = bytearray(run_length * size)
        self.destinations = len(ports)
        for i in range(self.destinations):
            memcpy(self.tuples[i].remote, &loopback, 4)
            self.tuples[i].remote_port = ports[i]
            self.tuples[i].family = FAMILY_IPV4
            self.sends[i].data = self.payload
            self.sends[i].size = run_length * size
            self.sends[i].segment_size = <uint16_t>size if run_length > 1 else 0
            self.sends[i].segments = <uint16_t>run_length
            self.sends[i].destination = &self.tuples[i]

    def __dealloc__(self):
        if self.socket.fd >= 0:
            udp_close(&self.socket)
        send_batch_free(self.batch)

    def run(self, int rounds):
        cdef int64_t before_ns
        cdef int _
        with nogil:
            before_ns = _cpu_ns()
            for _ in range(rounds):
                udp_send(&self.socket, 1, self.batch, self.sends, self.destinations, &self.counters)
            self.cpu_ns = _cpu_ns() - before_ns
