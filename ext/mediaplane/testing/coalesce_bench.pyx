"""The egress without sealing: datagrams are committed and joined to runs, in a loop without Python."""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from mediaplane.address cimport transport_tuple_t
from mediaplane.counters cimport counters_t
from mediaplane.egress cimport egress_commit, egress_flush, egress_free, egress_init, egress_reserve
from mediaplane.model cimport egress_t
from mediaplane.secure.srtp cimport SRTP_BACKEND_LIBCRYPTO, srtp_engine_free, srtp_engine_new, srtp_engine_t
from mediaplane.status cimport check


cdef class CoalesceBench:
    """`run_length` datagrams of `size` bytes to each of `destinations`, one after the other."""

    cdef egress_t *egress
    cdef srtp_engine_t *engine
    cdef counters_t counters
    cdef transport_tuple_t tuples[256]
    cdef uint32_t destinations
    cdef uint32_t run_length
    cdef uint32_t size
    cdef readonly uint32_t sends     # runs that the last round made

    def __cinit__(self, *args):
        self.egress = <egress_t *>calloc(1, sizeof(egress_t))
        if self.egress == NULL:
            raise MemoryError

    def __init__(self, uint32_t destinations, uint32_t run_length, uint32_t size):
        cdef uint8_t *room
        cdef uint32_t count = 0
        if not 1 <= destinations <= 256:
            raise ValueError("1 to 256 destinations")
        check(egress_init(self.egress))
        # Nothing is sealed, but a flush takes an engine.
        self.engine = srtp_engine_new(SRTP_BACKEND_LIBCRYPTO)
        if self.engine == NULL:
            raise MemoryError
        memset(&self.counters, 0, sizeof(counters_t))
        memset(self.tuples, 0, sizeof(self.tuples))
        self.destinations = destinations
        self.run_length = run_length
        self.size = size
        while count < destinations * run_length:
            room = egress_reserve(self.egress)
            if room == NULL:
                raise ValueError(f"the egress holds {count} of these at once")
            egress_commit(self.egress, size, &self.tuples[0])
            count += 1

    def __dealloc__(self):
        egress_free(self.egress)
        free(self.egress)
        if self.engine != NULL:
            srtp_engine_free(self.engine)

    def run(self, int rounds):
        cdef uint32_t i, _j
        cdef int _round
        with nogil:
            for _round in range(rounds):
                for i in range(self.destinations):
                    for _j in range(self.run_length):
                        egress_reserve(self.egress)
                        egress_commit(self.egress, self.size, &self.tuples[i])
                self.sends = egress_flush(self.egress, self.engine, &self.counters)
